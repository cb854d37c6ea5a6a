import assert from 'node:assert/strict'
import test from 'node:test'
import { ManualClock } from '../../../test/support/manual-clock.ts'
import { Doorman, type Pass, sourceOf, type Turned } from './doorman.ts'

const enter = (doorman: Doorman, address = '192.0.2.1'): Pass => {
  const pass = doorman.enter(address)
  if (typeof pass === 'string') assert.fail(pass)
  return pass
}
const turned = (doorman: Doorman, why: Turned, address = '192.0.2.1'): void => { assert.equal(doorman.enter(address), why) }

test('so many connections, and no more', () => {
  const doorman = new Doorman({ connections: 2, strangersPerSource: 9 }, new ManualClock())
  using _one = enter(doorman)
  const two = enter(doorman)
  turned(doorman, 'too many connections')
  two[Symbol.dispose]()
  two[Symbol.dispose]()
  using _three = enter(doorman)
  turned(doorman, 'too many connections')
  assert.equal(doorman.connections, 2)
})

test('strangers of one source are few; those who publish do not count, nor do others', () => {
  const doorman = new Doorman({ connections: 99, strangersPerSource: 2 }, new ManualClock())
  const one = enter(doorman)
  enter(doorman)
  turned(doorman, 'too many connections from one address that do not publish')
  enter(doorman, '192.0.2.2')
  one.known()
  enter(doorman)
  one[Symbol.dispose]()
  turned(doorman, 'too many connections from one address that do not publish')
})

test('the fifth wrong key within a minute closes the door for a minute, to that source only', () => {
  const clock = new ManualClock()
  const doorman = new Doorman({ connections: 99, strangersPerSource: 99 }, clock)
  const pass = enter(doorman)
  for (let i = 0; i < 4; i++) { pass.failed(); clock.advance(1000) }
  assert.equal(pass.banned, false)
  pass.failed()
  assert.equal(pass.banned, true)
  turned(doorman, 'too many wrong stream keys from one address')
  enter(doorman, '192.0.2.2')
  clock.advance(60_001)
  enter(doorman)
})

test('five in more than a minute are forgiven', () => {
  const clock = new ManualClock()
  const doorman = new Doorman({ connections: 99, strangersPerSource: 99 }, clock)
  const pass = enter(doorman)
  for (let i = 0; i < 12; i++) { pass.failed(); clock.advance(16_000) }
  assert.equal(pass.banned, false)
})

test('sources: an IPv4 address, an IPv6 /64', () => {
  assert.equal(sourceOf('::ffff:192.0.2.1'), '192.0.2.1')
  assert.equal(sourceOf('192.0.2.1'), '192.0.2.1')
  assert.equal(sourceOf('2001:db8::1'), '2001:db8:0:0')
  assert.equal(sourceOf('2001:0db8:1:2:3:4:5:6'), '2001:db8:1:2')
  assert.equal(sourceOf('fe80::1%eth0'), 'fe80:0:0:0')
  assert.equal(sourceOf('::1'), '0:0:0:0')
})
