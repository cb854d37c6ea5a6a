import assert from 'node:assert/strict'
import test from 'node:test'
import { random, survives } from '../../../test/support/mutate.ts'
import type { Frame } from '../frame.ts'
import { startsKeyframe } from '../keyframes.ts'
import { RtpPacket } from '../rtp-packet.ts'
import { H264Depacketizer, H264Packetizer } from './h264.ts'

const ids = { ssrc: 0x1234, payloadType: 102 }
const sps = Buffer.from('674d401ed900a02ff970110000030001000003003c0f162e48', 'hex')
const pps = Buffer.from('68ebc3cb20', 'hex')
const unit = (type: number, length: number, first = true): Buffer => {
  const bytes = Buffer.alloc(length, length & 0xff)
  bytes[0] = 0x60 | type
  bytes[1] = first ? 0x88 : 0x11
  return bytes
}
const frame = (timestamp: number, ...units: Buffer[]): Frame =>
  ({ units, timestamp, compositionOffset: 0, keyframe: units.some(u => [5, 7].includes(u[0]! & 0x1f)) })
const back = (packets: RtpPacket[], depacketizer = new H264Depacketizer()): Frame[] => packets.flatMap(packet => depacketizer.push(packet))

test('an access unit becomes STAP-A, single units and FU-As, and comes back as it was', () => {
  const packets = new H264Packetizer(ids).packetize({ ...frame(9000, sps, pps, unit(6, 20), unit(5, 3000)), compositionOffset: 3000 })
  assert.deepEqual(packets.map(p => p.payload[0]! & 0x1f), [24, 6, 28, 28, 28])
  assert.deepEqual(packets.map(p => p.marker), [false, false, false, false, true])
  assert.ok(packets.every(p => p.payload.length <= 1200 && p.timestamp === 9000 && p.ssrc === ids.ssrc && p.payloadType === 102 && p.compositionOffset === 3000))
  assert.ok(packets.every((p, i) => i === 0 || p.sequenceNumber === (packets[i - 1]!.sequenceNumber + 1) % 65536))
  assert.ok(startsKeyframe('H264', packets[0]!))
  assert.deepEqual(back(packets), [{ ...frame(9000, sps, pps, unit(6, 20), unit(5, 3000)), compositionOffset: 3000 }])
})

test('every length around the border of a packet comes back', () => {
  const packetizer = new H264Packetizer(ids)
  const depacketizer = new H264Depacketizer()
  for (const length of [1, 2, 1198, 1199, 1200, 1201, 1202, 2397, 2398, 2399]) {
    const whole = frame(length, unit(5, Math.max(length, 2)))
    assert.deepEqual(back(packetizer.packetize(whole), depacketizer), [whole], `${length} bytes`)
  }
})

test('units that would be misread in RTP do not travel', () => {
  const packets = new H264Packetizer(ids).packetize(frame(1, unit(28, 10), unit(1, 10), unit(24, 10), Buffer.alloc(0)))
  assert.equal(packets.length, 1)
  assert.equal(packets[0]!.marker, true)
  assert.deepEqual(new H264Packetizer(ids).packetize(frame(1, unit(30, 10))), [])
})

test('without a marker, the next timestamp ends the access unit', () => {
  const packetizer = new H264Packetizer(ids)
  const first = packetizer.packetize(frame(1, unit(5, 10))).map(p => p.rewrite({ marker: false }))
  const second = packetizer.packetize(frame(2, unit(1, 10)))
  assert.deepEqual(back([...first, ...second]).map(f => f.timestamp), [1, 2])
})

test('a lost packet costs its access unit, and no other', () => {
  const packetizer = new H264Packetizer(ids)
  const frames = Array.from({ length: 4 }, (_, i) => frame(i, unit(1, 2000), unit(1, 900, false)))
  const sent = frames.map(f => packetizer.packetize(f))
  for (let lost = 0; lost < 3; lost++) {
    const depacketizer = new H264Depacketizer()
    const out = sent.flatMap((packets, f) => packets.flatMap((packet, p) => {
      if (f !== 1 || p !== lost) return depacketizer.push(packet)
      depacketizer.reset()
      return []
    }))
    // The last one carried the marker: that the access unit is incomplete is known when the next begins.
    assert.deepEqual(out.map(f => f.timestamp), [0, 2, 3], `packet ${lost} of 3`)
  }
})

test('a unit whose start is missing, or that starts twice, drops its access unit', () => {
  const packets = new H264Packetizer(ids).packetize(frame(1, unit(5, 4000)))
  assert.deepEqual(back(packets.slice(1)), [])
  assert.deepEqual(back([packets[0]!, ...packets]), [])
  const good = new H264Packetizer(ids).packetize(frame(2, unit(5, 40)))
  assert.equal(back([...packets.slice(1), ...good]).length, 1)
})

const payload = (hex: string): RtpPacket => RtpPacket.build({ payloadType: 102, marker: true, sequenceNumber: 1, timestamp: 1, ssrc: 1 }, Buffer.from(hex, 'hex'))

test('hostile payloads', () => {
  for (const hex of ['', '7c', '7c85', '1800', '180000', '18ffff65', '7c45aa', '1a00', '1f', '00']) assert.deepEqual(back([payload(hex)]), [], hex)
})

test('damaged packets never break the depacketizer', () => {
  const packetizer = new H264Packetizer(ids)
  const seeds = [frame(1, sps, pps, unit(5, 2500)), frame(2, unit(1, 30))].flatMap(f => packetizer.packetize(f)).map(p => p.bytes.subarray(0, 60))
  const depacketizer = new H264Depacketizer()
  survives(bytes => depacketizer.push(RtpPacket.parse(bytes)), seeds)
})

test('random access units come back, whatever their sizes', () => {
  const pick = random(7)
  const packetizer = new H264Packetizer(ids)
  const depacketizer = new H264Depacketizer()
  for (let round = 0; round < 500; round++) {
    const whole = frame(round, ...Array.from({ length: 1 + pick(6) }, () => unit([1, 5, 6, 7, 8][pick(5)]!, 2 + pick(3000))))
    assert.deepEqual(back(packetizer.packetize(whole), depacketizer), [whole])
  }
})
