import assert from 'node:assert/strict'
import test from 'node:test'
import { Timeline } from './timeline.ts'

const RATE = 48_000
const FRAME = 1024

test('the first frame is a jump to its place; frames in order follow', () => {
  const timeline = new Timeline(RATE)
  assert.equal(timeline.place(5_000, FRAME, undefined), 'jumps')
  assert.equal(timeline.place(6_024, FRAME, 6_024), 'follows')
})

test('timestamps rounded to milliseconds are jitter: no jump, no correction, for an hour', () => {
  const timeline = new Timeline(RATE)
  for (let n = 0; n < 3600 * 47; n++) {
    const rounded = Math.round(n * FRAME / 48) * 48
    assert.equal(timeline.place(rounded, FRAME, n === 0 ? undefined : n * FRAME), n === 0 ? 'jumps' : 'follows')
    assert.equal(timeline.correction(rounded), 0)
  }
})

test('one lost frame is a jump, a repeated one is late, and a source that starts anew is followed', () => {
  const timeline = new Timeline(RATE)
  timeline.place(0, FRAME, undefined)
  assert.equal(timeline.place(2 * FRAME, FRAME, FRAME), 'jumps')
  assert.equal(timeline.place(2 * FRAME, FRAME, 3 * FRAME), 'late')
  assert.equal(timeline.place(0, FRAME, 3 * RATE), 'jumps')
})

test('a source whose clock is a little off is followed by stretching, and never leaves the picture by more than 6 ms', () => {
  for (const partsPerMillion of [-300, -50, 50, 300]) {
    const timeline = new Timeline(RATE)
    let counted = 0
    let corrections = 0
    for (let n = 0; n < 600 * 47; n++) {
      const claimed = n * FRAME * (1 + partsPerMillion / 1e6)
      assert.equal(timeline.place(claimed, FRAME, n === 0 ? undefined : counted), n === 0 ? 'jumps' : 'follows')
      assert.ok(Math.abs(claimed - counted) < 0.006 * RATE, `${partsPerMillion} ppm: ${claimed - counted} samples off`)
      const correction = timeline.correction(claimed)
      if (correction !== 0) corrections++
      counted += FRAME + correction
    }
    assert.ok(corrections >= 5 && corrections < 70, `${corrections} corrections`)
  }
})
