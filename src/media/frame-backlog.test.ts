import assert from 'node:assert/strict'
import test from 'node:test'
import { random } from '../../test/support/mutate.ts'
import { codec } from './codec.ts'
import type { Frame, RepeatablePacketizer } from './frame.ts'
import { FrameBacklog } from './frame-backlog.ts'
import { AacPacketizer } from './payload/aac.ts'
import { H264Packetizer } from './payload/h264.ts'
import type { RtpPacket } from './rtp-packet.ts'

const ids = { ssrc: 1, payloadType: 96 }
const h264 = codec('H264')
const aac = codec('AAC', { clockRate: 48_000, channels: 2 })
const unit = (type: number, length: number): Buffer => { const bytes = Buffer.alloc(length, length & 0xff); bytes[0] = 0x60 | type; return bytes }
const video = (timestamp: number, keyframe: boolean, ...units: Buffer[]): Frame => ({ units, timestamp, compositionOffset: timestamp % 7, keyframe })
const audio = (timestamp: number, length = 100): Frame => ({ units: [Buffer.alloc(length, 0x21)], timestamp, compositionOffset: 0, keyframe: true })
const shown = (packets: readonly RtpPacket[]): string[] => packets.map(p => `${p.compositionOffset} ${p.bytes.toString('hex')}`)

test('what is skipped is numbered and counted as what is made', () => {
  const pick = random(5)
  const frames = Array.from({ length: 500 }, (_, at) =>
    video(at, false, ...Array.from({ length: pick(5) }, () => unit([0, 1, 5, 6, 7, 8, 9, 28][pick(8)]!, pick(4) === 0 ? pick(5000) : 1 + pick(700)))))
  const pairs: [RepeatablePacketizer, RepeatablePacketizer, Frame[]][] = [
    [new H264Packetizer(ids), new H264Packetizer(ids), frames.map(frame => ({ ...frame, units: frame.units.map(u => u.length === 0 ? Buffer.alloc(0) : u) }))],
    [new AacPacketizer(ids), new AacPacketizer(ids), [0, 1, 1196, 1197, 8191, 8192].map(length => audio(0, length))]
  ]
  for (const [makes, skips, all] of pairs) {
    skips.sequenceNumber = makes.sequenceNumber = 0xfff0
    for (const frame of all) {
      const made = makes.packetize(frame)
      assert.deepEqual(skips.skip(frame), { packets: made.length, bytes: made.reduce((sum, packet) => sum + packet.bytes.length, 0) })
      assert.equal(skips.sequenceNumber, makes.sequenceNumber)
    }
  }
})

test('the frame\'s bytes are the caller\'s again', () => {
  const backlog = new FrameBacklog(h264, new H264Packetizer(ids))
  const shared = unit(5, 100)
  backlog.keep(video(0, true, shared))
  shared.fill(0)
  assert.equal(backlog.packets()[0]!.payload[0], 0x65)
})

test('video without a keyframe for too long, or of too many bytes, waits for the next', () => {
  const backlog = new FrameBacklog(h264, new H264Packetizer(ids), { bytes: 1000, ms: 1000 })
  backlog.keep(video(0, false, unit(1, 10)))
  assert.equal(backlog.packets().length, 0)
  backlog.keep(video(0, true, unit(5, 600)))
  backlog.keep(video(3000, false, unit(1, 600)))
  assert.deepEqual([backlog.packets().length, backlog.bytes], [0, 0])
  backlog.keep(video(6000, false, unit(1, 10)))
  assert.equal(backlog.packets().length, 0)
  backlog.keep(video(9000, true, unit(5, 10)))
  backlog.keep(video(9000 + 90_001, false, unit(1, 10)))
  assert.equal(backlog.packets().length, 0)
})

test('of sound the last seconds are kept', () => {
  const packetizer = new AacPacketizer(ids)
  const backlog = new FrameBacklog(aac, packetizer, { bytes: 1 << 20, ms: 1000 })
  const all: RtpPacket[] = []
  for (let at = 0; at < 1000; at++) {
    backlog.keep(audio(at * 1024, 1 + at % 300))
    all.push(...packetizer.packetize(audio(at * 1024, 1 + at % 300)))
  }
  const kept = backlog.packets()
  assert.ok(kept.length > 38 && kept.length <= 48, String(kept.length))
  assert.deepEqual(shown(kept), shown(all.slice(-kept.length)))
})
