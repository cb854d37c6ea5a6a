import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { Bridge } from '../room/bridge.ts'
import type { QualityRecord } from '../room/quality/quality-watch.ts'
import type { SessionInfo } from '../room/session.ts'
import type { Refusals } from './auth/refusals.ts'
import type { PoolStats } from './parts.ts'
import { processMetrics } from './process-metrics.ts'
import { qualityByKind } from './quality.ts'
import type { SessionTotals } from './session-totals.ts'

export type MetricSources = {
  readonly bridge: Bridge
  readonly totals: SessionTotals
  readonly refusals?: Refusals
  readonly ready?: () => boolean
  readonly pools?: { database? (): PoolStats, redis? (): PoolStats }
  readonly workers?: () => { workers: number, transcodes: number, restarts: number }
  /** Changes not yet in the database. */
  readonly journalDepth?: () => number
  /** Datagrams of WebRTC that the system did not take from us. */
  readonly datagramsDropped?: () => number
  /** Bytes before over bytes after; 0 while nothing is compressed. */
  readonly aicCompressionRatio?: () => number
}

type Labels = Readonly<Record<string, string>>
type Sample = readonly [labels: Labels, value: number]

/** Kinds that are streams of RTMP: in, and out to a platform. */
const RTMP_KINDS: ReadonlySet<string> = new Set(['rtmp', 'rtmp-out'])
const LOSS_BUCKETS = [0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2]
const MOS_BUCKETS = [1.5, 2, 2.5, 3, 3.5, 4, 4.3]
const LATENCY_BUCKETS_SECONDS = [0.002, 0.005, 0.02, 0.1, 0.5, 2]

/**
 * What Prometheus scrapes. Nothing is counted twice: every value is read where it lives, at the moment of the scrape. Labels
 * are kinds, states and route patterns, all from closed sets; nothing a peer says becomes one.
 */
export class Metrics implements Disposable {
  readonly registry = new Registry()
  readonly #requests: Counter<'method' | 'route' | 'status'>
  readonly #latency: Histogram<'method' | 'route'>
  readonly #loss: Histogram<'kind' | 'direction'>
  readonly #mos: Histogram<'kind' | 'direction'>
  readonly #frozen: Counter<'kind' | 'direction'>
  readonly #process: Disposable
  readonly #bridge: Bridge
  #described: readonly SessionInfo[] | undefined

