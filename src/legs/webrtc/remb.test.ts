// Peers that speak of bandwidth in REMB alone: hardware, GStreamer, aiortc.
import assert from 'node:assert/strict'
import test from 'node:test'
import { RawPeer, type RawSection } from '../../../test/support/raw-peer.ts'
import { until } from '../../../test/support/until.ts'
import { type Edge, openEdge } from '../../../test/support/webrtc-edge.ts'
import { systemClock } from '../../lib/clock.ts'
import { codec } from '../../media/codec.ts'
import { RtpPacket } from '../../media/rtp-packet.ts'
import { ExtensionUri } from '../../protocols/webrtc/sdp-types.ts'
import type { Room } from '../../room/room.ts'
import { Track } from '../../room/track.ts'

const VP8 = 96
const SSRC = 4004
const vp8 = ['m=video 9 UDP/TLS/RTP/SAVPF 96 97', 'a=rtpmap:96 VP8/90000', 'a=rtpmap:97 rtx/90000', 'a=fmtp:97 apt=96', 'a=rtcp-fb:96 nack', 'a=rtcp-fb:96 nack pli', 'a=rtcp-fb:96 goog-remb']
const sendTime = `a=extmap:2 ${ExtensionUri.absoluteSendTime}`
const video = (...more: string[]): RawSection[] => [{ mid: 'v', lines: [...vp8, ...more] }]

async function join (edge: Edge, peer: RawPeer, path: string): Promise<string> {
  const response = await fetch(edge.url + path, { method: 'POST', headers: { 'content-type': 'application/sdp' }, body: peer.offer })
  const answer = await response.text()
  assert.equal(response.status, 201, answer)
  await peer.accept(answer)
  return answer
}

const sessionOf = (edge: Edge, kind: string) => [...edge.bridge.sessions.values()].find(session => session.leg.kind === kind)!

test('estimates are agreed on with who cannot have arrivals reported, and with nobody else', async () => {
  const number = `a=extmap:3 ${ExtensionUri.transportCc}`
  const rows: { lines: string[], agreed: RegExp[], not: RegExp[] }[] = [
    { lines: [sendTime], agreed: [/a=rtcp-fb:96 goog-remb/, /a=extmap:2 /], not: [/transport-cc/] },
    { lines: [sendTime, number, 'a=rtcp-fb:96 transport-cc'], agreed: [/a=rtcp-fb:96 transport-cc/, /a=extmap:3 /], not: [/goog-remb/, /a=extmap:2 /] },
    { lines: ['a=rtcp-fb:96 transport-cc'], agreed: [/a=rtcp-fb:96 goog-remb/], not: [/transport-cc/] }
  ]
  await using edge = await openEdge()
  for (const { lines, agreed, not } of rows) {
    await using peer = await RawPeer.create('sendonly', video(...lines))
    const answer = await join(edge, peer, '/whip/hall?identity=ann')
    for (const found of agreed) assert.match(answer, found)
    for (const missing of not) assert.doesNotMatch(answer, missing)
  }
})

for (const [what, lines] of [['send times', [sendTime]], ['timestamps alone', []]] as const) {
  test(`a publisher with ${what} is told what its path carries`, async () => {
    await using edge = await openEdge()
    await using peer = await RawPeer.create('sendonly', video(...lines))
    await join(edge, peer, '/whip/hall?identity=ann')
    let sent = 0
    using _sending = systemClock.every(20, () => {
      const packet = RtpPacket.build({ payloadType: VP8, marker: true, sequenceNumber: sent++ & 0xffff, timestamp: sent * 1800, ssrc: SSRC }, Buffer.alloc(1000, 0x10))
      peer.send(lines.length > 0 ? stamped(packet) : packet)
    })
    const told = () => peer.reports.filter(report => report.type === 'remb')
    await until('three estimates', () => told().length >= 3)
    for (const { bitrate, ssrcs } of told()) {
      assert.deepEqual(ssrcs, [SSRC])
      assert.ok(bitrate >= 200_000, `${bitrate} bit/s for 400 kbit/s sent`) // Nothing limits them; a busy machine may look like something that does.
    }
    const { estimatedBitrate } = sessionOf(edge, 'whip').leg.stats().detail.uplink as { estimatedBitrate: number }
    assert.ok(estimatedBitrate >= 200_000)
    assert.ok(peer.reports.every(({ type }) => type !== 'transport-cc'))
  })
}

