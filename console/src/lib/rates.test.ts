import assert from 'node:assert/strict'
import test from 'node:test'
import { RateMeter, RateMeters } from './rates.ts'

test('a rate needs two readings, and follows the counter within a few seconds', () => {
  const meter = new RateMeter()
  meter.push(0, 1_000_000)
  assert.equal(meter.bitsPerSecond, undefined)
  meter.push(1_000, 1_250_000)
  assert.equal(meter.bitsPerSecond, 2_000_000)
  for (let second = 2; second <= 6; second++) meter.push(second * 1_000, 1_250_000) // The stream stops.
  assert.equal(meter.bitsPerSecond, 0)
  assert.deepEqual(meter.history.slice(0, 2), [2_000_000, 1_000_000])
})

test('readings at uneven times do not show in the rate', () => {
  const meter = new RateMeter()
  for (const atMs of [0, 1_480, 3_020, 4_490, 6_100]) meter.push(atMs, atMs * 300)
  assert.equal(meter.bitsPerSecond, 2_400_000)
})

test('a counter that went back belongs to another stream', () => {
  const meter = new RateMeter()
  meter.push(0, 500_000)
  meter.push(1_000, 600_000)
  meter.push(2_000, 10_000)
  assert.equal(meter.bitsPerSecond, undefined)
  meter.push(3_000, 135_000)
  assert.equal(meter.bitsPerSecond, 1_000_000)
})

test('the history has an end', () => {
  const meter = new RateMeter()
  for (let second = 0; second < 1_000; second++) meter.push(second * 1_000, second * 125_000)
  assert.equal(meter.history.length, 60)
})

test('meters of what is gone are forgotten', () => {
  const meters = new RateMeters()
  meters.update(0, [['a', 0], ['b', 0]])
  meters.update(1_000, [['b', 125_000]])
  assert.equal(meters.get('a'), undefined)
  assert.equal(meters.get('b')?.bitsPerSecond, 1_000_000)
})
