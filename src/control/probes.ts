import type { FastifyInstance, FastifyReply } from 'fastify'
import { availableParallelism } from 'node:os'
import { getHeapStatistics } from 'node:v8'
import { z } from 'zod'
import type { Scope } from './auth/principal.ts'
import type { ControlParts, PoolStats } from './parts.ts'
import { withoutCredentials } from './dependencies.ts'

/** Who we are, as `/status` shows it. */
export type ServiceInfo = Readonly<Record<'name' | 'version' | 'environment' | 'region' | 'bridgeId', string>>

const tags = ['probes']
const checks = z.record(z.string(), z.boolean())
const health = z.object({ status: z.literal('healthy'), checks, timestamp: z.int() }).meta({ id: 'Health' })
const readiness = z.object({ status: z.enum(['ready', 'not_ready']), checks, timestamp: z.int() }).meta({ id: 'Readiness' })
const pool = z.object({ active_connections: z.int(), idle_connections: z.int() })
const status = z.object({
  status: z.enum(['ready', 'not_ready']),
  checks,
  timestamp: z.int(),
  draining: z.boolean(),
  uptimeSeconds: z.int(),
  service: z.object({ name: z.string(), version: z.string(), environment: z.string(), region: z.string(), bridgeId: z.string() }),
  resources: z.object({ memoryUsed: z.int(), memoryMax: z.int(), cpuProcessors: z.int(), databasePoolStats: pool, redisPoolStats: pool }),
  dependencies: z.record(z.string(), z.object({ status: z.enum(['healthy', 'unhealthy']), endpoint: z.string() }))
}).meta({ id: 'Status' })

export const JSON_TYPE = 'application/json; charset=utf-8'

/** A body made ready but for its timestamp: `{"status":"ready","checks":{…},"timestamp":`. */
const prepared = (statusText: string, checks: Readonly<Record<string, boolean>>): string =>
  `${JSON.stringify({ status: statusText, checks }).slice(0, -1)},"timestamp":`

const probeHeaders = { 'content-type': JSON_TYPE, 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' }

const send = (reply: FastifyReply, body: string, now: number): FastifyReply =>
  reply.headers(probeHeaders).send(`${body}${Math.trunc(now)}}`)

export type ProbePaths = { readonly liveness: string, readonly readiness: string }

const usualPaths: ProbePaths = { liveness: '/health', readiness: '/ready' }

/**
 * Liveness and readiness. They run no hook and look at nothing: every probe of every orchestrator together must not be
 * noticed by the media. `/health` in particular knows no dependency, or an outage of the database would restart every bridge.
 */
export function probes (
  app: FastifyInstance, { dependencies, bridge, clock }: Pick<ControlParts, 'dependencies' | 'bridge' | 'clock'>, { liveness, readiness: ready } = usualPaths
): void {
  const alive = prepared('healthy', { application: true })
  let answer = { changes: -1, draining: false, isReady: false, body: '' }
  const prepare = (): void => {
    const { changes } = dependencies
    const isReady = dependencies.ready && !bridge.draining
    answer = { changes, draining: bridge.draining, isReady, body: prepared(isReady ? 'ready' : 'not_ready', checksNow(dependencies)) }
  }

  app.get(liveness, {
    schema: { tags, summary: 'Is the process alive', response: { 200: health } }
  }, (_request, reply) => send(reply, alive, clock.wall()))
  app.get(ready, {
    schema: { tags, summary: 'Should it get work', response: { 200: readiness, 503: readiness } }
  }, (_request, reply) => {
    if (answer.changes !== dependencies.changes || answer.draining !== bridge.draining) prepare()
    if (!answer.isReady) reply.code(503)
    return send(reply, answer.body, clock.wall())
  })
}

export type StatusOptions = { readonly service: ServiceInfo, readonly scope: Scope | 'none' }

/** The whole state on one page, for a person or a dashboard. Holds no secret: endpoints are shown without credentials. */
export function statusRoute (app: FastifyInstance, parts: ControlParts, { service, scope }: StatusOptions): void {
  const { dependencies, bridge, clock, pools } = parts
  const max = memoryMax()
  app.get('/status', {
    config: { scope },
    schema: { tags, summary: 'Everything about this bridge', response: { 200: status } }
  }, () => ({
    status: dependencies.ready && !bridge.draining ? 'ready' : 'not_ready',
    checks: checksNow(dependencies),
    timestamp: Math.trunc(clock.wall()),
    draining: bridge.draining,
    uptimeSeconds: Math.trunc(process.uptime()),
    service,
    resources: {
      memoryUsed: process.memoryUsage.rss(),
      memoryMax: max,
      cpuProcessors: availableParallelism(),
      databasePoolStats: poolStats(pools?.database?.()),
      redisPoolStats: poolStats(pools?.redis?.())
    },
    dependencies: Object.fromEntries(dependencies.checks.map(({ name, endpoint = '' }) =>
      [name, { status: dependencies.healthy(name) ? 'healthy' : 'unhealthy', endpoint: withoutCredentials(endpoint) }]))
  }))
}

const checksNow = (dependencies: ControlParts['dependencies']): Record<string, boolean> =>
  Object.fromEntries(dependencies.checks.map(({ name }) => [name, dependencies.healthy(name)]))

/** The container's limit where there is one, else the heap's. Looked up once: it is several files of the kernel's. */
function memoryMax (): number {
  const constrained = process.constrainedMemory()
  return constrained > 0 && Number.isSafeInteger(constrained) ? constrained : getHeapStatistics().heap_size_limit
}

const poolStats = ({ active, idle }: PoolStats = { active: 0, idle: 0 }) => ({ active_connections: active, idle_connections: idle })
