import assert from 'node:assert/strict'
import test from 'node:test'
import { ago, bitrate, bytes, duration, moment, plural, span } from './format.ts'

test('sizes and rates have three digits and a unit', () => {
  const rows: [number, string][] = [
    [-5, '0 B'], [0, '0 B'], [999, '999 B'], [999.6, '1.00 kB'], [1_000, '1.00 kB'], [12_345, '12.3 kB'], [123_456, '123 kB'], [999_600, '1.00 MB'],
    [61_200_000, '61.2 MB'], [1_163_400_000, '1.16 GB'], [5e15, '5000 TB']
  ]
  for (const [value, text] of rows) assert.equal(bytes(value), text)
  assert.equal(bitrate(2_480_000), '2.48 Mbit/s')
  assert.equal(bitrate(128_000), '128 kbit/s')
})

test('durations read as on a player', () => {
  const rows: [number, string][] = [[-1, '0:00'], [7.9, '0:07'], [59.99, '0:59'], [60, '1:00'], [725, '12:05'], [3600, '1:00:00'], [3723, '1:02:03'], [360_000, '100:00:00']]
  for (const [seconds, text] of rows) assert.equal(duration(seconds), text)
})

test('spans and ages read as spoken', () => {
  const rows: [number, string][] = [[0.8, '0.8 s'], [4, '4 s'], [9.97, '10 s'], [42, '42 s'], [90, '2 min'], [300, '5 min'], [5400, '1 h 30 min'], [7200, '2 h'], [172_800, '2 days']]
  for (const [seconds, text] of rows) assert.equal(span(seconds), text)
  assert.equal(ago(1_000, 2_000), 'just now')
  assert.equal(ago(0, 30_000), '30 s ago')
  assert.equal(ago(10_000, 0), 'just now', 'a clock that is a little ahead')
})

test('a moment of today has no date, one of another year has its year', () => {
  const now = new Date(2026, 10, 22, 12, 0)
  assert.equal(moment(new Date(2026, 10, 22, 9, 5), now, 'en-GB'), 'Today, 09:05')
  assert.equal(moment(new Date(2026, 10, 21, 9, 5), now, 'en-GB'), '21 Nov, 09:05')
  assert.equal(moment(new Date(2025, 10, 21, 9, 5), now, 'en-GB'), '21 Nov 2025, 09:05')
})

test('one is singular, all else is plural', () => {
  assert.deepEqual([0, 1, 2].map(count => plural(count, 'room')), ['0 rooms', '1 room', '2 rooms'])
})
