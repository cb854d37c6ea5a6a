import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Logger } from '../lib/log.ts'
import type { Metrics } from './metrics.ts'

export type Observers = { readonly metrics: Metrics, readonly log: Logger }

/** Every answer says which request it was, and is measured. */
export function observe (app: FastifyInstance, observers: Observers): void {
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id).header('x-content-type-options', 'nosniff')
    done()
  })
  app.addHook('onResponse', (request, reply, done) => {
    measure(request, reply, observers)
    done()
  })
}

/** Under the route's pattern: what was asked for is a stranger's text. */
export function measure (request: FastifyRequest, reply: FastifyReply, { metrics, log }: Observers): void {
  const { url = 'none', schema } = request.routeOptions
  const route = schema?.hide ? 'other' : url // The console's files.
  const method = route === 'none' || route === 'other' ? 'any' : request.method === 'HEAD' ? 'GET' : request.method
  const ms = reply.elapsedTime
  metrics.observeRequest(method, route, reply.statusCode, ms / 1000)
  if (log.level !== 'debug') return
  log.debug({ request: request.id, method: request.method, route: url, status: reply.statusCode, ms: Math.round(ms) }, 'request')
}
