import { createHash } from 'node:crypto'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Clock } from '../lib/clock.ts'
import { AppError } from '../lib/errors.ts'
import { limits } from './limits.ts'

type Answer = { readonly status: number, readonly location: string | undefined, readonly type: string | undefined, readonly body: string }
type Entry = { readonly fingerprint: string, readonly until: number, answer: Answer | undefined }

const KEY = /^[\x21-\x7e]{1,128}$/
const PENDING = Symbol('the entry this request is to fill')
type Marked = FastifyRequest & { [PENDING]?: { entries: Map<string, Entry>, key: string } }

/**
 * `Idempotency-Key` on POST (draft-ietf-httpapi-idempotency-key-header): a client that lost the answer asks again and gets the
 * same one, instead of a second recording. Kept for ten minutes, on this bridge.
 */
export function idempotency (app: FastifyInstance, clock: Clock): void {
  const entries = new Map<string, Entry>()

  app.addHook('preHandler', async (request, reply) => {
    const header = request.headers['idempotency-key']
    if (request.method !== 'POST' || header === undefined || !request.principal) return
    if (typeof header !== 'string' || !KEY.test(header)) {
      const problem = { field: 'Idempotency-Key', expected: '1 to 128 visible characters' }
      throw new AppError('bad_request', `${problem.field}: expected ${problem.expected}`, { problems: [problem] })
    }
    const key = `${request.principal.subject}\n${header}`
    const fingerprint = createHash('sha256').update(`${request.url}\n${JSON.stringify(request.body ?? null)}`).digest('hex')
    const known = entries.get(key)
    if (known && known.until > clock.now()) {
      if (known.fingerprint !== fingerprint) throw new AppError('conflict', 'This Idempotency-Key was used for another request.')
      if (!known.answer) throw new AppError('conflict', 'The first request with this Idempotency-Key is still being answered.')
      const { status, location, type, body } = known.answer
      reply.code(status).header('idempotent-replayed', 'true').serializer((text: unknown) => text as string)
      if (location !== undefined) reply.header('location', location)
      if (type !== undefined) reply.type(type)
      return reply.send(body)
    }
    entries.delete(key)
    if (entries.size >= limits.idempotencyKeys) entries.delete(entries.keys().next().value!)
    entries.set(key, { fingerprint, until: clock.now() + limits.idempotencyMs, answer: undefined })
    ;(request as Marked)[PENDING] = { entries, key }
  })

  app.addHook('onSend', async (request, reply, payload) => {
    const pending = (request as Marked)[PENDING]
    const entry = pending && entries.get(pending.key)
    if (!entry) return payload
    const { statusCode: status } = reply
    // What failed on our side may well work the next time.
    if (status >= 500 || status === 429 || (payload !== undefined && payload !== null && typeof payload !== 'string')) entries.delete(pending.key)
    else {
      const [location, type] = ['location', 'content-type'].map(name => textOf(reply.getHeader(name)))
      entry.answer = { status, location, type, body: payload ?? '' }
    }
    return payload
  })
}

const textOf = (header: unknown): string | undefined => typeof header === 'string' ? header : undefined
