import assert from 'node:assert/strict'
import test from 'node:test'
import { Pace } from './pace.ts'

const rows: [string, number[], number[]][] = [
  ['now and then: at once', [0, 100, 250, 1000], [0, 0, 0, 0]],
  ['a few together: at once', [0, 1, 2], [0, 0, 0]],
  ['more than a few: each in its turn', [0, 0, 0, 0, 100], [0, 0, 0, 100, 100]],
  ['after a quiet time a few go at once again', [0, 0, 0, 0, 400, 400, 400, 400], [0, 0, 0, 100, 0, 0, 0, 100]]
]
for (const [name, times, waits] of rows) {
  test(`pace of one in 100 ms, three at once: ${name}`, () => {
    const pace = new Pace(100, 3)
    assert.deepEqual(times.map(at => pace.next(at)), waits)
  })
}
