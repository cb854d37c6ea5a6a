import assert from 'node:assert/strict'
import test from 'node:test'
import { SampleClock, Timeline, type TimelineTrack } from './timeline.ts'

/** A publisher of 25 pictures and 50 sounds a second, whose clock the test may set; sound is sent `lag` ms after the picture. */
class Publisher {
  readonly timeline = new Timeline()
  readonly video: TimelineTrack = this.timeline.track()
  readonly audio: TimelineTrack = this.timeline.track()
  readonly placed: { kind: 'video' | 'audio', sent: number, at: number }[] = []
  #elapsed = 0

  /** `videoBase`, `audioBase`: what the encoder's clock said at the start of its life. */
  run (ms: number, videoBase: number, audioBase = videoBase): void {
    for (const end = this.#elapsed + ms; this.#elapsed < end; this.#elapsed += 20) {
      if (this.#elapsed % 40 === 0) this.#send('video', this.video, videoBase)
      this.#send('audio', this.audio, audioBase)
    }
  }

  /** Media time less time since the start: 0 as long as nothing was lost. */
  offsets (kind: 'video' | 'audio'): number[] { return [...new Set(this.placed.filter(p => p.kind === kind).map(p => p.at - p.sent))] }

  #send (kind: 'video' | 'audio', track: TimelineTrack, base: number): void {
    const at = track.at((base + this.#elapsed) >>> 0, this.#elapsed)
    this.placed.push({ kind, sent: this.#elapsed, at })
  }
}

const jumps: [what: string, before: number, after: number][] = [
  ['32 bits wrap', 2 ** 32 - 1000, 2 ** 32 - 1000],
  ['24 bits end, and the encoder starts at 0 again', 2 ** 24 - 1000, -1000],
  ['an hour forward', 0, 3_600_000],
  ['an hour back', 3_600_000, 0],
  ['three seconds back', 10_000, 7000],
  ['to half the circle away', 0, 2 ** 31]
]

for (const [what, before, after] of jumps) {
  test(`the timeline goes on when the clock jumps: ${what}`, () => {
    const publisher = new Publisher()
    publisher.run(2000, before)
    publisher.run(2000, after)
    for (const kind of ['video', 'audio'] as const) assert.deepEqual(publisher.offsets(kind), [0], kind)
    assert.ok(publisher.timeline.jumps <= 1)
  })

  test(`and when sound jumps half a second after the picture: ${what}`, () => {
    const publisher = new Publisher()
    publisher.run(2000, before)
    publisher.run(500, after, before)
    publisher.run(2000, after)
    const spread = [...publisher.offsets('video'), ...publisher.offsets('audio')]
    assert.ok(Math.max(...spread) - Math.min(...spread) <= 40, String(spread))
    assert.equal(publisher.offsets('video').at(-1), publisher.offsets('audio').at(-1), 'both on the same offset in the end')
  })
}

test('a pause of five seconds is kept, also when it is near what would be a jump', () => {
  const publisher = new Publisher()
  publisher.run(1000, 0)
  publisher.run(1000, 5000)
  assert.deepEqual(publisher.offsets('video'), [0, 5000])
  const both = new Publisher()
  both.run(1000, 0)
  both.run(1000, 10_020, 9990)
  assert.equal(both.offsets('video').at(-1)! - both.offsets('audio').at(-1)!, 30, 'the encoder said so')
})

test('sound that pauses for a minute returns in step', () => {
  const { timeline, video, audio } = new Publisher()
  audio.at(0, 0)
  for (let at = 0; at < 60_000; at += 40) video.at(at, at)
  assert.equal(audio.at(60_010, 60_010), 60_010)
  assert.equal(timeline.jumps, 0)
})

test('a track that begins later, or a little earlier, is in step', () => {
  const { video, audio } = new Publisher()
  assert.equal(video.at(1000, 0), 0)
  assert.equal(audio.at(977, 0), -23)
  assert.equal(audio.at(1000, 0), 0)
})

test('tracks with clocks of their own do not disturb each other', () => {
  const publisher = new Publisher()
  publisher.run(2000, 0, 1e9)
  assert.ok(publisher.timeline.jumps <= 1)
  for (const kind of ['video', 'audio'] as const) assert.ok(publisher.offsets(kind).every(offset => Math.abs(offset) <= 20), kind)
})

test('careless interleaving never goes back', () => {
  const { video } = new Publisher()
  assert.deepEqual([0, 40, 30, 80, 79, 120].map(at => video.at(at, at)), [0, 40, 40, 80, 80, 120])
})

test('sound is timed by its samples: neither rounded milliseconds nor jitter come through', () => {
  const clock = new SampleClock(44_100)
  const first = clock.at(0, 1024)
  let last = first
  for (let frame = 1; frame < 100_000; frame++) {
    const at = clock.at(Math.round(frame * 1024 / 44.1) + (frame % 7 === 0 ? 15 : 0), 1024)
    assert.equal(at - last, 1024)
    last = at
  }
  assert.equal(clock.resyncs, 0)
})

test('sound that was lost leaves its gap', () => {
  const clock = new SampleClock(48_000)
  assert.equal(clock.at(0, 1024), 0)
  assert.equal(clock.at(500, 1024), 24_000)
  assert.equal(clock.resyncs, 1)
})
