import fastify, { type FastifyInstance } from 'fastify'
import { randomBytes } from 'node:crypto'
import { within } from '../lib/abort.ts'
import { limits } from './limits.ts'
import { rawProblem, sendProblem, toAppError } from './problem.ts'
import { validatorCompiler } from './validation.ts'

/** In the place of the JSON Schema libraries that Fastify would load: both compilers are set below. */
const unused = (() => { throw new Error('a compiler that was replaced has been asked for') }) as never

/** Fastify with every limit set and our way of checking, printing and failing. */
export function newApp (trustedProxies: readonly string[]): FastifyInstance {
  const run = randomBytes(6).toString('base64url')
  let requests = 0
  const app = fastify({
    bodyLimit: limits.maxJsonBytes,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    maxRequestsPerSocket: limits.maxRequestsPerSocket,
    http: {
      headersTimeout: limits.headersTimeoutMs,
      maxHeaderSize: limits.maxHeaderBytes,
      connectionsCheckingInterval: limits.connectionsCheckingIntervalMs
    },
    routerOptions: { maxParamLength: limits.maxParameterLength },
    genReqId: () => `req_${run}${(++requests).toString(36)}`, // Unlike a random id, it costs nothing.
    trustProxy: trustedProxies.length > 0 ? [...trustedProxies] : false,
    forceCloseConnections: 'idle',
    schemaController: { compilersFactory: { buildValidator: unused, buildSerializer: unused } },
    frameworkErrors: (error, _request, reply) => { sendProblem(reply, toAppError(error)) },
    clientErrorHandler: (error, socket) => {
      if (socket.writable && error.code !== 'ECONNRESET') socket.end(rawProblem(error.code))
      else socket.destroy()
    }
  })
  app.setValidatorCompiler(validatorCompiler)
  // Views choose the fields, and a test holds every answer against its schema: here it is only printed.
  app.setSerializerCompiler(() => data => data === null || data === undefined ? '' : JSON.stringify(data))
  const parseJson = app.getDefaultJsonParser('error', 'error')
  app.removeContentTypeParser('application/json')
  app.addContentTypeParser<string>('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') done(null, undefined) // Many clients say JSON and send nothing, where nothing is needed.
    else void parseJson(request, body, done)
  })
  app.removeContentTypeParser('text/plain') // A form of another site can send it without asking.
  return app
}

/** Lets what is being answered finish, for a while. */
export async function closeApp (app: FastifyInstance): Promise<void> {
  const closed = app.close()
  if (await within(limits.closeDeadlineMs, closed)) return
  app.server.closeAllConnections()
  await closed
}

