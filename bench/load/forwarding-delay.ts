// One WHIP publisher whose packets say when they were sent, and viewers in the same process, so that there is one clock. What to do
// comes as JSON in the first argument; prints the delays as JSON.
import { setTimeout as sleep } from 'node:timers/promises'
import { type HttpEndpoint, publish, watchMany } from './endpoint.ts'
import { sentAt } from './paced-video.ts'

export type DelayLoad = { readonly endpoint: HttpEndpoint, readonly viewers: number, readonly rate: number, readonly measuredMs: number }

const PACKET_BYTES = 1200
const WARM_MS = 2_000
const AT_ONCE = 5

const { endpoint, viewers: wanted, rate, measuredMs } = JSON.parse(process.argv[2] ?? '{}') as DelayLoad
await publish(endpoint, rate, PACKET_BYTES)
const viewers = await watchMany(endpoint, wanted, AT_ONCE)
await sleep(WARM_MS)
const delays: number[] = []
for (const viewer of viewers) {
  viewer.onPacket = ({ bytes }) => { if (bytes.length >= PACKET_BYTES) delays.push(Number((performance.now() - sentAt(bytes)).toFixed(3))) } // The small one holds parameter sets.
}
await sleep(measuredMs)
console.log(JSON.stringify({ lost: viewers.reduce((sum, { lost }) => sum + lost, 0), delays }))
process.exit(0)
