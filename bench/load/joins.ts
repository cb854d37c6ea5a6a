// Joins again and again, and measures how long it takes. What to do comes as JSON in the first argument; prints the times as JSON.
import { setTimeout as sleep } from 'node:timers/promises'
import { startsKeyframe } from '../../src/media/keyframes.ts'
import type { RtpPacket } from '../../src/media/rtp-packet.ts'
import { connect, type HttpEndpoint, publish, viewerOver } from './endpoint.ts'

export type JoinLoad = {
  readonly endpoint: HttpEndpoint
  /** Packets per second of a WHIP publisher in this process; without, somebody else publishes. */
  readonly publishRate?: number
  readonly joins: number
  readonly pauseMs: number
}
/** Milliseconds from the POST until the connection was made, and until the last packet of the first keyframe was there. */
export type JoinFigures = { readonly connected: readonly number[], readonly keyframe: readonly number[] }

const PACKET_BYTES = 1200
const LIVE_MS = 1_000
const KEYFRAME_WITHIN_MS = 10_000

/** The first keyframe of a stream: it is whole when all packets of its time have come, without a gap, the marked one last. */
class FirstKeyframe {
  #next: number | undefined
  #timestamp = 0

  /** @returns whether it is whole with this packet */
  take (packet: RtpPacket): boolean {
    if (this.#next === undefined && startsKeyframe('H264', packet)) {
      this.#next = packet.sequenceNumber
      this.#timestamp = packet.timestamp
    }
    if (packet.sequenceNumber !== this.#next || packet.timestamp !== this.#timestamp) return false
    this.#next = (this.#next + 1) & 0xffff
    return packet.marker
  }
}

const { endpoint, publishRate, joins, pauseMs } = JSON.parse(process.argv[2] ?? '{}') as JoinLoad
if (publishRate !== undefined) {
  await publish(endpoint, publishRate, PACKET_BYTES)
  await sleep(LIVE_MS)
}

async function join (): Promise<{ connected: number, keyframe: number }> {
  const seen = Promise.withResolvers<number>()
  const first = new FirstKeyframe()
  let asked = 0
  let session: string | undefined
  await using stack = new AsyncDisposableStack()
  const connected = await connect(endpoint.whep, endpoint.headers, 'recvonly', prepared => {
    stack.use(prepared)
    stack.defer(async () => { if (session !== undefined) await fetch(session, { method: 'DELETE', headers: endpoint.headers }) })
    const viewer = stack.use(viewerOver(prepared))
    viewer.onPacket = packet => { if (first.take(packet)) seen.resolve(performance.now()) }
    asked = performance.now()
  })
  session = connected.session
  const connectedMs = performance.now() - asked
  const late = sleep(KEYFRAME_WITHIN_MS, undefined, { ref: false }).then(() => { throw new Error('no keyframe came') })
  const keyframe = await Promise.race([seen.promise, late]) - asked
  return { connected: connectedMs, keyframe }
}

const all: { connected: number, keyframe: number }[] = []
for (let n = 0; n < joins; n++) {
  all.push(await join())
  await sleep(pauseMs * (1 + Math.random())) // At any time within a group of pictures.
}
console.log(JSON.stringify({ connected: all.map(({ connected }) => connected), keyframe: all.map(({ keyframe }) => keyframe) } satisfies JoinFigures))
process.exit(0)
