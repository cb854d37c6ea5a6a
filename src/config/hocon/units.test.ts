import assert from 'node:assert/strict'
import test from 'node:test'
import { booleanOf, bytesOf, durationOf, itemsOf, numberOf, stringOf } from './units.ts'
import { resolve } from './resolver.ts'
import { assign, type HoconValue, nodeOf, object } from './values.ts'

const origin = { source: 'test' }
function value (written: unknown): HoconValue {
  const root = object(origin)
  assign(root, ['value'], nodeOf(written, origin))
  return resolve(root).root.fields.get('value') as HoconValue
}

test('durations are milliseconds', () => {
  const rows: [unknown, number | undefined][] = [
    ['10s', 10_000], ['10 seconds', 10_000], ['1.5 minutes', 90_000], ['500ms', 500], ['250 us', 0.25], ['500ns', 0.0005], ['2h', 7_200_000], ['1 day', 86_400_000],
    ['.5s', 500], ['0', 0], [250, 250], ['250', 250], ['  3 s  ', 3000], ['-1s', -1000],
    ['', undefined], ['s', undefined], ['10 parsecs', undefined], ['10S', undefined], ['1s 2ms', undefined], ['constructor', undefined], ['1 constructor', undefined], [true, undefined]
  ]
  for (const [written, expected] of rows) assert.equal(durationOf(value(written)), expected, JSON.stringify(written))
  assert.equal(durationOf(value(300), 1000), 300_000)
  assert.equal(durationOf(value('300ms'), 1000), 300)
})

test('sizes are bytes: kB in thousands, K and KiB in 1024s', () => {
  const rows: [unknown, number | undefined][] = [
    ['1', 1], [512, 512], ['1B', 1], ['2 bytes', 2], ['1kB', 1000], ['1 kilobyte', 1000], ['1k', 1024], ['1K', 1024], ['1Ki', 1024], ['1KiB', 1024], ['1 kibibyte', 1024],
    ['1MB', 1e6], ['1m', 2 ** 20], ['1M', 2 ** 20], ['1MiB', 2 ** 20], ['2 mebibytes', 2 ** 21], ['1GB', 1e9], ['1g', 2 ** 30], ['1GiB', 2 ** 30], ['1.5GiB', 1.5 * 2 ** 30], ['1TiB', 2 ** 40],
    ['1 KB', undefined], ['1XB', undefined], ['GiB', undefined], ['1 toString', undefined]
  ]
  for (const [written, expected] of rows) assert.equal(bytesOf(value(written)), expected, JSON.stringify(written))
})

test('booleans, numbers, text', () => {
  for (const yes of [true, 'true', 'yes', 'on', 'On', ' YES ']) assert.equal(booleanOf(value(yes)), true)
  for (const no of [false, 'false', 'no', 'off', 'OFF']) assert.equal(booleanOf(value(no)), false)
  for (const neither of [1, '1', '', 'y', null, []]) assert.equal(booleanOf(value(neither)), undefined)
  assert.deepEqual(['1.5', '-2', '1e3', 7, '0x10', '', 'x'].map(v => numberOf(value(v))), [1.5, -2, 1000, 7, undefined, undefined, undefined])
  assert.deepEqual(['a', 5, true, null, []].map(v => stringOf(value(v))), ['a', '5', 'true', undefined, undefined])
})

test('an object with whole numbers for keys is a list', () => {
  assert.deepEqual(itemsOf(value({ 2: 'c', 0: 'a', 10: 'k' }))?.map(stringOf), ['a', 'c', 'k'])
  assert.equal(itemsOf(value({ 0: 'a', x: 'b' })), undefined)
  assert.equal(itemsOf(value({})), undefined)
})
