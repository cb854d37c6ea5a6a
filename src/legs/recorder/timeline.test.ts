import assert from 'node:assert/strict'
import test from 'node:test'
import { ManualClock } from '../../../test/support/manual-clock.ts'
import { type Codec, codec, opus } from '../../media/codec.ts'
import type { TimeReference } from '../../media/time-reference.ts'
import { Timeline, type TimedTrack } from './timeline.ts'

const h264 = codec('H264')
const aac = codec('AAC', { clockRate: 44_100 })

class FakeTrack implements TimedTrack {
  readonly codec: Codec
  timeReference: TimeReference | undefined
  constructor (of: Codec, timeReference?: TimeReference) {
    this.codec = of
    this.timeReference = timeReference
  }
}

function make () {
  const clock = new ManualClock()
  const timeline = new Timeline(clock)
  return { clock, timeline, clockOf: (track: TimedTrack) => timeline.trackClock(track) }
}

test('the first frame is at zero; what its wall clock puts before is negative, also across the wrap of 32 bits', () => {
  const { clockOf } = make()
  const video = clockOf(new FakeTrack(h264, { rtpTimestamp: 0xffffff00, wallMs: 1_000_000 }))
  const audio = clockOf(new FakeTrack(aac, { rtpTimestamp: 10, wallMs: 1_000_000 }))
  assert.equal(video.place(0xffffff00 + 90, undefined), 0)
  assert.equal(video.place((0xffffff00 + 9090) >>> 0, undefined), 9000)
  assert.equal(video.place((0xffffff00 + 4590) >>> 0, undefined), 4500, 'a B-frame')
  assert.equal(audio.place(10, 1024), -44, '1 ms before the picture')
  assert.equal(audio.place(10 + 4410, 1024), 4410 - 44)
})

test('sounds whose times are whole milliseconds follow each other without a seam, and never drift from the truth', () => {
  const { clockOf } = make()
  const audio = clockOf(new FakeTrack(aac, { rtpTimestamp: 0, wallMs: 0 }))
  const rounded = (frame: number, rate: number): number => Math.round(Math.round(frame * 1024 / rate * 1000) * 44.1)
  for (let frame = 0; frame < 500; frame++) assert.equal(audio.place(rounded(frame, 44_100), 1024), frame * 1024)
  const drifting = make().clockOf(new FakeTrack(aac, { rtpTimestamp: 0, wallMs: 0 }))
  let steps = 0
  for (let frame = 0, last = -1024; frame < 5000; frame++) {
    const truth = rounded(frame, 44_090) // A sound card that is a little slow.
    const placed = drifting.place(truth, 1024)
    assert.ok(Math.abs(placed - truth) <= 2 * 44.1)
    if (placed !== last + 1024) steps++
    last = placed
  }
  assert.ok(steps > 3 && steps < 60, `${steps} steps`)
})

test('without a wall clock, arrival has to do; when it comes to be known, the tracks move together', () => {
  const { clock, clockOf } = make()
  const [cam, mic] = [new FakeTrack(h264), new FakeTrack(opus)]
  const [video, audio] = [clockOf(cam), clockOf(mic)]
  assert.equal(audio.place(5000, 960), 0)
  clock.advance(100)
  assert.equal(video.place(70_000, undefined), 9000, 'the picture came 100 ms after the sound')
  mic.timeReference = { rtpTimestamp: 5000, wallMs: 50_000 }
  assert.equal(audio.place(5960, 960), 960, 'the first track that says its time stays where it is')
  cam.timeReference = { rtpTimestamp: 70_000, wallMs: 50_060 }
  assert.equal(video.place(73_000, undefined), Math.round(60 * 90) + 3000, 'the picture had been on its way for 40 ms')
})

test('a reference that wavers is ignored, one that drifts is followed, one that jumps is not believed', () => {
  const { clock, clockOf } = make()
  const track = new FakeTrack(h264, { rtpTimestamp: 0, wallMs: 1000 })
  const video = clockOf(track)
  const next = (timestamp: number, wallOffsetMs: number): number => {
    clock.advance(1000)
    track.timeReference = { rtpTimestamp: timestamp, wallMs: 1000 + timestamp / 90 + wallOffsetMs }
    return video.place(timestamp, undefined)
  }
  assert.equal(video.place(0, undefined), 0)
  assert.equal(next(90_000, 6), 90_000)
  assert.equal(next(180_000, -7), 180_000)
  assert.equal(next(270_000, 20), 270_000 + 1800)
  assert.equal(next(360_000, 3_600_000), 360_000 + 1800)
})

test('timestamps that jump go on where the time that has passed puts them', () => {
  for (const jump of [90_000 * 3600, -90_000 * 3600, -90_000 * 20]) {
    const { clock, clockOf } = make()
    const video = clockOf(new FakeTrack(h264, { rtpTimestamp: 0, wallMs: 0 }))
    let timestamp = 90_000 * 7200
    const first = video.place(timestamp >>> 0, undefined)
    clock.advance(40)
    timestamp += jump
    const second = video.place(timestamp >>> 0, undefined)
    assert.equal(second - first, 3600, `${jump}`)
    clock.advance(40)
    assert.equal(video.place((timestamp + 3600) >>> 0, undefined) - second, 3600)
  }
})

test('a stall that ends in a burst keeps the times of capture', () => {
  const { clock, clockOf } = make()
  const video = clockOf(new FakeTrack(h264, { rtpTimestamp: 0, wallMs: 0 }))
  video.place(0, undefined)
  clock.advance(20_000)
  for (let frame = 1; frame < 500; frame++) assert.equal(video.place(frame * 3600, undefined), frame * 3600)
})

test('whoever comes back is believed if its clock agrees with ours, and put at the present otherwise', () => {
  for (const [wallMs, expected] of [[4010, 4010], [99_000_000, 4000]] as const) {
    const { clock, timeline, clockOf } = make()
    clockOf(new FakeTrack(h264, { rtpTimestamp: 0, wallMs: 0 })).place(90_000, undefined)
    clock.advance(4000)
    timeline.newSource()
    const again = new FakeTrack(h264, { rtpTimestamp: 777, wallMs: wallMs + 1000 })
    assert.equal(clockOf(again).place(777, undefined), expected * 90)
    const sound = new FakeTrack(opus, { rtpTimestamp: 5, wallMs: wallMs + 1000 })
    assert.equal(clockOf(sound).place(5, 960), expected * 48)
  }
})
