import assert from 'node:assert/strict'
import test from 'node:test'
import { noStats } from '../leg.ts'
import { sessionQuality } from './session-quality.ts'

test('what was not measured is null, not zero', () => {
  assert.deepEqual(sessionQuality(noStats), { direction: 'out', packetsLost: null, lossPercent: null, jitterMs: null, roundTripMs: null, estimatedMos: null, bursts: null, freezes: null })
  const publisher = sessionQuality({ ...noStats, packetsIn: 990, bytesIn: 1e6, quality: { packetsLost: 10, jitterMs: 4 }, detail: { audio: { codec: 'opus', packets: 500, lost: 0, jitterMs: 3 } } })
  assert.deepEqual(publisher, { direction: 'in', packetsLost: 10, lossPercent: 1, jitterMs: 4, roundTripMs: null, estimatedMos: null, bursts: null, freezes: null }, 'no round trip, no score')
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

test('losses in heaps are heard more than losses by chance', () => {
  const scored = (ratio: number, restored: number | undefined = undefined) => sessionQuality({
    ...noStats, packetsIn: 1000, bytesIn: 1e6, quality: { packetsLost: 0, roundTripMs: 40 },
    detail: { audio: { codec: 'opus', packets: 950, lost: 50, restored, jitterMs: 2, bursts: { count: 1, meanPackets: 5, longestPackets: 9, ratio } } }
  }).estimatedMos!
  assert.ok(scored(5) < scored(1) - 0.1, `${scored(5)}, ${scored(1)}`)
  assert.ok(scored(1, 45) > scored(1) + 0.3, 'what redundancy brings back is heard')
})
