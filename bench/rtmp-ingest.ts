// CPU and memory of taking in RTMP publishers without transcoding: ours, native code that moves the same bytes, and Node's best known.
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { testClip } from '../test/support/ffmpeg.ts'
import { PostgresServer } from '../test/support/postgres.ts'
import { Child } from './harness/child.ts'
import { usageOf } from './harness/process-tree.ts'
import { atMost, type Bench, type Report, round } from './harness/report.ts'
import { inTurn } from './harness/rounds.ts'
import { nginxRtmp } from './peers/nginx.ts'
import { nodeMediaServer } from './peers/node-media-server.ts'
import type { RtmpPeer } from './peers/peer.ts'
import { ServicePeer } from './peers/service.ts'

const PUBLISHERS = (process.env.BENCH_PUBLISHERS ?? '1,10,30').split(',').map(Number)
const SETTLE_MS = 4_000
const MEASURED_MS = Number(process.env.BENCH_SECONDS ?? 10) * 1000
const MiB = 2 ** 20
/** Of what a publisher sends in a second; more unsent, and the server has not kept up: the run is void. */
const MAX_UNSENT_BYTES = 300_000

type Figures = { cpuPercent: number, residentMiB: number, idleMiB: number }

/** Runs so many publishers against a server that was started for it. @param prepare what else the server is to do */
async function measure (peer: RtmpPeer, clip: string, publishers: number, prepare?: () => Promise<void>): Promise<Figures> {
  const idle = usageOf(peer.pid)
  const destinations = []
  for (let n = 0; n < publishers; n++) destinations.push(await peer.destination())
  await using load = new Child('load', [process.execPath, path.join(import.meta.dirname, 'load/publishers.ts'), JSON.stringify({ clip, destinations })])
  await load.printed(/publishing/)
  await prepare?.()
  await sleep(SETTLE_MS)
  const began = performance.now()
  const before = usageOf(peer.pid)
  await sleep(MEASURED_MS)
  const after = usageOf(peer.pid)
  const seconds = (performance.now() - began) / 1000
  process.kill(load.pid, 'SIGTERM')
  const [line] = await load.printed(/\{.*\}/)
  const { unsentBytes } = JSON.parse(line) as { unsentBytes: number }
  if (unsentBytes > MAX_UNSENT_BYTES * publishers) throw new Error(`${peer.name} did not keep up: ${unsentBytes} bytes unsent`)
  return { cpuPercent: (after.cpuMs - before.cpuMs) / seconds / 10, residentMiB: after.residentBytes / MiB, idleMiB: idle.residentBytes / MiB }
}

async function run (): Promise<Report> {
  const clip = await testClip(20)
  await using postgres = await PostgresServer.start()
  const start = async (): Promise<ServicePeer> => ServicePeer.start({ databaseUrl: await postgres.database() })
  const versions = new Map<string, string>()
  const with_ = async <Peer extends RtmpPeer> (begin: () => Promise<Peer>, use: (peer: Peer) => Promise<Figures>): Promise<Figures> => {
    await using peer = await begin()
    versions.set(peer.name, peer.version)
    return await use(peer)
  }
  const contestants = PUBLISHERS.flatMap(count => [
    { name: `AuraLink × ${count}`, measure: () => with_(start, peer => measure(peer, clip, count)) },
    { name: `nginx-rtmp × ${count}`, measure: () => with_(nginxRtmp, peer => measure(peer, clip, count)) },
    { name: `node-media-server × ${count}`, measure: () => with_(nodeMediaServer, peer => measure(peer, clip, count)) }
  ])
  const recorded = { name: 'AuraLink × 10, each recorded', measure: () => with_(start, peer => measure(peer, clip, 10, () => recordAll(peer, 10))) }
  const medians = await inTurn([...contestants, recorded])
  const rows = [...medians].map(([name, figures]) => {
    const count = Number(/× (\d+)/.exec(name)![1])
    return {
      server: name, '% of a core': round(figures.cpuPercent), '% each': round(figures.cpuPercent / count, 3), 'RSS MiB': round(figures.residentMiB, 0),
      'MiB each': round((figures.residentMiB - figures.idleMiB) / count, 1)
    }
  })
  const cpu = (name: string): number => medians.get(name)!.cpuPercent
  return {
    title: 'RTMP ingest, 720p30 of 2.5 Mbit/s with AAC, without transcoding',
    method: `Each server on one core, the publishers (one process) on the other; ${MEASURED_MS / 1000} s after ${SETTLE_MS / 1000} s; whole process trees; ours with PostgreSQL outside. ` +
      [...versions].map(([name, version]) => `${name} ${version}`).join(', ') + '.',
    rows,
    targets: [
      atMost('10 ingests, each recorded, together', cpu(recorded.name), 20, ' % of a core'),
      atMost('10 ingests compared with node-media-server', cpu('AuraLink × 10') / cpu('node-media-server × 10'), 0.6, 'x'),
      atMost('10 ingests compared with nginx-rtmp', cpu('AuraLink × 10') / cpu('nginx-rtmp × 10'), 2, 'x')
    ]
  }
}

async function recordAll (peer: ServicePeer, rooms: number): Promise<void> {
  for (let n = 1; n <= rooms; n++) await peer.call('POST', '/api/v1/recordings', { room: `bench-${n}` })
}

export const bench: Bench = { name: 'rtmp-ingest', run }
