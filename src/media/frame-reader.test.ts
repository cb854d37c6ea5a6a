import assert from 'node:assert/strict'
import test from 'node:test'
import { codec, opus } from './codec.ts'
import { FrameReader, type FrameReaderOptions } from './frame-reader.ts'
import { H264Packetizer } from './payload/h264.ts'
import { RtpPacket } from './rtp-packet.ts'

const h264 = codec('H264')

/** Opus packets numbered from `first` on, 20 ms apart, whose payload is their index. */
function audio (count: number, first = 0, ssrc = 7): RtpPacket[] {
  return Array.from({ length: count }, (_, index) =>
    RtpPacket.build({ payloadType: 111, marker: false, sequenceNumber: (first + index) & 0xffff, timestamp: index * 960, ssrc }, Buffer.from([index])))
}

/** `frames` pictures of three packets each, 40 ms apart; every `every`th is an IDR. */
function video (frames: number, every: number): RtpPacket[][] {
  const packetizer = new H264Packetizer({ ssrc: 9, payloadType: 96 })
  return Array.from({ length: frames }, (_, index) => {
    const picture = Buffer.alloc(3000, index + 1)
    picture[0] = index % every === 0 ? 0x65 : 0x41
    picture[1] = 0x88 // first_mb_in_slice = 0
    return packetizer.packetize({ units: [picture], timestamp: index * 3600, compositionOffset: 0, keyframe: index % every === 0 })
  })
}

function read (of: typeof h264, packets: readonly RtpPacket[], options?: FrameReaderOptions) {
  const events: (number | string)[] = []
  const step = of.kind === 'audio' ? 960 : 3600
  const reader = new FrameReader(of, { frame: frame => events.push(frame.timestamp / step), gap: lost => events.push(`gap ${lost}`) }, options)
  for (const packet of packets) reader.push(packet)
  reader.flush()
  return { events, reader }
}

test('gives frames in order, also where packets come out of order or twice, across the wrap of the sequence number', () => {
  const [a, b, c, d, e, f] = audio(6, 0xfffd)
  const { events, reader } = read(opus, [a!, c!, b!, b!, f!, d!, e!, a!])
  assert.deepEqual(events, [0, 1, 2, 3, 4, 5])
  assert.equal(reader.latePackets, 2)
  assert.equal(reader.lostPackets, 0)
})

test('gives up a missing packet after the longest delay, and says how many were lost', () => {
  const packets = audio(60)
  const missing = packets.filter((_, index) => index !== 10 && index !== 11)
  const events: (number | string)[] = []
  const reader = new FrameReader(opus, { frame: f => events.push(f.timestamp / 960), gap: lost => events.push(`gap ${lost}`) }, { maxDelayMs: 200 })
  for (const packet of missing.slice(0, 20)) reader.push(packet)
  assert.equal(events.length, 10, 'waits: 12 to 21 are held back')
  for (const packet of missing.slice(20)) reader.push(packet)
  assert.deepEqual(events, [...Array(10).keys(), 'gap 2', ...Array.from({ length: 48 }, (_, i) => i + 12)])
  assert.equal(reader.lostPackets, 2)
})

test('holds back no more packets than allowed, whatever their timestamps say', () => {
  const packets = audio(40).map(packet => packet.rewrite({ timestamp: 0 }))
  const { events } = read(opus, [packets[0]!, ...packets.slice(2)], { maxPackets: 16 })
  assert.equal(events[1], 'gap 1')
  assert.equal(events.length, 40)
})

test('video begins with a keyframe, and begins again with one after a loss', () => {
  const frames = video(12, 5)
  frames[7]!.splice(1, 1)
  const { events, reader } = read(h264, frames.slice(2).flat())
  assert.deepEqual(events, [5, 6, 'gap 1', 10, 11])
  assert.equal(reader.undecodableFrames, 3 + 2, 'frames 2 to 4 before the first keyframe, 8 and 9 after the loss; 7 was never whole')
})

test('whoever asks for it gets undecodable frames, too', () => {
  const frames = video(12, 5)
  frames[7]!.splice(1, 1)
  const { events } = read(h264, frames.flat(), { undecodable: true })
  assert.deepEqual(events, [0, 1, 2, 3, 4, 5, 6, 'gap 1', 8, 9, 10, 11])
})

test('a sender that begins anew is followed: another SSRC at once, other numbers with the second packet', () => {
  assert.deepEqual(read(opus, [...audio(3, 100), ...audio(3, 40_000, 8)]).events, [0, 1, 2, 'gap 0', 0, 1, 2])
  const { events, reader } = read(opus, [...audio(3, 100), ...audio(1, 20_000), ...audio(4, 40_000)])
  assert.deepEqual(events, [0, 1, 2, 'gap 0', 1, 2, 3])
  assert.equal(reader.latePackets, 2, 'the stray, and the first packet of the new numbers')
})

test('padding probes take a number and make no frame', () => {
  const [a, b, c] = audio(3)
  const probe = Buffer.concat([b!.bytes.subarray(0, 12), Buffer.from([0, 0, 0, 4])])
  probe[0] = 0xa0
  assert.deepEqual(read(opus, [a!, RtpPacket.parse(probe), c!]).events, [0, 2])
})
