import assert from 'node:assert/strict'
import test from 'node:test'
import { RedundancyChooser } from './bandwidth/redundancy-chooser.ts'
import { RedReader } from './red-reader.ts'
import { parseRed } from './red.ts'
import { Redundancy } from './redundancy.ts'
import { RtpPacket } from './rtp-packet.ts'

const OPUS = 111
const RED = 63
/** Opus: CELT, 20 ms, one frame (RFC 6716 section 3.1). */
const TOC_20_MS = 0xf8
const frame = (n: number, length = 3): Buffer => Buffer.alloc(length, n).fill(TOC_20_MS, 0, 1)
const plain = (n: number, payload = frame(n)): RtpPacket =>
  RtpPacket.build({ payloadType: OPUS, marker: false, sequenceNumber: (0xfffe + n) & 0xffff, timestamp: (0xffff_fc00 + n * 960) >>> 0, ssrc: 5 }, payload)

/** The packet as `redundancy` sends it. */
function sent (redundancy: Redundancy, packet: RtpPacket): RtpPacket {
  const into = Buffer.alloc(2048)
  const end = redundancy.print(packet, packet.timestamp, into, 0)
  const { sequenceNumber, timestamp, marker, ssrc } = packet
  return end === undefined ? packet : RtpPacket.build({ payloadType: RED, marker, sequenceNumber, timestamp, ssrc }, into.subarray(0, end))
}

test('each packet repeats as many frames before it as it is told to, and a reader finds the packets they were', () => {
  const redundancy = new Redundancy(RED, OPUS)
  const reader = new RedReader(OPUS)
  redundancy.depth = 2
  assert.equal(sent(redundancy, plain(0)).payloadType, OPUS, 'there is nothing before the first')
  for (const [n, before] of [[1, [0]], [2, [0, 1]], [3, [1, 2]]] as const) {
    const { primary, repeated } = reader.read(sent(redundancy, plain(n)))!
    assert.deepEqual(primary.bytes, plain(n).bytes)
    assert.deepEqual(repeated.map(({ bytes }) => bytes), before.map(m => plain(m).bytes))
  }
  redundancy.depth = 1
  assert.deepEqual(reader.read(sent(redundancy, plain(4)))!.repeated.map(({ bytes }) => bytes), [plain(3).bytes])
  redundancy.depth = 0
  assert.equal(sent(redundancy, plain(5)).payloadType, OPUS)
})

test('what does not fit is not repeated: too long, too long ago, from before a restart', () => {
  const repeats = (before: RtpPacket[], packet: RtpPacket): number => {
    const redundancy = new Redundancy(RED, OPUS)
    redundancy.depth = 2
    for (const earlier of before) sent(redundancy, earlier)
    const out = sent(redundancy, packet)
    return out.payloadType === RED ? parseRed(out.payload).length - 1 : 0
  }
  assert.equal(repeats([plain(0, frame(0, 1023))], plain(1)), 1)
  assert.equal(repeats([plain(0, frame(0, 1024))], plain(1)), 0)
  assert.equal(repeats([plain(0, frame(0, 600)), plain(1, frame(1, 600))], plain(2, frame(2, 300))), 1, 'the nearest of two')
  assert.equal(repeats([plain(0), plain(1)], plain(18)), 1, 'an offset has 14 bits')
  assert.equal(repeats([plain(9)], plain(1)), 0)
})

test('a reader keeps header extensions, and lets go of padding', () => {
  const red = Buffer.concat([Buffer.from('bf3f000100000000 00000005 bede0001 10ff0000'.replaceAll(' ', ''), 'hex'), Buffer.of(OPUS, TOC_20_MS, 7), Buffer.of(0, 2)])
  red[0] = 0xb0
  const { primary } = new RedReader(OPUS).read(RtpPacket.parse(red))!
  assert.deepEqual([primary.payloadType, primary.extension(1)?.toString('hex'), primary.payload.toString('hex'), primary.paddingLength], [OPUS, 'ff', 'f807', 0])
})

test('a reader passes over what it cannot place', () => {
  const read = (hex: string) => new RedReader(OPUS).read(RtpPacket.build({ payloadType: RED, marker: false, sequenceNumber: 9, timestamp: 9000, ssrc: 5 }, Buffer.from(hex.replaceAll(' ', ''), 'hex')))
  assert.equal(read('60 0102'), undefined, 'another codec')
  assert.equal(read('ef 0f00'), undefined, 'cut off')
  assert.deepEqual(read('e0 0f0001 6f f8 f8')!.repeated, [], 'another codec, repeated')
  assert.deepEqual(read('ef 0f0401 6f f8 f8')!.repeated, [], 'between two frames')
  assert.deepEqual(read('ef f00001 6f f8 f8')!.repeated, [], 'from before a silence')
  assert.equal(read('ef 2d0001 6f f8 f8')!.repeated[0]!.sequenceNumber, 6)
})

test('so many frames are repeated as the path loses, for a while', () => {
  const chooser = new RedundancyChooser()
  const depths = ([[0, 0], [0.005, 100], [0.03, 200], [0.2, 300], [0, 400], [0.03, 10_299], [0.03, 10_300], [0, 20_299], [0, 20_300]] as const)
    .map(([loss, now]) => { chooser.update(loss, now); return chooser.depth })
  assert.deepEqual(depths, [0, 0, 1, 2, 2, 2, 1, 1, 0])
})
