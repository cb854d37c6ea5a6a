import assert from 'node:assert/strict'
import test from 'node:test'
import { noStats } from '../room/leg.ts'
import { sessionQuality } from './session-quality.ts'

test('what was not measured is null, not zero', () => {
  assert.deepEqual(sessionQuality(noStats), { direction: 'out', packetsLost: null, lossPercent: null, jitterMs: null, roundTripMs: null, estimatedMos: null })
  const publisher = sessionQuality({ ...noStats, packetsIn: 990, bytesIn: 1e6, quality: { packetsLost: 10, jitterMs: 4 }, detail: { audio: { codec: 'opus', packets: 500, lost: 0, jitterMs: 3 } } })
  assert.deepEqual(publisher, { direction: 'in', packetsLost: 10, lossPercent: 1, jitterMs: 4, roundTripMs: null, estimatedMos: null }, 'no round trip, no score')
})

test('the score is the sound’s, not the picture’s', () => {
  const viewer = { ...noStats, packetsOut: 1000, bytesOut: 1e6, quality: { packetsLost: 100, jitterMs: 5, roundTripMs: 40 } }
  const mos = (audio: object | undefined) => sessionQuality({ ...viewer, detail: { audio } }).estimatedMos
  const clean = mos({ codec: 'opus', packets: 500, lost: 0, jitterMs: 2, roundTripMs: 40 })!
  const lossy = mos({ codec: 'opus' })!
  assert.ok(clean > 4.3 && lossy < 3.5, `${clean}, ${lossy}`)
  assert.equal(mos(undefined), null)
  assert.equal(mos({ codec: 'AAC' }), null)
  assert.equal(sessionQuality(viewer).lossPercent, 10)
})
