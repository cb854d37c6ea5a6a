import assert from 'node:assert/strict'
import test from 'node:test'
import { ManualClock } from '../../../test/support/manual-clock.ts'
import { Attempts, network } from './attempts.ts'

test('after the last allowed failure an address waits out the window', () => {
  const clock = new ManualClock()
  const attempts = new Attempts(clock, { failures: 3, windowMs: 60_000, addresses: 10 })
  for (let i = 0; i < 3; i++) {
    assert.equal(attempts.waitMs('192.0.2.1'), 0)
    attempts.failed('192.0.2.1')
  }
  clock.advance(10_000)
  assert.equal(attempts.waitMs('192.0.2.1'), 50_000)
  assert.equal(attempts.waitMs('192.0.2.2'), 0, 'others are not punished')
  clock.advance(50_000)
  assert.equal(attempts.waitMs('192.0.2.1'), 0)
})

test('a success wipes the slate', () => {
  const attempts = new Attempts(new ManualClock(), { failures: 1, windowMs: 1000, addresses: 10 })
  attempts.failed('192.0.2.1')
  attempts.succeeded('192.0.2.1')
  assert.equal(attempts.waitMs('192.0.2.1'), 0)
})

test('remembers a bounded number of addresses, the newest ones', () => {
  const attempts = new Attempts(new ManualClock(), { failures: 1, windowMs: 1000, addresses: 2 })
  for (const address of ['192.0.2.1', '192.0.2.2', '192.0.2.3']) attempts.failed(address)
  assert.equal(attempts.waitMs('192.0.2.1'), 0)
  assert.equal(attempts.waitMs('192.0.2.3'), 1000)
})

test('an IPv6 /64 is one address', () => {
  for (const [address, expected] of [
    ['2001:db8:0:1:a:b:c:d', '2001:db8:0:1'],
    ['2001:db8:0:1::5', '2001:db8:0:1'],
    ['2001:0db8::7', '2001:db8:0:0'],
    ['::1', '0:0:0:0'],
    ['::ffff:192.0.2.1', '::ffff:192.0.2.1'],
    ['192.0.2.1', '192.0.2.1']
  ] as const) assert.equal(network(address), expected)
})
