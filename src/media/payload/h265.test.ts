import assert from 'node:assert/strict'
import test from 'node:test'
import { random, survives } from '../../../test/support/mutate.ts'
import type { Frame } from '../frame.ts'
import { startsKeyframe } from '../keyframes.ts'
import { RtpPacket } from '../rtp-packet.ts'
import { H265Depacketizer, H265Packetizer } from './h265.ts'

const ids = { ssrc: 0x1234, payloadType: 102 }
const [IDR, TRAIL, VPS, SPS, PPS, SEI] = [19, 1, 32, 33, 34, 39]
const unit = (type: number, length: number, { first = true, temporalId = 0, layer = 0 } = {}): Buffer => {
  const bytes = Buffer.alloc(length, length & 0xff)
  bytes[0] = type << 1 | layer >> 5
  bytes[1] = (layer & 0x1f) << 3 | temporalId + 1
  if (length > 2) bytes[2] = first ? 0xaf : 0x2f
  return bytes
}
const isKeyframe = (units: readonly Buffer[]): boolean => units.some(u => u[0]! >> 1 >= 16 && u[0]! >> 1 <= 21)
const frame = (timestamp: number, ...units: Buffer[]): Frame => ({ units, timestamp, compositionOffset: 0, keyframe: isKeyframe(units) })
const back = (packets: RtpPacket[], depacketizer = new H265Depacketizer()): Frame[] => packets.flatMap(packet => depacketizer.push(packet))
const typesOf = (packets: RtpPacket[]): number[] => packets.map(({ payload }) => payload[0]! >> 1)

test('an access unit becomes an AP, single units and FUs, and comes back as it was', () => {
  const whole = frame(9000, unit(VPS, 24), unit(SPS, 40), unit(PPS, 7), unit(SEI, 20), unit(IDR, 3000))
  const packets = new H265Packetizer(ids).packetize(whole)
  assert.deepEqual(typesOf(packets), [48, SEI, 49, 49, 49])
  assert.deepEqual(packets.map(p => p.payload[2]! & 0xc0).slice(2), [0x80, 0, 0x40])
  assert.deepEqual(packets.map(p => p.marker), [false, false, false, false, true])
  assert.ok(packets.every(p => p.payload.length <= 1200))
  assert.deepEqual(packets.map(packet => startsKeyframe('H265', packet)), [true, false, true, false, false])
  assert.deepEqual(back(packets), [whole])
})

test('an aggregate has the lowest layer and temporal id of those inside', () => {
  const [packet] = new H265Packetizer(ids).packetize(frame(1, unit(SPS, 9, { temporalId: 2, layer: 40 }), unit(PPS, 9, { temporalId: 1, layer: 35 })))
  assert.equal(packet!.payload.subarray(0, 2).toString('hex'), '611a')
})

test('a picture parameter set alone does not begin anything', () => {
  const [packet] = new H265Packetizer(ids).packetize(frame(1, unit(PPS, 9)))
  assert.equal(startsKeyframe('H265', packet!), false)
})

test('units that would be misread in RTP do not travel', () => {
  assert.deepEqual(typesOf(new H265Packetizer(ids).packetize(frame(1, unit(49, 10), unit(TRAIL, 10), unit(48, 10), Buffer.alloc(1)))), [TRAIL])
})

test('a lost packet costs its access unit, and no other', () => {
  const packetizer = new H265Packetizer(ids)
  const sent = Array.from({ length: 4 }, (_, i) => packetizer.packetize(frame(i, unit(TRAIL, 2000), unit(TRAIL, 900, { first: false }))))
  for (let lost = 0; lost < 3; lost++) {
    const depacketizer = new H265Depacketizer()
    const out = sent.flatMap((packets, f) => packets.flatMap((packet, p) => {
      if (f !== 1 || p !== lost) return depacketizer.push(packet)
      depacketizer.reset()
      return []
    }))
    assert.deepEqual(out.map(f => f.timestamp), [0, 2, 3], `packet ${lost} of 3`)
  }
})

test('hostile payloads', () => {
  const payload = (hex: string): RtpPacket => RtpPacket.build({ payloadType: 102, marker: true, sequenceNumber: 1, timestamp: 1, ssrc: 1 }, Buffer.from(hex, 'hex'))
  for (const hex of ['', '62', '6201', '620193', '620113aa', '6001', '60010000', '6001000126', '6001ffff2601', '6401aabb']) assert.deepEqual(back([payload(hex)]), [], hex)
})

test('damaged packets never break the depacketizer', () => {
  const seeds = [frame(1, unit(VPS, 9), unit(SPS, 9), unit(IDR, 2500)), frame(2, unit(TRAIL, 30))].flatMap(f => new H265Packetizer(ids).packetize(f)).map(p => p.bytes.subarray(0, 60))
  const depacketizer = new H265Depacketizer()
  survives(bytes => depacketizer.push(RtpPacket.parse(bytes)), seeds)
})

test('random access units come back, whatever their sizes', () => {
  const pick = random(7)
  const packetizer = new H265Packetizer(ids)
  const depacketizer = new H265Depacketizer()
  for (let round = 0; round < 500; round++) {
    const whole = frame(round, ...Array.from({ length: 1 + pick(6) }, () => unit([TRAIL, IDR, SEI, SPS, PPS][pick(5)]!, 2 + pick(3000))))
    const expected = packetizer.sequenceNumber
    const packets = packetizer.packetize(whole)
    packetizer.sequenceNumber = expected
    assert.deepEqual(packetizer.skip(whole), { packets: packets.length, bytes: packets.reduce((bytes, p) => bytes + p.bytes.length, 0) })
    assert.deepEqual(back(packets, depacketizer), [whole])
  }
})
