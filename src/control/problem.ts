import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { STATUS_CODES } from './node-http.ts'
import { AppError, type ErrorCode, errorTable, type FieldProblem } from '../lib/errors.ts'
import type { Clock } from '../lib/clock.ts'
import { Tally } from '../lib/log.ts'
import type { Allowed } from './methods.ts'
import { measure, type Observers } from './observe.ts'
import { TooManyRequests } from './too-many-requests.ts'

export const PROBLEM_TYPE = 'application/problem+json; charset=utf-8'

/** RFC 9457, with the stable `code` of our table and the fields that are wrong. */
export type Problem = {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  /** The request's id: what to search the log for. */
  readonly instance: string
  readonly code: ErrorCode
  readonly problems?: readonly FieldProblem[]
}

export function problemOf (error: AppError, requestId: string): Problem {
  const { code, httpStatus: status, problems } = error
  const { title } = errorTable[code]
  return { type: `/docs#${code}`, title, status, detail: error.message, instance: requestId, code, ...(problems.length > 0 ? { problems } : {}) }
}

/** What the framework says, in our words. Anything unknown below 500 is the client's mistake. */
const statusCodes: Readonly<Record<number, ErrorCode>> = {
  401: 'unauthorized',
  403: 'forbidden',
  404: 'not_found',
  405: 'method_not_allowed',
  408: 'request_timeout',
  412: 'precondition_failed',
  413: 'payload_too_large',
  415: 'unsupported_media_type',
  416: 'range_not_satisfiable',
  429: 'rate_limited',
  431: 'headers_too_large'
}

const frameworkDetails: Readonly<Record<string, string>> = {
  FST_ERR_CTP_INVALID_JSON_BODY: 'The body is not valid JSON.',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'The body does not have the length its header says.',
  FST_ERR_BAD_URL: 'The path is not a valid URL path.'
}

const isTimeout = (error: unknown): boolean => (error as Partial<FastifyError> | null)?.code === 'FST_ERR_HANDLER_TIMEOUT'

/** Either the body never came, or a part of ours did not answer. */
function tookTooLong ({ body, headers }: FastifyRequest): AppError {
  const hasBody = Number(headers['content-length'] ?? 0) > 0 || headers['transfer-encoding'] !== undefined
  if (hasBody && body === undefined) return new AppError('request_timeout')
  return new AppError('dependency_unavailable', 'This took too long. It may still happen: look before you try again.')
}

/** Any error as one of ours. Foreign ones from 500 up become `internal`: what they say stays in the log. */
export function toAppError (error: unknown): AppError {
  if (error instanceof AppError) return error
  const { statusCode = 500, code = '' } = (error ?? {}) as Partial<FastifyError>
  if (statusCode >= 500 || statusCode < 400) return new AppError('internal', undefined, { cause: error })
  return new AppError(statusCodes[statusCode] ?? 'bad_request', frameworkDetails[code], { cause: error })
}

export function sendProblem (reply: FastifyReply, error: AppError): FastifyReply {
  const { request } = reply
  // A string, so that no route's response schema looks at it.
  return reply.code(error.httpStatus).type(PROBLEM_TYPE).header('cache-control', 'no-store').header('x-request-id', request.id)
    .header('x-content-type-options', 'nosniff').serializer(asIs)
    .send(JSON.stringify(problemOf(error, request.id)))
}
const asIs = (text: unknown): string => text as string

/**
 * Every error of every route, and every path that is no route, answered with problem+json. A path that exists, asked in a way it does
 * not know, says which ways it knows (RFC 9110 section 15.5.6).
 */
export function answerErrors (app: FastifyInstance, observers: Observers & { readonly clock: Clock }, allowed: Allowed): void {
  const tally = new Tally(observers.log, observers.clock)
  app.setErrorHandler((thrown, request, reply) => {
    const error = isTimeout(thrown) ? tookTooLong(request) : toAppError(thrown)
    if (error.code === 'internal') tally.count('a request failed in a way it should not', describe(request, error), 'error')
    if (error instanceof TooManyRequests) reply.header('retry-after', String(error.retryAfterSeconds))
    else if (error.httpStatus === 503) reply.header('retry-after', '5')
    if (error.code === 'unauthorized') reply.header('www-authenticate', 'Bearer realm="auralink"')
    return sendProblem(reply, error)
  })
  app.addHook('onRequest', (request, reply, done) => {
    if (!request.is404) return done()
    // Before the body is read: whatever it is, it is not wanted. No route, no other hooks.
    const allow = allowed(request.url.split('?', 1)[0] ?? '')
    if (allow !== undefined) reply.header('allow', allow)
    sendProblem(reply, allow === undefined ? new AppError('not_found') : new AppError('method_not_allowed', `This path takes ${allow}.`))
    measure(request, reply, observers)
  })
}

const describe = (request: FastifyRequest, error: AppError): Record<string, unknown> =>
  ({ request: request.id, method: request.method, route: request.routeOptions.url, error: error.cause ?? error })

const parserCodes: Readonly<Record<string, ErrorCode>> = { HPE_HEADER_OVERFLOW: 'headers_too_large', ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout' }

/** The same for what fails before there is a request: bytes that are not HTTP, headers too long, clients too slow. */
export function rawProblem (parserCode: string | undefined): string {
  const error = new AppError(parserCodes[parserCode ?? ''] ?? 'bad_request')
  const body = JSON.stringify(problemOf(error, ''))
  return `HTTP/1.1 ${error.httpStatus} ${STATUS_CODES[error.httpStatus]}\r\nContent-Type: ${PROBLEM_TYPE}\r\n` +
    `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`
}
