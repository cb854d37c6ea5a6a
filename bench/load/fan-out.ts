// One publisher and many viewers of one server, in one process. What to do comes as JSON in the first argument. Says each step as a
// line of JSON, so that whoever measures the server knows when to look: see `Step`.
import { setTimeout as sleep } from 'node:timers/promises'
import type { CountingViewer } from './counting-viewer.ts'
import { type Endpoint, publish, watchMany } from './endpoint.ts'

export type FanOutLoad = {
  readonly endpoint: Endpoint
  readonly viewers: number
  /** Of them, so many come first. */
  readonly warmViewers: number
  /** Packets per second. */
  readonly rate: number
  readonly packetBytes: number
  readonly measuredMs: number
}

/** `warm`: the first viewers are served. `joined`: all are there, almost nothing is sent. `measuring`, `measured`: the time between counts. */
export type Step = { readonly step: 'warm' | 'joined' | 'measuring' } | ({ readonly step: 'measured' } & FanOutFigures)
export type FanOutFigures = {
  readonly seconds: number
  /** By the publisher. */
  readonly sent: number
  /** By all viewers together. */
  readonly received: number
  readonly lost: number
  /** Of a core, by this process. */
  readonly loadCpuPercent: number
}

/** While viewers join: enough to be live. */
const QUIET_RATE = 4
const JOINS_AT_ONCE = 5
const WARM_MS = 2_000
const SETTLE_MS = 1_500
const QUIET_MS = 500

const say = (step: Step): void => console.log(JSON.stringify(step))

const { endpoint, viewers: wanted, warmViewers, rate, packetBytes, measuredMs } = JSON.parse(process.argv[2] ?? '{}') as FanOutLoad
const stream = await publish(endpoint, rate, packetBytes)
const viewers = await watchMany(endpoint, warmViewers, JOINS_AT_ONCE)
await sleep(WARM_MS)
stream.rate = QUIET_RATE
await sleep(QUIET_MS)
say({ step: 'warm' })
await sleep(QUIET_MS)
viewers.push(...await watchMany(endpoint, wanted - warmViewers, JOINS_AT_ONCE))
say({ step: 'joined' })
await sleep(QUIET_MS)
stream.rate = rate
await sleep(SETTLE_MS)

const sum = (figure: (viewer: CountingViewer) => number): number => viewers.reduce((total, viewer) => total + figure(viewer), 0)
const count = () => ({ at: performance.now(), sent: stream.sent, received: sum(({ packets }) => packets), lost: sum(({ lost }) => lost), cpu: process.cpuUsage() })
const before = count()
say({ step: 'measuring' })
await sleep(measuredMs)
const after = count()
const { user, system } = process.cpuUsage(before.cpu)
const seconds = (after.at - before.at) / 1000
say({
  step: 'measured', seconds, sent: after.sent - before.sent, received: after.received - before.received, lost: after.lost - before.lost,
  loadCpuPercent: (user + system) / seconds / 1e4
})
process.once('SIGTERM', () => process.exit(0))
