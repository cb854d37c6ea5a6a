import type { Config } from './config/load.ts'
import type { Metrics } from './control/metrics.ts'
import type { Clock } from './lib/clock.ts'
import type { Logger } from './lib/log.ts'
import type { Bridge } from './room/bridge.ts'
import type { Dashboard } from './services/dashboard/dashboard.ts'
import type { GuardedDialer } from './services/guarded-dialer.ts'

/** The metrics a Dashboard is told: the names the first service had. */
const REPORTED = [
  'auralink_bridge_status', 'auralink_conference_count', 'auralink_participant_count', 'auralink_database_pool_active', 'auralink_redis_pool_active',
  'auralink_aic_compression_ratio', 'auralink_sip_call_count', 'auralink_rtmp_stream_count'
]

export type DashboardLinkOptions = {
  readonly url: string
  readonly config: Config
  readonly dialer: GuardedDialer
  readonly log: Logger
  readonly clock: Clock
  /** Built later than the link: asked when it has something to say. */
  readonly bridge: () => Bridge
  readonly metrics: () => Metrics
}

/** This bridge's side of the Dashboard Service, made from the configuration. */
export async function openDashboard ({ url, config, dialer, log, clock, bridge, metrics }: DashboardLinkOptions): Promise<Dashboard> {
  const { service: { bridgeId, region, environment, version, dataDir }, features, limits } = config
  const { apiKey, timeout, admission, registration, heartbeat } = config.dashboard
  const { Dashboard } = await import('./services/dashboard/dashboard.ts')
  return Dashboard.open({
    url, apiKey, timeout, admission, registration, heartbeat,
    metricsInterval: config.metrics.enabled ? config.metrics.exportInterval : undefined,
    bridge: {
      bridgeId, region, environment, capacity: limits.sessions,
      // What this bridge can do, not what was asked of it: nobody is to send it calls it cannot take.
      metadata: { version, features: { aic: false, sip: false, rtmp: features.enableRtmp, recording: features.enableRecording } }
    },
    load: () => {
      const { draining, sessions, rooms } = bridge()
      return { draining, sessions: sessions.size, conferences: rooms.length, participants: rooms.reduce((sum, room) => sum + room.participants.size, 0) }
    },
    metrics: () => reported(metrics()),
    dataDir,
    send: (to, request) => dialer.send(to, 'service', request),
    clock,
    log
  })
}

async function reported ({ registry }: Metrics): Promise<Record<string, number>> {
  const values = await Promise.all(REPORTED.map(async name => [name, (await registry.getSingleMetric(name)?.get())?.values[0]?.value ?? 0] as const))
  return Object.fromEntries(values)
}
