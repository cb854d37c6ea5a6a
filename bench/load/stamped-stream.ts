// One RTMP publisher whose every picture carries the moment at which it was sent, and one WebRTC viewer of bare packets who
// reads it. Both in one process, so that there is one clock. Prints the delays as JSON.
import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { clipOf } from '../../src/dev/clip.ts'
import { parseFlv } from '../../src/dev/flv-file.ts'
import { replay, type ReplayTarget } from '../../src/dev/replay.ts'
import { systemClock as clock } from '../../src/lib/clock.ts'
import { ClientConnection } from '../../src/protocols/rtmp/client-connection.ts'
import { parseRtmpUrl } from '../../src/protocols/rtmp/url.ts'
import { RawPeer } from '../../test/support/raw-peer.ts'

export type StampedLoad = {
  readonly clip: string
  readonly destination: { readonly url: string, readonly streamKey: string }
  readonly whepUrl: string
  readonly apiKey: string
  readonly warmMs: number
  readonly measuredMs: number
}

/** Milliseconds from the moment a picture was handed to the RTMP connection to that of its first and of its last RTP packet at the viewer. */
export type Delays = { readonly first: readonly number[], readonly last: readonly number[] }

/** Tells our SEI messages (H.264 annex D.1.7, user data unregistered) from others. */
const UUID = Buffer.from('5c1e8a7d0b6f4f0a9d3c2e4f60718293', 'hex')
const STAMP_CHARACTERS = 16
const VIDEO_TAG_HEADER_BYTES = 5

/** A picture with a SEI message before it. The time is text, lest its bytes look like a start code. */
function stamped (body: Buffer): Buffer {
  if (body[1] !== 1) return body
  const stamp = Buffer.from(performance.now().toFixed(4).padStart(STAMP_CHARACTERS))
  const sei = Buffer.concat([Buffer.from([6, 5, UUID.length + stamp.length]), UUID, stamp, Buffer.from([0x80])])
  const length = Buffer.alloc(4)
  length.writeUInt32BE(sei.length)
  return Buffer.concat([body.subarray(0, VIDEO_TAG_HEADER_BYTES), length, sei, body.subarray(VIDEO_TAG_HEADER_BYTES)])
}

const { clip: file, destination, whepUrl, apiKey, warmMs, measuredMs } = JSON.parse(process.argv[2] ?? '{}') as StampedLoad
const controller = new AbortController()
const { host, port, app, tcUrl } = parseRtmpUrl(destination.url, destination.streamKey)
await using connection = await ClientConnection.publish(connect({ host, port, noDelay: true }), {
  app, tcUrl, streamKey: destination.streamKey, clock, signal: controller.signal, withinMs: 10_000
})
const target: ReplayTarget = { video: (body, timestamp) => connection.video(stamped(body), timestamp), audio: (body, timestamp) => connection.audio(body, timestamp) }
const replaying = replay(clipOf(parseFlv(await readFile(file))), target, { clock, signal: controller.signal })

await using peer = await RawPeer.create()
await sleep(1_000)
const answer = await fetch(whepUrl, { method: 'POST', headers: { 'content-type': 'application/sdp', 'X-AuraLink-API-Key': apiKey }, body: peer.offer })
if (answer.status !== 201) throw new Error(`WHEP: ${answer.status} ${await answer.text()}`)
await peer.accept(await answer.text())
await sleep(warmMs)

const first: number[] = []
const last: number[] = []
let sent = { timestamp: -1, at: 0 }
peer.packets.length = 0
peer.onPacket = packet => {
  const now = performance.now()
  peer.packets.length = 0
  const at = packet.payload.indexOf(UUID)
  if (at >= 0) {
    sent = { timestamp: packet.timestamp, at: Number(packet.payload.toString('latin1', at + UUID.length, at + UUID.length + STAMP_CHARACTERS)) }
    first.push(Number((now - sent.at).toFixed(3)))
  }
  if (packet.marker && packet.timestamp === sent.timestamp) last.push(Number((now - sent.at).toFixed(3)))
}
await sleep(measuredMs)
controller.abort()
await replaying
console.log(JSON.stringify({ first, last } satisfies Delays))
process.exit(0)
