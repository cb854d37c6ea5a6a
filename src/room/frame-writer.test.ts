import assert from 'node:assert/strict'
import test from 'node:test'
import { random } from '../../test/support/mutate.ts'
import { codec } from '../media/codec.ts'
import type { Frame } from '../media/frame.ts'
import { H264Packetizer } from '../media/payload/h264.ts'
import type { RtpPacket } from '../media/rtp-packet.ts'
import { FrameWriter } from './frame-writer.ts'
import { Track } from './track.ts'

const ids = { ssrc: 1, payloadType: 96 }
const h264 = codec('H264')
const unit = (type: number, length: number): Buffer => { const bytes = Buffer.alloc(length, length & 0xff); bytes[0] = 0x60 | type; return bytes }
const video = (timestamp: number, keyframe: boolean, ...units: Buffer[]): Frame => ({ units, timestamp, compositionOffset: timestamp % 7, keyframe })
const shown = (packets: readonly RtpPacket[]): string[] => packets.map(p => `${p.compositionOffset} ${p.bytes.toString('hex')}`)

test('a newcomer gets the packets since the last keyframe as they were, whether they were made or not', () => {
  const pick = random(9)
  const track = new Track(h264)
  const writer = new FrameWriter(track, new H264Packetizer(ids))
  const twin = new H264Packetizer(ids)
  const backlog = track.backlog!
  assert.deepEqual(backlog.packets(), [])
  let since: RtpPacket[] = []
  let made = 0
  let listening: Disposable | undefined
  for (let at = 0; at < 300; at++) {
    const keyframe = at % 40 === 0
    const frame = video(at * 3000, keyframe, ...(keyframe ? [unit(7, 30), unit(8, 10)] : []), unit(keyframe ? 5 : 1, 10 + pick(4000)))
    if (at === 0) twin.sequenceNumber = firstNumber(track, writer, frame)
    else writer.write(frame)
    since = [...keyframe ? [] : since, ...twin.packetize(frame)]
    assert.deepEqual(shown(backlog.packets()), shown(since), `frame ${at}`)
    if (at % 50 === 20) listening = track.subscribe({ write: () => { made++ }, fail: error => { throw error } })
    if (at % 50 === 45) listening![Symbol.dispose]()
  }
  assert.ok(made > 0)
  assert.ok(track.packets > made)
})

/** The first packet's number is random: it is read from the backlog. */
function firstNumber (track: Track, writer: FrameWriter, frame: Frame): number {
  writer.write(frame)
  return track.backlog!.packets()[0]!.sequenceNumber
}

test('who subscribes first and reads the backlog then misses nothing and gets nothing twice', () => {
  const track = new Track(h264)
  const writer = new FrameWriter(track, new H264Packetizer(ids))
  for (let at = 0; at < 10; at++) writer.write(video(at, at === 0, unit(at === 0 ? 5 : 1, 2500)))
  const got: RtpPacket[] = []
  using _listening = track.subscribe({ write: packet => { got.push(packet) }, fail: error => { throw error } })
  got.push(...track.backlog!.packets())
  for (let at = 10; at < 20; at++) writer.write(video(at, false, unit(1, 2500)))
  assert.equal(got.length, 60)
  assert.ok(got.every((packet, index) => index === 0 || packet.sequenceNumber === (got[index - 1]!.sequenceNumber + 1 & 0xffff)))
})