/** With the time it leaves, in 1/2^18 s (libwebrtc's abs-send-time). */
function stamped (packet: RtpPacket): RtpPacket {
  const extension = Buffer.from([0xbe, 0xde, 0, 1, 0x22, 0, 0, 0])
  extension.writeUIntBE(Math.floor(performance.now() / 1000 * 2 ** 18) % 2 ** 24, 5, 3)
  const bytes = Buffer.concat([packet.bytes.subarray(0, 12), extension, packet.bytes.subarray(12)])
  bytes[0]! |= 0x10
  return new RtpPacket(bytes)
}

/** A participant whose picture comes in two qualities. Their packets are keyframes, of a size that tells them apart. */
function simulcast (room: Room): Disposable {
  const high = room.join({ identity: 'ann', source: 'test' }).publish(codec('VP8'))
  const low = new Track(high.codec, `${high.id}~low`)
  Object.assign(low, { rid: 'q', bitrate: 150_000 })
  Object.assign(high, { rid: 'f', bitrate: 1_500_000, layers: [low, high] })
  let count = 0
  return systemClock.every(33, () => {
    count++
    for (const [track, bytes] of [[low, LOW_BYTES], [high, HIGH_BYTES]] as const) {
      const payload = Buffer.alloc(bytes)
      payload[0] = 0x10
      track.write(RtpPacket.build({ payloadType: VP8, marker: true, sequenceNumber: count & 0xffff, timestamp: count * 3000, ssrc: track === low ? 1 : 2 }, payload))
    }
  })
}

const LOW_BYTES = 100
const HIGH_BYTES = 1000

/** Joins, and gets the high layer. @returns what tells of the packets that it gets */
async function watchHigh (edge: Edge, peer: RawPeer): Promise<{ ssrc: number, gets (bytes: number): boolean }> {
  const answer = await join(edge, peer, '/whep/hall?participant=ann')
  const ssrc = Number(/a=ssrc:(\d+)/.exec(answer)![1])
  const gets = (bytes: number): boolean => peer.packetsOf(ssrc).slice(-5).every(({ payload }) => payload.length === bytes)
  await until('the high layer', () => peer.packetsOf(ssrc).length > 10 && gets(HIGH_BYTES))
  return { ssrc, gets }
}

test('a viewer gets the layer that it says its path carries', async () => {
  await using edge = await openEdge()
  using _publisher = simulcast(await edge.room('hall'))
  await using peer = await RawPeer.create('recvonly', video())
  const { ssrc, gets } = await watchHigh(edge, peer)
  let says = 200_000
  using _telling = systemClock.every(200, () => peer.sendRtcp([{ type: 'remb', sender: 1, bitrate: says, ssrcs: [ssrc] }]))
  await until('the low layer', () => gets(LOW_BYTES))
  const { downlink } = sessionOf(edge, 'whep').leg.stats().detail
  assert.deepEqual(downlink, { estimatedBitrate: 200_000, lossFraction: 0 })
  assert.equal(sessionOf(edge, 'whep').leg.stats().quality?.estimatedBitrate, undefined, 'without reports there is no quality')
  says = 5_000_000
  await until('the high layer again', () => gets(HIGH_BYTES))
})

test('a viewer who says nothing but that it loses a quarter gets the low layer', async () => {
  await using edge = await openEdge()
  using _publisher = simulcast(await edge.room('hall'))
  await using peer = await RawPeer.create('recvonly', video())
  const { ssrc, gets } = await watchHigh(edge, peer)
  using _reporting = systemClock.every(600, () => peer.sendRtcp([{ type: 'rr', ssrc: 1, reports: [{ ssrc, fractionLost: 0.25, cumulativeLost: 9, highestSequence: 0, jitter: 0, lastSenderReport: 0, delaySinceLastReport: 0 }] }]))
  await until('the low layer', () => gets(LOW_BYTES))
})
