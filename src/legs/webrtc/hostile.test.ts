// Peers that have keys, and send what no honest peer sends: their own session survives it, and nobody else notices.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import test from 'node:test'
import { FakeTransport } from '../../../test/support/fake-transport.ts'
import { ManualClock } from '../../../test/support/manual-clock.ts'
import { mutated } from '../../../test/support/mutate.ts'
import { noTranscode } from '../../../test/support/no-transcode.ts'
import { silentLogger } from '../../lib/log.ts'
import { codec, opus } from '../../media/codec.ts'
import { FrameReader } from '../../media/frame-reader.ts'
import { ExtensionBlock } from '../../media/header-extensions.ts'
import { printRed } from '../../media/red.ts'
import { parseRtcp, printRtcp } from '../../media/rtcp/compound.ts'
import type { RtcpPacket } from '../../media/rtcp/packet.ts'
import { isRtp, RtpPacket } from '../../media/rtp-packet.ts'
import { parseOffer } from '../../protocols/webrtc/sdp-offer.ts'
import { ExtensionUri } from '../../protocols/webrtc/sdp-types.ts'
import type { Leg } from '../../room/leg.ts'
import { Room } from '../../room/room.ts'
import type { Track } from '../../room/track.ts'
import { negotiatePublishing, type PublishedSection } from './publishing.ts'
import { defaultWebRtcSettings as settings } from './settings.ts'
import { negotiateViewing } from './viewing.ts'
import { WhepLeg } from './whep-leg.ts'
import { WhipLeg } from './whip-leg.ts'

const PACKETS = 30_000
/** The clock moves on by so much (ms) with each packet: it is 2 minutes of a session. */
const STEP_MS = 4
const offerOf = (name: string) => parseOffer(readFileSync(path.join(import.meta.dirname, '../../../test/vectors', name), 'utf8'))

/** A leg in a room, running; disposing stops it, and fails if it has stopped by itself. */
async function running (leg: Leg, room: Room): Promise<AsyncDisposable> {
  const controller = new AbortController()
  const live = Promise.withResolvers<void>()
  let over: unknown
  const done = leg.run(room, { signal: controller.signal, log: silentLogger, sessionId: 'ses_test', live: live.resolve }).then(() => { over = 'ended' }, error => { over = error })
  await Promise.race([live.promise, done])
  return {
    async [Symbol.asyncDispose] () {
      assert.equal(over, undefined, 'the leg still runs')
      controller.abort(new Error('enough'))
      await done
    }
  }
}

type Kind = { payloadType: number, ssrc: number, payload: Buffer, rid?: string, extensions: PublishedSection['extensions'] }

function packetOf ({ payloadType, ssrc, payload, rid, extensions }: Kind, n: number): Buffer {
  const idOf = (wanted: string): number | undefined => extensions.find(({ uri }) => uri === wanted)?.id
  const ridId = idOf(ExtensionUri.rid)
  const levelId = idOf(ExtensionUri.audioLevel)
  const block = new ExtensionBlock([
    ...rid !== undefined && ridId !== undefined ? [{ id: ridId, value: Buffer.from(rid) }] : [],
    ...levelId === undefined ? [] : [{ id: levelId, value: Buffer.of(30) }]
  ], { numberId: idOf(ExtensionUri.transportCc) })
  const printed = Buffer.alloc(block.sizeWith(undefined))
  block.print(printed, 0)
  block.number(printed, 0, n & 0xffff)
  const plain = RtpPacket.build({ payloadType, marker: true, sequenceNumber: n & 0xffff, timestamp: n * 960 >>> 0, ssrc }, payload).bytes
  const bytes = Buffer.concat([plain.subarray(0, 12), printed, plain.subarray(12)])
  bytes[0]! |= 0x10
  return bytes
}

const report = { ssrc: 1, fractionLost: 0.1, cumulativeLost: 3, highestSequence: 70_000, jitter: 9, lastSenderReport: 1, delaySinceLastReport: 1 }

/** Each kind of RTCP there is, of and to a stream. */
const rtcpOf = (media: number): RtcpPacket[] => [
  { type: 'sr', ssrc: media, ntpSeconds: 0xe5000000, ntpFraction: 1, rtpTimestamp: 9, packets: 1, bytes: 1, reports: [{ ...report, ssrc: media }] },
  { type: 'rr', ssrc: 1, reports: [{ ...report, ssrc: media }] },
  { type: 'sdes', chunks: [{ ssrc: media, cname: 'c' }] },
  { type: 'nack', sender: 1, media, lost: [1, 2, 3, 20, 0xffff] },
  { type: 'pli', sender: 1, media },
  { type: 'fir', sender: 1, requests: [{ ssrc: media, sequence: 1 }] },
  { type: 'remb', sender: 1, bitrate: 300_000, ssrcs: [media] },
  { type: 'transport-cc', sender: 1, media, feedback: 1, base: 3, arrivals: [100, undefined, 140, 150, undefined, 160] },
  { type: 'xr', ssrc: 1, referenceTime: { seconds: 1, fraction: 1 }, delays: [{ ssrc: media, lastReferenceTime: 1, delay: 1 }] }
]

/** Reads what comes on a track, as a recorder would. */
function listen (track: Track, failed: (error: unknown) => void): Disposable {
  const reader = new FrameReader(track.codec, { frame () {} })
  return track.subscribe({ write: packet => { assert.ok(isRtp(packet.bytes)); reader.push(packet) }, fail: failed })
}

