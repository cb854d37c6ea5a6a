import type { Config } from './config/load.ts'
import type { DependencyCheck } from './control/dependencies.ts'
import type { MediaWorkers } from './media/worker/pool.ts'
import type { Dashboard } from './services/dashboard/dashboard.ts'
import type { Storage } from './storage.ts'

/** What probes look at. Redis counts only where there is one: its stand-in in memory cannot be away. */
export function checksOf ({ health: { dependencies } }: Config, { database, cache }: Storage, dashboard: Dashboard | undefined): DependencyCheck[] {
  const checks: DependencyCheck[] = [{ name: 'database', mode: dependencies.postgres, endpoint: database.endpoint, check: signal => database.check(signal) }]
  if (cache.kind === 'redis') checks.push({ name: 'redis', mode: dependencies.redis, endpoint: cache.endpoint, check: signal => cache.check(signal) })
  if (dashboard) checks.push({ name: 'dashboard_service', mode: dependencies.dashboard, endpoint: dashboard.endpoint, check: signal => dashboard.check(signal) })
  return checks
}

export const poolsOf = ({ database, cache }: Storage) => ({ database: () => database.pool, redis: () => cache.pool })

export function workerFigures (workers: MediaWorkers): { workers: number, transcodes: number, restarts: number } {
  const { workers: running, jobs, restarts } = workers.stats()
  return { workers: running.length, transcodes: jobs, restarts }
}
