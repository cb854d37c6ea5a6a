import assert from 'node:assert/strict'
import test from 'node:test'
import { ToldBandwidth } from './told-bandwidth.ts'

test('what a receiver says is what there is, within reason', () => {
  const told = new ToldBandwidth()
  assert.equal(told.bitrate, undefined)
  for (const [said, believed] of [[500_000, 500_000], [0, 30_000], [2 ** 80, 100_000_000]] as const) {
    told.hear(said, 0)
    assert.equal(told.bitrate, believed)
  }
})

test('heavy loss limits what is sent, with what the receiver says or without; a little does not', () => {
  const told = new ToldBandwidth()
  told.hearLoss(0.08, 1_000_000, 1000)
  assert.equal(told.bitrate, undefined)
  told.hearLoss(0.2, 1_000_000, 2000)
  assert.equal(told.bitrate, 900_000)
  told.hearLoss(0.2, 900_000, 2100)
  assert.equal(told.bitrate, 900_000, 'of the same second')
  told.hear(5_000_000, 2200)
  assert.equal(told.bitrate, 900_000)
  for (let now = 3000; now < 13_000; now += 1000) told.hearLoss(0, 500_000, now)
  assert.ok(told.bitrate! > 1_800_000 && told.bitrate! < 2_200_000, `${told.bitrate} bit/s after ten seconds without loss`)
  told.hear(200_000, 14_000)
  assert.equal(told.bitrate, 200_000)
})

test('a receiver that gets more than it has said is heard out as long as it says more, not if it says less', () => {
  const told = new ToldBandwidth()
  assert.ok(told.mayGrow(-Infinity, 0), 'it says nothing')
  told.hear(200_000, 10_000)
  assert.ok(!told.mayGrow(-Infinity, 10_000))
  assert.ok(told.mayGrow(9000, 11_000), 'it was sent more a moment ago')
  told.hear(200_000, 11_000)
  assert.ok(!told.mayGrow(8000, 11_000))
  told.hear(220_000, 12_000)
  assert.ok(told.mayGrow(8000, 14_000))
  told.hear(190_000, 14_000)
  assert.ok(!told.mayGrow(13_900, 14_100))
})
