import assert from 'node:assert/strict'
import test from 'node:test'
import { delayImpairment, estimatedMos, mosOfR } from './e-model.ts'

const rounded = (value: number | undefined): number => Math.round((value ?? NaN) * 100) / 100

test('R becomes MOS as in the table of G.107, annex B', () => {
  const rows: [number, number][] = [[-5, 1], [0, 1], [50, 2.58], [60, 3.1], [70, 3.6], [80, 4.02], [90, 4.34], [93.2, 4.41], [100, 4.5], [120, 4.5]]
  for (const [r, mos] of rows) assert.equal(rounded(mosOfR(r)), mos, `R ${r}`)
  for (let r = 0; r <= 100; r += 0.5) assert.ok(mosOfR(r) >= 1 && mosOfR(r) <= 4.5)
})

test('delay costs nothing up to 100 ms, little up to 200, much beyond', () => {
  const rows: [number, number][] = [[0, 0], [100, 0], [150, 0.16], [400, 24.07]]
  for (const [ms, impairment] of rows) assert.equal(rounded(delayImpairment(ms)), impairment, `${ms} ms`)
})

test('loss lowers the score; in heaps more than at random; of an unknown codec nothing is said', () => {
  const mos = (lossFraction: number, burstRatio = 1) => estimatedMos({ codec: 'PCMU', lossFraction, delayMs: 50, burstRatio })!
  assert.equal(rounded(mos(0)), 4.41)
  assert.ok(mos(0.01) < mos(0) && mos(0.05) < mos(0.01) && mos(0.2) < mos(0.05))
  assert.ok(mos(0.05, 2) < mos(0.05))
  assert.ok(mos(1) >= 1)
  assert.equal(mos(-1), mos(0))
  assert.equal(estimatedMos({ codec: 'G729', lossFraction: 0, delayMs: 0 }), undefined)
})
