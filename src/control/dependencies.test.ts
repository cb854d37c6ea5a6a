import assert from 'node:assert/strict'
import test from 'node:test'
import { ManualClock } from '../../test/support/manual-clock.ts'
import { silentLogger } from '../lib/log.ts'
import { Dependencies, type DependencyCheck, withoutCredentials } from './dependencies.ts'

const settle = () => new Promise(resolve => setImmediate(resolve))

function watched (checks: Partial<DependencyCheck>[], clock = new ManualClock()) {
  const full = checks.map((check, i) => ({ name: `d${i}`, mode: 'required' as const, check: async () => {}, ...check }))
  return { clock, dependencies: new Dependencies({ checks: full, clock, log: silentLogger, intervalMs: 10_000, timeoutMs: 3_000 }) }
}

test('not ready until the required ones have answered', async () => {
  const { dependencies } = watched([{}, { mode: 'reported', check: () => Promise.reject(new Error('down')) }])
  using _ = dependencies
  assert.equal(dependencies.ready, false)
  await dependencies.checkAll()
  assert.equal(dependencies.ready, true)
  assert.equal(dependencies.healthy('d1'), false, 'a reported one is shown as it is')
})

test('what is off is neither looked at nor shown', async () => {
  let looked = 0
  const { dependencies } = watched([{ mode: 'off', check: async () => { looked++ } }])
  using _ = dependencies
  await dependencies.checkAll()
  assert.deepEqual([looked, dependencies.checks.length, dependencies.ready], [0, 0, true])
})

test('checks at the interval while all is well, every second while not, and at once when poked', async () => {
  let times = 0
  let down = false
  const { clock, dependencies } = watched([{ check: async () => { times++; if (down) throw new Error('down') } }])
  using _ = dependencies
  await dependencies.checkAll()
  for (let second = 0; second < 9; second++) { clock.advance(1000); await settle() }
  assert.equal(times, 1)
  clock.advance(1000)
  await settle()
  assert.equal(times, 2, 'the next one after ten seconds')
  down = true
  dependencies.poke('d0')
  await settle()
  assert.deepEqual([times, dependencies.ready], [3, false])
  for (let second = 0; second < 3; second++) { clock.advance(1000); await settle() }
  assert.equal(times, 6)
  down = false
  clock.advance(1000)
  await settle()
  assert.equal(dependencies.ready, true)
})

test('one that hangs counts as gone after the timeout, and is not asked twice at once', async () => {
  let times = 0
  let aborted = false
  const { clock, dependencies } = watched([{ check: signal => { times++; signal.addEventListener('abort', () => { aborted = true }); return new Promise(() => {}) } }])
  using _ = dependencies
  const first = dependencies.checkAll()
  dependencies.poke('d0')
  clock.advance(3_000)
  await first
  assert.deepEqual([times, aborted, dependencies.ready], [1, true, false])
})

test('endpoints are shown without credentials', () => {
  for (const [endpoint, shown] of [
    ['jdbc:postgresql://postgres:5432/auralink', 'jdbc:postgresql://postgres:5432/auralink'],
    ['postgresql://user:canary@db:5432/auralink', 'postgresql://db:5432/auralink'],
    ['jdbc:postgresql://db:5432/auralink?user=u&password=canary', 'jdbc:postgresql://db:5432/auralink'],
    ['postgres://user:can@ary@db/x', 'postgres://db/x'],
    ['postgres://user:can/ary@db/x', 'postgres://db/x'],
    ['redis:6379', 'redis:6379'],
    ['https://token:canary@ai.example/path?key=canary#canary', 'https://ai.example/path'],
    ['redis://:canary@[::1]:6379/0', 'redis://[::1]:6379/0']
  ] as const) assert.equal(withoutCredentials(endpoint), shown)
})
