import type { FastifyInstance } from 'fastify'
import type { AddressInfo } from 'node:net'
import { apiRoutes, type ApiOptions } from './api.ts'
import { consoleFiles } from './console-files.ts'
import { docsStyle } from './docs-page.ts'
import { EventStreams } from './event-stream.ts'
import { closeApp, newApp } from './http-app.ts'
import { limits } from './limits.ts'
import { noteMethods } from './methods.ts'
import { metricsRoute, openMetricsListener } from './metrics-listener.ts'
import { descriptionRoutes, describeApi } from './openapi.ts'
import { observe } from './observe.ts'
import type { ControlParts } from './parts.ts'
import { type ProbePaths, probes, type ServiceInfo, statusRoute } from './probes.ts'
import { openProbeListener } from './probe-listener.ts'
import { answerErrors } from './problem.ts'
import { browserRules, limitRates } from './security.ts'

export type ControlOptions = ApiOptions & {
  readonly host: string
  /** 0 takes any that is free. */
  readonly port: number
  readonly service: ServiceInfo
  /** Left out: `/health` and `/ready`; null: none. */
  readonly probes?: ProbePaths | null | undefined
  /** A second listener for the probes alone; they are on the HTTP port all the same. */
  readonly probePort?: number | undefined
  /** A second listener for the metrics alone; left out, they are on the HTTP port only. */
  readonly metricsPort?: number | undefined
  readonly metricsHost?: string | undefined
  readonly metricsPath?: string
  /** Whether `/status` and `/metrics` answer without credentials; otherwise they need the scope `admin`. */
  readonly publicStatus?: boolean
  readonly publicMetrics?: boolean
  /** The console's built files. */
  readonly consoleFolder?: string | undefined
  /** Addresses or CIDRs of proxies whose X-Forwarded-* headers count. */
  readonly trustedProxies?: readonly string[]
  readonly apiKeyHeader?: string
}

/** The HTTP side of the service: probes, API, console, metrics. */
export interface Control extends AsyncDisposable {
  readonly port: number
  readonly url: string
  readonly metricsPort: number | undefined
  readonly probePort: number | undefined
  /** For tests: requests without a socket. */
  readonly app: FastifyInstance
}

/** Opens the HTTP side. It listens when this returns, and is closed, streams and downloads included, when it is disposed. */
export async function openControl (options: ControlOptions, parts: ControlParts): Promise<Control> {
  const { metrics, auth } = parts
  await using opened = new AsyncDisposableStack()
  const app = await buildApp(options, parts)
  opened.defer(() => closeApp(app))
  await app.listen({ host: options.host, port: options.port })
  app.server.maxConnections = limits.maxConnections
  const { metricsPort, metricsHost: host = options.host, metricsPath: path = '/metrics', publicMetrics = true } = options
  const listener = metricsPort === undefined
    ? undefined
    : opened.use(await openMetricsListener({ host, port: metricsPort, path, scope: publicMetrics ? 'none' : 'admin' }, metrics, auth))
  const probing = options.probePort === undefined || options.probes === null
    ? undefined
    : opened.use(await openProbeListener({ host: options.host, port: options.probePort, paths: options.probes }, parts))
  const { port, address, family } = app.server.address() as AddressInfo
  const all = address === '0.0.0.0' || address === '::'
  const name = all ? 'localhost' : family === 'IPv6' ? `[${address}]` : address
  const stack = opened.move()
  return { port, url: `http://${name}:${port}`, metricsPort: listener?.port, probePort: probing?.port, app, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}

/** All routes, listening nowhere yet. */
export async function buildApp (options: ControlOptions, parts: ControlParts): Promise<FastifyInstance> {
  const app = newApp(options.trustedProxies ?? [])
  const { dependencies, bridge, clock, events, plugins = [] } = parts
  answerErrors(app, parts, noteMethods(app))
  await describeApi(app, options.service.version, options.apiKeyHeader ?? 'X-AuraLink-API-Key')
  if (options.probes !== null) probes(app, { dependencies, bridge, clock }, options.probes)
  await app.register(async front => {
    observe(front, parts)
    await browserRules(front, options)
    await front.register(pages => pageRoutes(pages, options, parts))
    await front.register(async media => {
      await limitRates(media, options, () => true)
      for (const plugin of plugins) await media.register(plugin)
    })
    await front.register(async api => {
      const streams = events && new EventStreams(events, clock)
      api.addHook('preClose', async () => { streams?.[Symbol.dispose]() })
      await apiRoutes(api, parts, options, streams)
    }, { prefix: '/api/v1' })
  })
  await app.ready()
  return app
}

/** What is neither a probe nor the API: status, metrics, descriptions, the console. */
async function pageRoutes (pages: FastifyInstance, options: ControlOptions, parts: ControlParts): Promise<void> {
  const { service, publicStatus = true, publicMetrics = true, metricsPath = '/metrics', consoleFolder } = options
  pages.addHook('onRequest', async request => {
    if (request.routeOptions.config.scope === 'admin') await parts.auth.authorize(request, 'admin')
  })
  statusRoute(pages, parts, { service, scope: publicStatus ? 'none' : 'admin' })
  metricsRoute(pages, parts.metrics, metricsPath, publicMetrics ? 'none' : 'admin')
  descriptionRoutes(pages)
  pages.get('/docs.css', { schema: { hide: true } }, (_request, reply) => reply.type('text/css; charset=utf-8').send(docsStyle))
  if (consoleFolder !== undefined) await consoleFiles(pages, consoleFolder)
}
