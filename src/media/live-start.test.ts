import assert from 'node:assert/strict'
import test from 'node:test'
import { LiveStart } from './live-start.ts'

/** Which of the packets, each an arrival time and an age in ms, get through. */
function through (packets: readonly (readonly [number, number | undefined])[]): boolean[] {
  const start = new LiveStart(150, 0)
  return packets.map(([at, age]) => start.accepts(age, at))
}

test('a burst is let go, and what comes after it in its own time is not', () => {
  assert.deepEqual(through([[300, 300], [300, 280], [301, 260], [302, 40], [303, 20], [320, 20], [321, 20], [340, 20]]),
    [false, false, false, false, false, true, true, true])
})

test('old packets do not begin a stream, however slowly they come', () => {
  assert.deepEqual(through([[20, 400], [40, 400], [60, 100], [80, 400]]), [false, false, true, true])
})

test('without a known age, and without end, something is heard', () => {
  assert.deepEqual(through([[20, undefined]]), [true])
  assert.deepEqual(through([[0, 500], [2999, 500], [3000, 500]]), [false, false, true])
})
