import assert from 'node:assert/strict'
import test from 'node:test'
import { opusDuration } from './opus.ts'

/** First bytes of a packet, and ticks of 1/48000 s. */
const rows: readonly [string, number, string][] = [
  ['00', 480, 'SILK, 10 ms'], ['18', 2880, 'SILK, 60 ms'], ['08', 960, 'SILK, 20 ms'], ['60', 480, 'hybrid, 10 ms'], ['68', 960, 'hybrid, 20 ms'],
  ['80', 120, 'CELT, 2.5 ms'], ['fc', 960, 'CELT, 20 ms, stereo'], ['f9', 1920, 'two frames of equal size'], ['fa', 1920, 'two frames of any size'],
  ['fb03', 2880, 'three frames'], ['fb86', 5760, 'six frames, variable'], ['fb07', 0, 'seven frames of 20 ms: too long'], ['fb', 0, 'a count that is not there'], ['', 0, 'nothing']
]
for (const [hex, ticks, what] of rows) test(`an Opus packet lasts ${ticks}: ${what}`, () => { assert.equal(opusDuration(Buffer.from(hex, 'hex')), ticks) })