test('a publisher’s mutated packets: its session lives, the room has its two tracks and no other, and readers read on', async () => {
  const clock = new ManualClock()
  const room = new Room('hall')
  const transport = new FakeTransport()
  const publishing = negotiatePublishing(offerOf('chromium-153-simulcast.sdp'))
  const leg = new WhipLeg({ transport: transport.asTransport, publishing, identity: 'ann', settings, clock })
  const failures: unknown[] = []
  using _watching = room.watch({ trackAdded: track => { listen(track, error => failures.push(error)) } })
  const kinds = publishing.published.flatMap(({ kind, negotiated: { codec: { payloadType }, rtx, red }, extensions, rids }): Kind[] => {
    const picture = Buffer.from('6588aabbccdd', 'hex')
    const sound = Buffer.from('f8aabb', 'hex')
    const into = Buffer.alloc(64)
    const redundant = into.subarray(0, printRed([{ payloadType, timestampOffset: 960, data: sound }, { payloadType, timestampOffset: 0, data: sound }], into, 0))
    if (kind === 'audio') return [{ payloadType, ssrc: 100, payload: sound, extensions }, ...red ? [{ payloadType: red.payloadType, ssrc: 100, payload: redundant, extensions }] : []]
    return rids.flatMap((rid, i) => [
      { payloadType, ssrc: 200 + i, payload: picture, rid, extensions },
      ...rtx ? [{ payloadType: rtx.payloadType, ssrc: 300 + i, payload: Buffer.concat([Buffer.of(0, 5), picture]), rid, extensions }] : []
    ])
  })
  assert.ok(kinds.length >= 5, 'sound, redundant sound, two layers and their repairs')
  const honest = (n: number): Buffer[] => kinds.map(kind => packetOf(kind, n))
  await using _running = await running(leg, room)
  for (let n = 0; n < 50; n++) for (const bytes of honest(n)) transport.take(bytes)
  clock.advance(1000)

  const seeds = [...honest(3), ...honest(70), ...[100, 200, 201].flatMap(ssrc => rtcpOf(ssrc).map(packet => Buffer.from(printRtcp([packet]))))]
  for (const bytes of mutated(seeds, { count: PACKETS, seed: 7 })) {
    transport.take(bytes)
    clock.advance(STEP_MS)
  }
  assert.deepEqual(failures, [])
  const participant = room.find('ann')!
  assert.deepEqual([...participant.tracks.values()].map(track => track.codec.kind).sort(), ['audio', 'video'])
  for (const bytes of transport.sent) parseRtcp(bytes)
  const seconds = PACKETS * STEP_MS / 1000
  assert.ok(transport.sent.length < seconds * 200, `${transport.sent.length} packets sent back in ${seconds} s`)
  const sizes = transport.sent.map(({ length }) => length)
  assert.ok(Math.max(...sizes) <= 8192, `one of ${Math.max(...sizes)} bytes`)

  clock.advance(3000) // Sources that were made up fall silent.
  const before = [...participant.tracks.values()].map(({ packets }) => packets)
  for (let n = 100; n < 150; n++) { for (const bytes of honest(n)) transport.take(bytes); clock.advance(20) }
  const after = [...room.find('ann')!.tracks.values()].map(({ packets }) => packets)
  assert.ok(after.every((packets, i) => packets >= before[i]! + 50 || packets >= 50), `${before}, then ${after}`)
  leg.stats()
})

test('a viewer’s mutated reports: its picture goes on, and it is sent no flood', async () => {
  const clock = new ManualClock()
  const room = new Room('hall')
  const ann = room.join({ identity: 'ann', source: 'test' })
  const [picture, sound] = [ann.publish(codec('VP8')), ann.publish(opus)]
  let keyframesWanted = 0
  picture.onKeyframeWanted = () => { keyframesWanted++ }
  const transport = new FakeTransport()
  const viewing = negotiateViewing(offerOf('chromium-153-viewer.sdp'), { video: [{ owner: ann, track: picture }], audio: [{ owner: ann, track: sound }] }, 'cname')
  const ssrcs = viewing.viewed.map(({ stream }) => stream.ssrc)
  const leg = new WhepLeg({ transport: transport.asTransport, viewing, wanted: 'ann', cname: 'cname', transcode: noTranscode, settings, clock })
  await using _running = await running(leg, room)
  let played = 0
  const play = (): void => {
    const n = played++
    picture.write(RtpPacket.build({ payloadType: 96, marker: true, sequenceNumber: n & 0xffff, timestamp: n * 3000 >>> 0, ssrc: 1 }, Buffer.alloc(800, 0x10)))
    sound.write(RtpPacket.build({ payloadType: 111, marker: false, sequenceNumber: n & 0xffff, timestamp: n * 960 >>> 0, ssrc: 2 }, Buffer.alloc(80, 0xf8)))
  }
  for (let n = 0; n < 100; n++) { play(); clock.advance(20) }
  const seeds = ssrcs.flatMap(ssrc => rtcpOf(ssrc).map(packet => Buffer.from(printRtcp([packet]))))
  let count = 0
  for (const bytes of mutated(seeds, { count: PACKETS, seed: 8 })) {
    transport.take(bytes)
    if (++count % 5 === 0) play()
    clock.advance(STEP_MS)
  }
  const sent = transport.sent.length
  for (let n = 0; n < 50; n++) { play(); clock.advance(20) }
  const media = transport.sent.slice(sent).filter(bytes => isRtp(bytes) && ssrcs.includes(new RtpPacket(bytes).ssrc))
  assert.ok(media.length >= 100, `${media.length} packets of the last hundred`)
  assert.ok(sent < played * 2 * 2, `${sent} packets sent for ${played * 2} packets of media`)
  assert.ok(keyframesWanted <= PACKETS * STEP_MS / 500 + 5, `${keyframesWanted} keyframes asked for`)
  assert.equal(picture.subscribers, 1)
  JSON.stringify(leg.stats())
})
