import assert from 'node:assert/strict'
import test from 'node:test'
import { admin, controlUnderTest } from '../../test/support/control.ts'
import { ManualClock } from '../../test/support/manual-clock.ts'

test('the same key and the same request have one effect and the same answer', async () => {
  const clock = new ManualClock()
  await using it = await controlUnderTest({ clock })
  const start = (key: string, room: string) => it.ask('POST', '/api/v1/recordings', { headers: { ...admin, 'idempotency-key': key }, payload: { room } })
  const first = await start('a', 'hall')
  const again = await start('a', 'hall')
  assert.deepEqual([again.statusCode, again.body, again.headers['location']], [201, first.body, first.headers['location']])
  assert.equal(again.headers['idempotent-replayed'], 'true')
  assert.equal(it.recordings.items.size, 1)
  assert.equal((await start('a', 'other')).json().code, 'conflict', 'another request under the same key')
  assert.equal((await start('b', 'hall')).statusCode, 201)
  assert.equal(it.recordings.items.size, 2)
  clock.advance(10 * 60_000)
  assert.equal((await start('a', 'hall')).headers['idempotent-replayed'], undefined, 'forgotten after ten minutes')
})

test('a first request still under way is not repeated', async () => {
  const go = Promise.withResolvers<void>()
  await using it = await controlUnderTest()
  const start = it.recordings.start.bind(it.recordings)
  it.recordings.start = async request => { await go.promise; return start(request) }
  const ask = () => it.ask('POST', '/api/v1/recordings', { headers: { ...admin, 'idempotency-key': 'k' }, payload: { room: 'hall' } })
  const first = ask()
  await new Promise(resolve => setImmediate(resolve))
  assert.equal((await ask()).json().code, 'conflict')
  go.resolve()
  assert.equal((await first).statusCode, 201)
})

test('what failed on our side is tried again', async () => {
  await using it = await controlUnderTest()
  const start = it.recordings.start.bind(it.recordings)
  it.recordings.start = () => { throw new Error('no') }
  const ask = () => it.ask('POST', '/api/v1/recordings', { headers: { ...admin, 'idempotency-key': 'k' }, payload: { room: 'hall' } })
  assert.equal((await ask()).statusCode, 500)
  it.recordings.start = start
  assert.equal((await ask()).statusCode, 201)
})
