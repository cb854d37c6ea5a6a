// What forwarding costs: one publisher's packets to many viewers, by the complete service, by Janus, by the library alone, and by the kernel alone.
import path from 'node:path'
import { PostgresServer } from '../test/support/postgres.ts'
import { Child } from './harness/child.ts'
import { type Usage, usageOf } from './harness/process-tree.ts'
import { atMost, type Bench, type Report, type Row, round, type Target } from './harness/report.ts'
import { inTurn } from './harness/rounds.ts'
import type { Endpoint } from './load/endpoint.ts'
import type { FanOutFigures, FanOutLoad } from './load/fan-out.ts'
import { BareSender } from './peers/bare-sender.ts'
import { hasJanus, janus } from './peers/janus.ts'
import type { FanOutPeer } from './peers/peer.ts'
import { ServicePeer } from './peers/service.ts'

type Scale = { readonly viewers: number, readonly rate: number }

/** Viewers × packets a second to each. */
const SCALES: readonly Scale[] = (process.env.BENCH_FANOUT ?? '10x600,50x600,100x400').split(',').map(text => {
  const [viewers = 0, rate = 0] = text.split('x').map(Number)
  return { viewers, rate }
})
const SECONDS = Number(process.env.BENCH_SECONDS ?? 8)
const PACKET_BYTES = 1200
const JOIN_WITHIN_MS = 60_000
/** They come before the rest, so that what they cost is not what compiling code and growing heaps for the first time costs. */
const WARM_VIEWERS = 5
const KiB = 2 ** 10
/** More lost, or a generator with less than this left of its core, or one that sent less than it should: the run is void. */
const MAX_LOSS = 0.001
const MAX_LOAD_CPU_PERCENT = 97
const MIN_SENT = 0.98
/** The machine may be busy with other things for a while. */
const ATTEMPTS = 2

type Figures = { perSecond: number, cpuUs: number, lossPercent: number, loadCpuPercent: number, cpuMsPerViewer: number, kiBPerViewer: number, void: number }

/** Starts a server, has it serve, measures it and stops it. */
async function measure (start: () => Promise<FanOutPeer<Endpoint>>, scale: Scale): Promise<Figures> {
  for (let attempt = 1; ; attempt++) {
    await using peer = await start()
    const figures = await measureOne(peer, scale)
    if (figures.void === 0 || attempt === ATTEMPTS) return figures
  }
}

async function measureOne (peer: FanOutPeer<Endpoint>, { viewers, rate }: Scale): Promise<Figures> {
  const argument: FanOutLoad = { endpoint: peer.endpoint, viewers, warmViewers: WARM_VIEWERS, rate, packetBytes: PACKET_BYTES, measuredMs: SECONDS * 1000 }
  await using load = new Child('load', [process.execPath, path.join(import.meta.dirname, 'load/fan-out.ts'), JSON.stringify(argument)])
  const at = async (step: string, withinMs: number): Promise<{ usage: Usage, line: string }> => {
    const [line] = await load.printed(new RegExp(`\\{"step":"${step}".*\\}`), withinMs)
    return { usage: usageOf(peer.pid), line }
  }
  const warm = await at('warm', JOIN_WITHIN_MS)
  const joined = await at('joined', JOIN_WITHIN_MS)
  const before = await at('measuring', JOIN_WITHIN_MS)
  const after = await at('measured', SECONDS * 1000 + JOIN_WITHIN_MS)
  const { received, lost, sent, seconds, loadCpuPercent } = JSON.parse(after.line) as FanOutFigures
  const joiners = viewers - WARM_VIEWERS
  const isVoid = lost > (received + lost) * MAX_LOSS || received < viewers * rate * seconds * (1 - MAX_LOSS) * MIN_SENT || loadCpuPercent > MAX_LOAD_CPU_PERCENT || sent < rate * seconds * MIN_SENT
  return {
    perSecond: received / seconds,
    cpuUs: (after.usage.cpuMs - before.usage.cpuMs) * 1000 / received,
    lossPercent: lost / (received + lost) * 100,
    loadCpuPercent,
    cpuMsPerViewer: (joined.usage.cpuMs - warm.usage.cpuMs) / joiners,
    kiBPerViewer: (after.usage.residentBytes - warm.usage.residentBytes) / KiB / joiners,
    void: isVoid ? 1 : 0
  }
}

async function service (databaseUrl: string): Promise<FanOutPeer<Endpoint>> {
  const peer = await ServicePeer.start({ databaseUrl })
  const scraping = setInterval(() => { void fetch(peer.metricsUrl).then(answer => answer.text()).catch(() => {}) }, 5_000) // As a monitor would, and more often.
  return { name: peer.name, version: peer.version, pid: peer.pid, endpoint: peer.endpoint('bench'), [Symbol.asyncDispose]: () => { clearInterval(scraping); return peer[Symbol.asyncDispose]() } }
}

/** The library alone, with the least JavaScript around it. */
async function bare (): Promise<FanOutPeer<Endpoint>> {
  const child = new Child('measured', [process.execPath, '--min-semi-space-size=8', '--max-semi-space-size=8', path.join(import.meta.dirname, 'peers/bare-fan-out.ts')])
  const [, url = ''] = await child.printed(/listening at (\S+)/)
  return { name: 'bare', version: '', pid: child.pid, endpoint: { kind: 'http', whip: `${url}/publish`, whep: `${url}/watch`, headers: {} }, [Symbol.asyncDispose]: () => child[Symbol.asyncDispose]() }
}

