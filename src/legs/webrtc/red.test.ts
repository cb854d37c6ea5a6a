// Redundant audio (RFC 2198) in both directions: the room knows plain Opus only.
import assert from 'node:assert/strict'
import test from 'node:test'
import { RawPeer, type RawSection } from '../../../test/support/raw-peer.ts'
import { until } from '../../../test/support/until.ts'
import { type Edge, openEdge } from '../../../test/support/webrtc-edge.ts'
import { opus } from '../../media/codec.ts'
import { parseRed, printRed, type RedBlock } from '../../media/red.ts'
import { RtpPacket } from '../../media/rtp-packet.ts'
import type { Track } from '../../room/track.ts'

const OPUS = 111
const RED = 63
const SSRC = 1001
/** Opus: 20 ms. */
const TOC = 0xf8
const TICKS = 960
const section = (fmtp: string): RawSection[] => [{ mid: 'a', lines: [
  `m=audio 9 UDP/TLS/RTP/SAVPF ${OPUS} ${RED}`, `a=rtpmap:${OPUS} opus/48000/2`, `a=fmtp:${OPUS} ${fmtp}`, `a=rtpmap:${RED} red/48000/2`, `a=fmtp:${RED} ${OPUS}/${OPUS}`
] }]

async function negotiate (edge: Edge, peer: RawPeer, path: string): Promise<string> {
  const response = await fetch(edge.url + path, { method: 'POST', headers: { 'content-type': 'application/sdp' }, body: peer.offer })
  const answer = await response.text()
  assert.equal(response.status, 201, answer)
  await peer.accept(answer)
  return answer
}

const numbered = (n: number, payloadType: number, payload: Buffer): RtpPacket =>
  RtpPacket.build({ payloadType, marker: false, sequenceNumber: n & 0xffff, timestamp: n * TICKS, ssrc: SSRC }, payload)
const frame = (n: number): Buffer => Buffer.of(TOC, n & 0xff)

/** Packet `n`, which repeats the `depth` before it. */
function red (n: number, depth: number): RtpPacket {
  const blocks: RedBlock[] = []
  for (let back = depth; back >= 0; back--) blocks.push({ payloadType: OPUS, timestampOffset: back * TICKS, data: frame(n - back) })
  const into = Buffer.alloc(256)
  return numbered(n, RED, into.subarray(0, printRed(blocks, into, 0)))
}

test('a publisher’s redundancy: what was lost reaches the room, once, in order', async () => {
  await using edge = await openEdge()
  await using peer = await RawPeer.create('sendonly', section('minptime=10;usedtx=1;sprop-stereo=1'))
  const answer = await negotiate(edge, peer, '/whip/hall?identity=ann')
  assert.match(answer, /m=audio 9 \S+ 63 111\r\n/, 'RED first: who publishes shall use it')
  assert.match(answer, /a=fmtp:63 111\/111\r\n/)
  assert.match(answer, /a=fmtp:111 minptime=10;usedtx=1;stereo=1;useinbandfec=1\r\n/)

  peer.send(red(0xfffe, 0))
  let track: Track | undefined
  await until('a track', () => (track = edge.bridge.room('hall')?.find('ann')?.tracks.values().next().value) !== undefined)
  const came: RtpPacket[] = []
  using _listening = track!.subscribe({ write: packet => { came.push(packet) }, fail: error => { throw error } })
  peer.send(red(0xffff, 1))
  peer.send(red(0x1_0002, 2)) // 0 and 1 are lost.
  peer.send(numbered(0x1_0001, OPUS, frame(1))) // Not lost, but late.
  peer.send(red(0x1_0005, 1)) // 3 is lost for good.
  peer.send(numbered(0x1_0006, OPUS, frame(6)))
  peer.send(numbered(0x1_0007, RED, Buffer.from('ef0f00', 'hex'))) // Broken: nobody's loss but its own.
  peer.send(numbered(0x1_0008, OPUS, frame(8)))
  await until('packets', () => came.at(-1)?.sequenceNumber === 8)
  assert.deepEqual(came.map(({ sequenceNumber }) => sequenceNumber), [0xffff, 0, 1, 2, 4, 5, 6, 8])
  for (const { payloadType, payload, timestamp, sequenceNumber } of came) {
    const n = sequenceNumber === 0xffff ? sequenceNumber : 0x1_0000 + sequenceNumber
    assert.deepEqual([payloadType, payload, timestamp], [OPUS, frame(n), n * TICKS])
  }
  const [session] = edge.bridge.sessions.values().filter(({ leg }) => leg.kind === 'whip')
  assert.equal((session!.describe().stats.detail.audio as { restored: number }).restored, 3)
})

test('a viewer that loses packets gets each frame twice or thrice; one that loses none does not', async () => {
  await using edge = await openEdge()
  const room = await edge.room('hall')
  using ann = room.join({ identity: 'ann', source: 'test' })
  const track = ann.publish(opus)
  await using peer = await RawPeer.create('recvonly', section('minptime=10;useinbandfec=1'))
  const answer = await negotiate(edge, peer, '/whep/hall')
  assert.match(answer, /m=audio 9 \S+ 111 63\r\n/)
  await until('the viewer listens', () => track.subscribers === 1)
  let n = 0
  const next = async (): Promise<RtpPacket> => {
    const before = peer.packets.length
    await until('a packet', async () => {
      track.write(numbered(n, OPUS, frame(n)))
      n++
      await new Promise(resolve => setTimeout(resolve, 10))
      return peer.packets.length > before
    })
    return peer.packets.at(-1)!
  }
  assert.equal((await next()).payloadType, OPUS)
  const { ssrc } = peer.packets[0]!
  const report = (fractionLost: number): void => peer.sendRtcp([{ type: 'rr', ssrc: 9, reports: [{ ssrc, fractionLost, cumulativeLost: 1, highestSequence: 1, jitter: 0, lastSenderReport: 0, delaySinceLastReport: 0 }] }])
  for (const [loss, blocks] of [[0.04, 2], [0.2, 3]] as const) {
    report(loss)
    await until(`${blocks} blocks`, async () => {
      const packet = await next()
      return packet.payloadType === RED && parseRed(packet.payload).length === blocks
    })
    const last = parseRed(peer.packets.at(-1)!.payload)
    assert.deepEqual(last.map(({ timestampOffset }) => timestampOffset), [2 * TICKS, TICKS, 0].slice(-blocks))
    assert.deepEqual(last.map(({ data }) => data[1]! - last.at(-1)!.data[1]!), [-2, -1, 0].slice(-blocks))
  }
})
