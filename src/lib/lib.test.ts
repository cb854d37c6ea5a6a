import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import test from 'node:test'
import { ManualClock } from '../../test/support/manual-clock.ts'
import { aborted, ChildController, within } from './abort.ts'
import { ByteReader, ByteWriter } from './bytes.ts'
import { AppError, errorTable, ProtocolError } from './errors.ts'
import { newId, uuidV7 } from './ids.ts'
import { createLogger, Tally } from './log.ts'
import { BoundedQueue } from './queue.ts'
import { drawRandom } from './random.ts'

test('a child controller aborts with its parent and lets go of it when disposed', async () => {
  const parent = new AbortController()
  {
    using child = new ChildController(parent.signal)
    assert.equal(child.signal.aborted, false)
    assert.equal(getEventListeners(parent.signal, 'abort').length, 1)
  }
  assert.equal(getEventListeners(parent.signal, 'abort').length, 0)
  using other = new ChildController(parent.signal)
  parent.abort(new Error('closing'))
  await aborted(other.signal)
  assert.match(String(other.signal.reason), /closing/)
})

test('within() says whether work was done in time, and passes its failure on', async () => {
  assert.equal(await within(10, new Promise(() => {})), false)
  assert.equal(await within(10_000, Promise.resolve('x')), true)
  await assert.rejects(within(10_000, Promise.reject(new Error('no'))), /no/)
})

test('a reader never reads past its bytes and says where it stopped', () => {
  const reader = new ByteReader(Buffer.from('01ffff800000', 'hex'))
  assert.equal(reader.u8(), 1)
  assert.equal(reader.u16(), 0xffff)
  assert.equal(reader.i24(), -0x800000)
  assert.throws(() => reader.u8(), (error: ProtocolError) => error.code === 'protocol_error' && error.offset === 6)
  assert.throws(() => reader.view(-1), ProtocolError)
})

test('a writer grows, and what it wrote can be read back', () => {
  const bytes = new ByteWriter(4).u8(1).u16(2).u24(3).u32(4).u64(5n).f64(0.5).ascii('abcd').zeros(2).i24(-1).i32(-2).patchU32(6, 9).done()
  const reader = new ByteReader(bytes)
  assert.deepEqual([reader.u8(), reader.u16(), reader.u24(), reader.u32(), reader.u64(), reader.f64()], [1, 2, 3, 9, 5n, 0.5])
  assert.equal(reader.view(4).toString(), 'abcd')
  assert.deepEqual([reader.u16(), reader.i24(), reader.rest().readInt32BE()], [0, -1, -2])
})

test('a queue refuses what does not fit and counts it', () => {
  const queue = new BoundedQueue<number>(100)
  for (let i = 0; i < 103; i++) assert.equal(queue.push(i), i < 100)
  assert.equal(queue.dropped, 3)
  for (let i = 0; i < 90; i++) assert.equal(queue.shift(), i)
  assert.equal(queue.length, 10)
  assert.deepEqual(queue.drain(), [90, 91, 92, 93, 94, 95, 96, 97, 98, 99])
  assert.equal(queue.shift(), undefined)
})

test('ids say what they name and sort by time', () => {
  assert.match(newId('session'), /^ses_[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  assert.ok(uuidV7(1000) < uuidV7(2000))
})

test('an error carries the statuses of its row', () => {
  const error = new AppError('overloaded', 'no more')
  assert.deepEqual([error.httpStatus, error.sipStatus, error.message], [503, 503, 'no more'])
  for (const [code, { http, sip }] of Object.entries(errorTable)) {
    assert.ok(http >= 400 && http < 600 && sip >= 400 && sip < 700, code)
  }
})

test('a tally says the first at once and the rest once a second', () => {
  const lines: string[] = []
  const log = createLogger({ level: 'debug', format: 'json', destination: { write: line => { lines.push(line) } } })
  const clock = new ManualClock()
  const tally = new Tally(log, clock)
  for (let i = 0; i < 1000; i++) tally.count('bad packet')
  clock.advance(1000)
  tally.count('bad packet')
  assert.equal(lines.length, 2)
  assert.equal(JSON.parse(lines[1]!).alsoSinceLastLine, 999)
})

test('no secret reaches a log line', () => {
  const lines: string[] = []
  for (const format of ['json', 'text'] as const) {
    const log = createLogger({ level: 'debug', format, destination: { write: line => { lines.push(line) } } })
    log.child({ streamKey: 'canary' }).info({ password: 'canary', request: { authorization: 'canary', headers: { cookie: 'canary' } } }, 'hello')
  }
  assert.equal(lines.length, 2)
  assert.doesNotMatch(lines.join(''), /canary/)
})

test('random bytes are given out once', () => {
  const drawn = Array.from({ length: 2000 }, (_, i) => drawRandom(8 + i % 24).toString('hex'))
  assert.deepEqual(drawn.map(hex => hex.length / 2), drawn.map((_, i) => 8 + i % 24))
  assert.equal(new Set(drawn.map(hex => hex.slice(0, 16))).size, drawn.length)
})