async function kernel (sender: BareSender, { viewers, rate }: Scale): Promise<Figures> {
  const { sent, received, seconds, cpuUs } = await sender.send({ sockets: viewers, count: viewers, rate, bytes: PACKET_BYTES, seconds: SECONDS })
  const lossPercent = (sent - received) / sent * 100
  return { perSecond: sent / seconds, cpuUs, lossPercent, loadCpuPercent: 0, cpuMsPerViewer: 0, kiBPerViewer: 0, void: lossPercent > MAX_LOSS * 100 ? 1 : 0 }
}

const contestants = ['AuraLink', 'Janus, event_loops=1', 'Janus as it comes', 'node-datachannel alone', 'sendmmsg in C'] as const
type Contestant = typeof contestants[number]
const nameOf = (contestant: Contestant, { viewers, rate }: Scale): string => `${viewers} × ${rate}  ${contestant}`

async function run (): Promise<Report> {
  await using scope = new AsyncDisposableStack()
  const postgres = scope.use(await PostgresServer.start())
  const databaseUrl = await postgres.database()
  const sender = scope.use(await BareSender.compile())
  const versions = new Map<string, string>()
  const known = (start: () => Promise<FanOutPeer<Endpoint>>) => async (): Promise<FanOutPeer<Endpoint>> => {
    const peer = await start()
    versions.set(peer.name, peer.version)
    return peer
  }
  const ways: Record<Contestant, (scale: Scale) => Promise<Figures>> = {
    'AuraLink': scale => measure(known(() => service(databaseUrl)), scale),
    'Janus, event_loops=1': scale => measure(known(() => janus(1)), scale),
    'Janus as it comes': scale => measure(known(() => janus()), scale),
    'node-datachannel alone': scale => measure(bare, scale),
    'sendmmsg in C': scale => kernel(sender!, scale)
  }
  const absent = [...hasJanus() ? [] : ['Janus (apt-get install --no-install-recommends janus)'], ...sender ? [] : ['sendmmsg (needs a C compiler)']]
  const chosen = contestants.filter(contestant => !absent.some(missing => contestant.startsWith(missing.split(' ')[0]!)))
  const medians = await inTurn(SCALES.flatMap(scale => chosen.map(contestant => ({ name: nameOf(contestant, scale), measure: () => ways[contestant](scale) }))))
  const rows = [...medians].map(([name, figures]): Row => ({
    'viewers × packets/s': name, 'forwarded/s': round(figures.perSecond, 0), 'CPU µs each': round(figures.cpuUs), 'lost %': round(figures.lossPercent, 3), 'load CPU %': round(figures.loadCpuPercent, 0),
    'ms per join': round(figures.cpuMsPerViewer), 'KiB per viewer': round(figures.kiBPerViewer, 0), 'note': figures.void > 0 ? 'void' : ''
  }))
  return {
    title: 'Forwarding one publisher to many viewers over WebRTC',
    method: `Packets of ${PACKET_BYTES} bytes; each server on one core, publisher and viewers (one process) on the other; ${SECONDS} s; processor time of whole process trees by packet that arrived. ` +
      'Viewers report arrivals (transport-cc) where the server numbers packets, and reception. Ours with authentication, reports, retransmissions, metrics scraped every 5 s, PostgreSQL outside; it decrypts a WHIP publisher, ' +
      'Janus (streaming plugin) gets plain RTP. Join: processor time until connected, per viewer; memory: after the run, per viewer. sendmmsg: the same datagrams at the same pace, unencrypted. ' +
      `Void: more than ${MAX_LOSS * 100} % lost, or a generator that could not keep up. ${absent.length > 0 ? `Not here: ${absent.join(', ')}. ` : ''}${[...versions].map(([name, version]) => `${name} ${version}`).join(', ')}.`,
    rows,
    targets: SCALES.filter(({ viewers }) => viewers >= 50).flatMap(scale => targetsOf(scale, medians))
  }
}

function targetsOf (scale: Scale, medians: ReadonlyMap<string, Figures>): Target[] {
  const of = (contestant: Contestant): Figures | undefined => medians.get(nameOf(contestant, scale))
  const ours = of('AuraLink')
  if (!ours) return []
  const where = `${scale.viewers} × ${scale.rate}`
  const ratio = (contestant: Contestant, limit: number): Target[] => {
    const theirs = of(contestant)
    if (!theirs) return []
    const target = atMost(`${where}, compared with ${contestant}`, ours.cpuUs / theirs.cpuUs, limit, 'x')
    const [isVoid] = [[ours, 'ours'] as const, [theirs, 'theirs'] as const].filter(([figures]) => figures.void > 0).map(([, whose]) => whose)
    return [isVoid === undefined ? target : { ...target, measured: `${target.measured}, void: ${isVoid}`, met: false }]
  }
  return [
    ...ratio('Janus, event_loops=1', 0.8), ...ratio('Janus as it comes', 0.45), ...ratio('sendmmsg in C', 2.5),
    atMost(`${where}, memory per viewer`, ours.kiBPerViewer, 256, ' KiB'), atMost(`${where}, processor time per join`, ours.cpuMsPerViewer, 3, ' ms')
  ]
}

export const bench: Bench = { name: 'webrtc-fanout', run }