  constructor (sources: MetricSources) {
    this.#bridge = sources.bridge
    this.#seedNames(sources)
    this.#sessions(sources)
    this.#platform(sources)
    this.#process = processMetrics(this.registry)
    const registers = [this.registry]
    this.#requests = new Counter({
      name: 'auralink_http_requests_total',
      help: 'HTTP requests answered, by route pattern and class of status',
      labelNames: ['method', 'route', 'status'],
      registers
    })
    this.#latency = new Histogram({
      name: 'auralink_http_request_duration_seconds',
      help: 'Time from a request’s header to the end of its answer',
      labelNames: ['method', 'route'],
      buckets: LATENCY_BUCKETS_SECONDS,
      registers
    })
    const byWay = { labelNames: ['kind', 'direction'] as const, registers }
    this.#loss = new Histogram({ name: 'auralink_session_loss_ratio', help: 'Packets lost over packets sent, of sessions that are over', buckets: LOSS_BUCKETS, ...byWay })
    this.#mos = new Histogram({ name: 'auralink_session_mos', help: 'Estimated mean opinion score of the sound (ITU-T G.107), of sessions that are over', buckets: MOS_BUCKETS, ...byWay })
    this.#frozen = new Counter({ name: 'auralink_picture_frozen_seconds_total', help: 'How long pictures stood still, in sessions that are over', ...byWay })
  }

  /** @param route a route's pattern, never the path asked for. */
  observeRequest (method: string, route: string, status: number, seconds: number): void {
    this.#requests.inc({ method, route, status: `${Math.trunc(status / 100)}xx` })
    this.#latency.observe({ method, route }, seconds)
  }

  /** Of a session that is over; what was not measured is not counted. */
  observeQuality ({ kind, quality: { direction, lossPercent, estimatedMos, freezes } }: QualityRecord): void {
    const labels = { kind, direction }
    if (lossPercent !== null) this.#loss.observe(labels, lossPercent / 100)
    if (estimatedMos !== null) this.#mos.observe(labels, estimatedMos)
    if (freezes) this.#frozen.inc(labels, freezes.totalMs / 1000)
  }

  get contentType (): string { return this.registry.contentType }
  text (): Promise<string> { return this.registry.metrics() }
  [Symbol.dispose] (): void { this.#process[Symbol.dispose]() }

  /** All metrics of one scrape are collected in one go: the sessions are described once for all of them. */
  get #live (): readonly SessionInfo[] {
    if (this.#described) return this.#described
    queueMicrotask(() => { this.#described = undefined })
    return this.#described = [...this.#bridge.sessions.values()].map(session => session.describe())
  }

  /** The names the first service had: its operators' dashboards are built on them. */
  #seedNames ({ bridge, ready, pools, aicCompressionRatio }: MetricSources): void {
    const count = (wanted: (kind: string) => boolean): number => this.#live.filter(({ kind }) => wanted(kind)).length
    this.#gauge('auralink_bridge_status', 'Whether this bridge takes work: 1, or 0 while it drains or misses what it needs', () =>
      bridge.draining || ready?.() === false ? 0 : 1)
    this.#gauge('auralink_conference_count', 'Conferences open', () => bridge.rooms.length)
    this.#gauge('auralink_participant_count', 'Participants in all conferences',
      () => bridge.rooms.reduce((sum, room) => sum + room.participants.size, 0))
    this.#gauge('auralink_database_pool_active', 'Database connections in use', () => pools?.database?.().active ?? 0)
    this.#gauge('auralink_redis_pool_active', 'Redis connections in use', () => pools?.redis?.().active ?? 0)
    this.#gauge('auralink_aic_compression_ratio', 'Bytes before over bytes after AIC compression; 0 while nothing is compressed',
      () => aicCompressionRatio?.() ?? 0)
    this.#gauge('auralink_sip_call_count', 'SIP calls', () => count(kind => kind === 'sip'))
    this.#gauge('auralink_rtmp_stream_count', 'RTMP streams', () => count(kind => RTMP_KINDS.has(kind)))
  }

  #sessions ({ totals }: MetricSources): void {
    const sums = () => [...totals.withLive(this.#live)]
    this.#gauges('auralink_sessions', 'Sessions now', ['kind', 'state'], () => countBy(this.#live))
    this.#counters('auralink_sessions_started_total', 'Sessions begun', ['kind'],
      () => sums().map(([kind, { started }]) => [{ kind }, started]))
    this.#counters('auralink_sessions_ended_total', 'Sessions over', ['kind', 'state'],
      () => sums().flatMap(([kind, { ended, failed }]) => both({ kind }, 'state', { ended, failed })))
    this.#counters('auralink_packets_total', 'Media packets', ['kind', 'direction'],
      () => sums().flatMap(([kind, { traffic }]) => both({ kind }, 'direction', { in: traffic.packetsIn, out: traffic.packetsOut })))
    this.#counters('auralink_bytes_total', 'Media bytes', ['kind', 'direction'],
      () => sums().flatMap(([kind, { traffic }]) => both({ kind }, 'direction', { in: traffic.bytesIn, out: traffic.bytesOut })))
    this.#counters('auralink_packets_lost_total', 'Media packets that did not arrive', ['kind'],
      () => sums().map(([kind, { traffic }]) => [{ kind }, traffic.packetsLost]))
    this.#gauges('auralink_jitter_seconds', 'Interarrival jitter over the live sessions', ['kind', 'statistic'],
      () => qualityByKind(this.#live, 'jitterMs'))
    this.#gauges('auralink_round_trip_seconds', 'Round trip time over the live sessions', ['kind', 'statistic'],
      () => qualityByKind(this.#live, 'roundTripMs'))
    this.#counters('auralink_conferences_opened_total', 'Conferences opened', [], () => [[{}, totals.conferencesOpened]])
    this.#counters('auralink_participants_joined_total', 'Participants that came', [], () => [[{}, totals.participantsJoined]])
  }

  #platform ({ pools, workers, journalDepth, datagramsDropped, refusals }: MetricSources): void {
    this.#gauge('auralink_database_pool_idle', 'Database connections at rest', () => pools?.database?.().idle ?? 0)
    this.#gauge('auralink_redis_pool_idle', 'Redis connections at rest', () => pools?.redis?.().idle ?? 0)
    this.#gauge('auralink_media_workers', 'Media workers running', () => workers?.().workers ?? 0)
    this.#gauge('auralink_transcodes', 'Tracks being transcoded', () => workers?.().transcodes ?? 0)
    this.#counters('auralink_worker_restarts_total', 'Media workers replaced after a crash or a hang', [],
      () => [[{}, workers?.().restarts ?? 0]])
    this.#gauge('auralink_journal_depth', 'Changes not yet in the database', () => journalDepth?.() ?? 0)
    this.#counters('auralink_media_datagrams_dropped_total', 'Datagrams of WebRTC that the system did not take: its buffer was full, or there was no way', [], () => [[{}, datagramsDropped?.() ?? 0]])
    this.#counters('auralink_auth_refusals_total', 'Requests not let in', ['reason'],
      () => [...refusals?.counts ?? []].map(([reason, times]) => [{ reason }, times]))
  }

  #gauge (name: string, help: string, read: () => number): void { this.#gauges(name, help, [], () => [[{}, read()]]) }

  #gauges (name: string, help: string, labelNames: string[], read: () => Iterable<Sample>): void {
    const collect = (): void => fill(gauge, read(), (labels, value) => gauge.set(labels, value))
    const gauge = new Gauge({ name, help, labelNames, registers: [this.registry], collect })
  }

  #counters (name: string, help: string, labelNames: string[], read: () => Iterable<Sample>): void {
    const collect = (): void => fill(counter, read(), (labels, value) => counter.inc(labels, value))
    const counter = new Counter({ name, help, labelNames, registers: [this.registry], collect })
  }
}

/** A sample for each value of one more label. */
const both = (labels: Labels, label: string, values: Readonly<Record<string, number>>): Sample[] =>
  Object.entries(values).map(([name, value]) => [{ ...labels, [label]: name }, value])

/** Puts in what is there now in place of what was there at the scrape before. */
function fill (metric: { reset (): void }, samples: Iterable<Sample>, put: (labels: Labels, value: number) => void): void {
  metric.reset()
  for (const [labels, value] of samples) put(labels, value)
}

function countBy (sessions: readonly SessionInfo[]): Sample[] {
  const groups = Map.groupBy(sessions, ({ kind, state }) => `${kind}\n${state}`)
  return [...groups.values()].map(([first, ...rest]) => [{ kind: first!.kind, state: first!.state }, rest.length + 1])
}
