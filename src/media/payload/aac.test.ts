import assert from 'node:assert/strict'
import test from 'node:test'
import { survives } from '../../../test/support/mutate.ts'
import type { Frame } from '../frame.ts'
import { RtpPacket } from '../rtp-packet.ts'
import { AacDepacketizer, AacPacketizer } from './aac.ts'

const frame = (length: number, timestamp = 1024): Frame => ({ units: [Buffer.alloc(length, 0x21)], timestamp, compositionOffset: 0, keyframe: true })
const packet = (hex: string, timestamp = 0): RtpPacket =>
  RtpPacket.build({ payloadType: 97, marker: true, sequenceNumber: 1, timestamp, ssrc: 1 }, Buffer.from(hex.replaceAll(' ', ''), 'hex'))

test('one access unit a packet, in fragments where it is too large', () => {
  const packetizer = new AacPacketizer({ ssrc: 1, payloadType: 97 })
  const depacketizer = new AacDepacketizer()
  for (const [length, count] of [[1, 1], [371, 1], [1196, 1], [1197, 2], [5000, 5], [8191, 7]] as const) {
    const packets = packetizer.packetize(frame(length))
    assert.equal(packets.length, count)
    assert.deepEqual(packets.map(p => p.marker), packets.map((_, i) => i === count - 1))
    assert.ok(packets.every(p => p.payload.length <= 1200))
    assert.deepEqual(packets.flatMap(p => depacketizer.push(p)), [frame(length)])
  }
  assert.deepEqual(packetizer.packetize(frame(0)), [])
  assert.deepEqual(packetizer.packetize(frame(8192)), [])
})

test('several access units in one packet, a frame length apart', () => {
  const frames = new AacDepacketizer(960).push(packet('0020 0010 0018 aabb ccddee', 0xffff_ff00))
  assert.deepEqual(frames.map(f => [f.units[0]!.toString('hex'), f.timestamp]), [['aabb', 0xffff_ff00], ['ccddee', 960 - 256]])
})

test('a fragment that was lost, or one of another unit, completes nothing', () => {
  const packets = new AacPacketizer({ ssrc: 1, payloadType: 97 }).packetize(frame(3000))
  const depacketizer = new AacDepacketizer()
  depacketizer.push(packets[0]!)
  depacketizer.reset()
  assert.deepEqual([packets[1]!, packets[2]!].flatMap(p => depacketizer.push(p)), [])
  assert.equal(new AacPacketizer({ ssrc: 1, payloadType: 97 }).packetize(frame(10, 5)).flatMap(p => depacketizer.push(p)).length, 1)
})

const hostile = ['', '0010', '00100008', '0000 0000', 'ffff 0008 aa', '0011 0008 aa', '0010 0009 aa', '0020 0010 0018 aabb']

test('hostile payloads give no more than what is whole in them', () => {
  for (const hex of hostile) assert.ok(new AacDepacketizer().push(packet(hex)).every(f => f.units[0]!.length > 0), hex)
})

test('damaged packets never break the depacketizer', () => {
  const depacketizer = new AacDepacketizer()
  const seeds = [packet('0020 0010 0018 aabb ccddee'), packet('0010 0010 aabb'), packet('0010 0800 aabb')].map(p => p.bytes)
  survives(bytes => depacketizer.push(RtpPacket.parse(bytes)), seeds)
})
