// How long a viewer waits for the first picture, and how long each packet takes through the service.
import path from 'node:path'
import { testClip } from '../test/support/ffmpeg.ts'
import { PostgresServer } from '../test/support/postgres.ts'
import { Child } from './harness/child.ts'
import { atMost, type Bench, percentile, type Report, type Row, round } from './harness/report.ts'
import type { DelayLoad } from './load/forwarding-delay.ts'
import type { JoinFigures, JoinLoad } from './load/joins.ts'
import { ServicePeer } from './peers/service.ts'

const JOINS = Number(process.env.BENCH_JOINS ?? 60)
/** Code is compiled, connections are made. */
const WARM_JOINS = Math.min(10, JOINS >> 1)
const SECONDS = Number(process.env.BENCH_SECONDS ?? 8)
/** Packets a second: 2.5 Mbit/s. */
const RATE = 260
const VIEWERS = 10
/** A publisher is asked for a keyframe twice a second at most: joins that come closer share one. */
const LIVE_PAUSE_MS = 500
const CACHED_PAUSE_MS = 100
const JOINS_WITHIN_MS = 300_000

const load = (name: string, argument: object): Child => new Child('load', [process.execPath, path.join(import.meta.dirname, 'load', name), JSON.stringify(argument)])

async function result<Figures> (name: string, argument: object, withinMs: number): Promise<Figures> {
  await using child = load(name, argument)
  const [line] = await child.printed(/^\{.*\}$/m, withinMs)
  return JSON.parse(line) as Figures
}

const joins = (argument: JoinLoad): Promise<JoinFigures> => result('joins.ts', argument, JOINS_WITHIN_MS)

async function cached (service: ServicePeer, clip: string): Promise<JoinFigures> {
  const destination = await service.destination()
  await using publisher = load('publishers.ts', { clip, destinations: [destination] })
  await publisher.printed(/publishing/)
  return await joins({ endpoint: service.endpoint(destination.room), joins: JOINS, pauseMs: CACHED_PAUSE_MS })
}

const row = (what: string, values: readonly number[]): Row =>
  ({ what, count: values.length, 'p50 ms': round(percentile(values, 50)), 'p95 ms': round(percentile(values, 95)), 'p99 ms': round(percentile(values, 99)), 'max ms': round(values.reduce((most, value) => Math.max(most, value), 0)) })

async function run (): Promise<Report> {
  const clip = await testClip(20)
  await using postgres = await PostgresServer.start()
  await using service = await ServicePeer.start({ databaseUrl: await postgres.database() })
  const fromCache = (await cached(service, clip))
  const fromLive = await joins({ endpoint: service.endpoint('live'), publishRate: RATE, joins: JOINS, pauseMs: LIVE_PAUSE_MS })
  const forwarding: DelayLoad = { endpoint: service.endpoint('delay'), viewers: VIEWERS, rate: RATE, measuredMs: SECONDS * 1000 }
  const { delays, lost } = await result<{ delays: readonly number[], lost: number }>('forwarding-delay.ts', forwarding, SECONDS * 1000 + 60_000)
  const settled = (values: readonly number[]): readonly number[] => values.slice(WARM_JOINS)
  return {
    title: 'Joining over WHEP, and the way of a packet through the service',
    method: `The service on one core, publishers and viewers on the other, PostgreSQL outside. From the POST (the offer is ready) to the last packet of the first whole keyframe; nothing is decoded. ${JOINS} joins, one after the other, the first ${WARM_JOINS} not counted. ` +
      `Cached: an RTMP publisher, 720p30 with a keyframe every 2 s. Live: a WHIP publisher that sends a keyframe with the next picture when it is asked. Delay: from the publisher's handing a packet to its library to a viewer's being handed it, ${VIEWERS} viewers × ${RATE} packets/s, ${SECONDS} s, ${lost} lost.`,
    rows: [
      row('connected, cached', settled(fromCache.connected)), row('first keyframe, cached', settled(fromCache.keyframe)),
      row('connected, live', settled(fromLive.connected)), row('first keyframe, live', settled(fromLive.keyframe)), row('RTP in to RTP out', delays)
    ],
    targets: [
      atMost('p95 to the first keyframe, cached', percentile(settled(fromCache.keyframe), 95), 300, ' ms'),
      atMost('p95 to the first keyframe, live', percentile(settled(fromLive.keyframe), 95), 300, ' ms'),
      atMost('p99 from RTP in to RTP out', percentile(delays, 99), 5, ' ms')
    ]
  }
}

export const bench: Bench = { name: 'webrtc-join', run }
