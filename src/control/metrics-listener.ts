import type { FastifyInstance } from 'fastify'
import { createServer } from './node-http.ts'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { Auth } from './auth/auth.ts'
import type { Scope } from './auth/principal.ts'
import { limits } from './limits.ts'
import type { Metrics } from './metrics.ts'
import { problemOf, PROBLEM_TYPE, toAppError } from './problem.ts'
import { bytes } from './routes/responses.ts'
import { AppError } from '../lib/errors.ts'

export type MetricsListenerOptions = { readonly host: string, readonly port: number, readonly path: string, readonly scope: Scope | 'none' }

const MAX_CONNECTIONS = 50

/** `/metrics` beside the API, on the same port. */
export function metricsRoute (app: FastifyInstance, metrics: Metrics, path: string, scope: Scope | 'none'): void {
  const schema = { tags: ['probes'], summary: 'Prometheus metrics', response: { 200: bytes('Text format 0.0.4', 'text/plain') } }
  app.get(path, { config: { scope }, schema }, async (_request, reply) =>
    reply.header('content-type', metrics.contentType).header('cache-control', 'no-store').send(await metrics.text()))
}

/** `/metrics` on a port of its own, that a firewall can keep for Prometheus. Nothing else is served there. */
export async function openMetricsListener (
  { host, port, path, scope }: MetricsListenerOptions, metrics: Metrics, auth: Auth
): Promise<AsyncDisposable & { port: number }> {
  const bounds = {
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    maxHeaderSize: limits.maxHeaderBytes,
    connectionsCheckingInterval: limits.connectionsCheckingIntervalMs
  }
  const server = createServer(bounds, (request, response) => {
    const answer = async (): Promise<string> => {
      if (request.url?.split('?')[0] !== path) throw new AppError('not_found')
      if (request.method !== 'GET' && request.method !== 'HEAD') throw new AppError('method_not_allowed')
      const { headers, method, socket } = request
      if (scope !== 'none') await auth.authorize({ headers, method, ip: socket.remoteAddress ?? '', host: headers.host ?? '' }, scope)
      return metrics.text()
    }
    answer().then(text => {
      response.writeHead(200, { 'content-type': metrics.contentType, 'cache-control': 'no-store' }).end(text)
    }, thrown => {
      const error = toAppError(thrown)
      response.writeHead(error.httpStatus, { 'content-type': PROBLEM_TYPE }).end(JSON.stringify(problemOf(error, '')))
    })
  })
  server.maxConnections = MAX_CONNECTIONS
  server.listen(port, host)
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose] () {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    }
  }
}
