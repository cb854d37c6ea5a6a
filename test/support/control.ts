import type { FastifyInstance, InjectOptions } from 'fastify'
import type { AuditEntry } from '../../src/control/audit.ts'
import { ApiKeys, MemoryApiKeyRows } from '../../src/control/auth/api-keys.ts'
import { Auth, type AuthParts } from '../../src/control/auth/auth.ts'
import { TokenMint } from '../../src/control/auth/token-mint.ts'
import { Dependencies, type DependencyCheck } from '../../src/control/dependencies.ts'
import { Metrics } from '../../src/control/metrics.ts'
import type { ControlParts } from '../../src/control/parts.ts'
import { buildApp, type ControlOptions } from '../../src/control/server.ts'
import { SessionTotals } from '../../src/control/session-totals.ts'
import { aborted } from '../../src/lib/abort.ts'
import type { Clock } from '../../src/lib/clock.ts'
import { type Logger, silentLogger } from '../../src/lib/log.ts'
import { Bridge, localEngine } from '../../src/room/bridge.ts'
import { type Leg, type LegStats, noStats } from '../../src/room/leg.ts'
import { FakeEvents, FakeIngresses, FakeRecordings, FakeStreams, FakeWebhooks } from './control-fakes.ts'
import { ManualClock } from './manual-clock.ts'

export const ADMIN_KEY = 'alk_test_admin_key'
export const admin = { 'x-auralink-api-key': ADMIN_KEY }

export const service = { name: 'ingress-egress', version: '1.0.0', environment: 'test', region: 'us-west-2', bridgeId: 'bridge-test' }

export type Surroundings = {
  options?: Partial<ControlOptions>
  parts?: Partial<ControlParts>
  auth?: Partial<AuthParts>
  checks?: readonly DependencyCheck[]
  clock?: Clock
  log?: Logger
}

/** The HTTP side with everything around it faked: `parts` to hand to openControl, or `app` to inject requests into. */
export function controlParts ({ parts = {}, auth: authParts = {}, checks = [], clock = new ManualClock(), log = silentLogger }: Surroundings = {}) {
  const totals = new SessionTotals()
  const bridge = new Bridge({ engine: localEngine, journal: totals, log, limits: { sessions: 1000, rooms: 1000 } })
  const keys = new MemoryApiKeyRows()
  const auth = new Auth({ clock, apiKeys: new ApiKeys(keys, clock, ADMIN_KEY), mint: new TokenMint(clock), ...authParts })
  const dependencies = new Dependencies({ checks, clock, log })
  const metrics = new Metrics({ bridge, totals, refusals: auth.refusals, ready: () => dependencies.ready })
  const audited: AuditEntry[] = []
  const fakes = { ingresses: new FakeIngresses(), streams: new FakeStreams(), recordings: new FakeRecordings(), events: new FakeEvents(), webhooks: new FakeWebhooks() }
  const all = {
    bridge, auth, dependencies, metrics, log, clock, audit: { record: (entry: AuditEntry) => { audited.push(entry) } },
    drain: () => { void bridge.drain(0) }, probeMedia: () => ({ username: 'us:them', password: 'p', candidates: [{ protocol: 'udp', address: '127.0.0.1', port: 1 }] }), ...fakes, ...parts
  } satisfies ControlParts
  return { parts: all, bridge, auth, dependencies, metrics, totals, audited, clock, keys, ...fakes }
}

export const controlOptions: ControlOptions = { host: '127.0.0.1', port: 0, service, rtmpUrl: hostname => `rtmp://${hostname}:1935/live` }

export type ControlUnderTest = Awaited<ReturnType<typeof controlUnderTest>>

/** All routes without a socket. */
export async function controlUnderTest (surroundings: Surroundings = {}) {
  const around = controlParts(surroundings)
  const app: FastifyInstance = await buildApp({ ...controlOptions, ...surroundings.options }, around.parts)
  const ask = (method: InjectOptions['method'], url: string, more: Omit<InjectOptions, 'method' | 'url'> = {}) =>
    app.inject({ method: method!, url, headers: admin, ...more })
  return {
    ...around, app, ask,
    async [Symbol.asyncDispose] () {
      await app.close()
      await around.bridge[Symbol.asyncDispose]()
      around.dependencies[Symbol.dispose]()
      around.metrics[Symbol.dispose]()
    }
  }
}

/** A leg that stays until told to go, with a participant of its own if it has an identity. */
export function restingLeg (kind: string, { identity, stats = noStats }: { identity?: string, stats?: LegStats } = {}): Leg {
  return {
    kind,
    stats: () => stats,
    async run (room, { signal, live, sessionId }) {
      using _me = identity === undefined ? undefined : room.join({ identity, source: kind, sessionId })
      live()
      await aborted(signal)
    }
  }
}
