// How long a picture takes through the service: from the RTMP connection to a viewer's RTP packets, and to a browser's screen.
import path from 'node:path'
import { testClip } from '../test/support/ffmpeg.ts'
import { PostgresServer } from '../test/support/postgres.ts'
import { Child } from './harness/child.ts'
import { glassToGlass } from './harness/glass.ts'
import { atMost, type Bench, percentile, type Report, type Row, round } from './harness/report.ts'
import type { Delays, StampedLoad } from './load/stamped-stream.ts'
import { BENCH_API_KEY, ServicePeer } from './peers/service.ts'

const WARM_MS = 5_000
const MEASURED_MS = 20_000
const OTHERS = 10

const load = (name: string, argument: object): Child => new Child('load', [process.execPath, path.join(import.meta.dirname, 'load', name), JSON.stringify(argument)])

async function measure (service: ServicePeer, clip: string): Promise<Delays> {
  const destination = await service.destination()
  const stamped: StampedLoad = { clip, destination, whepUrl: `${service.url}/whep/${destination.room}`, apiKey: BENCH_API_KEY, warmMs: WARM_MS, measuredMs: MEASURED_MS }
  await using stream = load('stamped-stream.ts', stamped)
  const [line] = await stream.printed(/\{"first".*\}/, WARM_MS + MEASURED_MS + 30_000)
  return JSON.parse(line) as Delays
}

const row = (what: string, values: readonly number[]): Row =>
  ({ what, pictures: values.length, 'p50 ms': round(percentile(values, 50)), 'p95 ms': round(percentile(values, 95)), 'p99 ms': round(percentile(values, 99)), 'max ms': round(Math.max(...values)) })

async function run (): Promise<Report> {
  const clip = await testClip(20)
  await using postgres = await PostgresServer.start()
  await using service = await ServicePeer.start({ databaseUrl: await postgres.database() })
  const alone = await measure(service, clip)
  const destinations = []
  for (let n = 0; n < OTHERS; n++) destinations.push(await service.destination())
  await using others = load('publishers.ts', { clip, destinations })
  await others.printed(/publishing/)
  const busy = await measure(service, clip)
  await others[Symbol.asyncDispose]()
  const glass = await glassToGlass(service)
  const pictures = MEASURED_MS / 1000 * 30
  const seen = alone.last.length / pictures
  return {
    title: 'Delay from RTMP to WebRTC, 720p30 of 2.5 Mbit/s',
    method: `Every picture carries the moment it was handed to the RTMP connection; read by a viewer of bare packets in the same process, DTLS-SRTP on; ${MEASURED_MS / 1000} s after ${WARM_MS / 1000} s. ` +
      'Screen: from the moment a white picture was sent until Chromium showed it, its decoder and jitter buffer included; no camera, no encoder.',
    rows: [
      row('first packet of a picture', alone.first), row('last packet of a picture', alone.last), row(`last packet, ${OTHERS} other ingests`, busy.last),
      ...(glass.length > 0 ? [row('on the screen of Chromium', glass)] : [])
    ],
    targets: [
      atMost('p95 from RTMP to the last RTP packet', percentile(alone.last, 95), 3, ' ms'),
      { what: 'pictures that arrived whole', goal: '>= 99 %', measured: `${round(seen * 100, 1)} %`, met: seen >= 0.99 }
    ]
  }
}

export const bench: Bench = { name: 'rtmp-delay', run }
