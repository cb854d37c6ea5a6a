import assert from 'node:assert/strict'
import test from 'node:test'
import { aborted } from '../../lib/abort.ts'
import { AppError } from '../../lib/errors.ts'
import { silentLogger } from '../../lib/log.ts'
import { noStats } from '../../room/leg.ts'
import { Room } from '../../room/room.ts'
import { Session } from '../../room/session.ts'
import { type Publisher, Publishers } from './publishers.ts'

const journal = { roomChanged () {}, participantChanged () {}, sessionChanged () {} }

/** A session that makes way for its publisher first, joins, and stays until it is closed. */
function session (room: Room, publisher: Publisher): Session {
  const run = async (_room: Room, { signal }: { signal: AbortSignal }): Promise<void> => {
    await publisher.makeWay()
    signal.throwIfAborted()
    using _me = room.join({ identity: 'camera', source: 'rtmp' })
    await aborted(signal)
  }
  return new Session({ kind: 'rtmp', run, stats: () => noStats }, {}, { room, journal, log: silentLogger })
}

const turn = (): Promise<void> => new Promise(setImmediate)

test('three in a row: each makes the one before leave, and only one is ever in the room', async () => {
  const publishers = new Publishers()
  const room = new Room('studio')
  const entered = [1, 2, 3].map(() => {
    const publisher = publishers.enter('ing_1', 'newest')
    const over = publisher.run(async () => { await turn(); return session(room, publisher) }).finally(() => publishers.leave('ing_1', publisher))
    return { publisher, over }
  })
  await Promise.all(entered.slice(0, 2).map(({ over }) => over))
  while (room.participants.size === 0) await turn()
  assert.equal(room.participants.size, 1)
  assert.throws(() => publishers.enter('ing_1', 'oldest'), { code: 'stream_key_in_use' })
  await entered[2]!.publisher.close('enough')
  await entered[2]!.over
  assert.equal(room.participants.size, 0)
  publishers.enter('ing_1', 'oldest')
})

test('who is not let in does not cost the one before its place', async () => {
  const publishers = new Publishers()
  const room = new Room('studio')
  const first = publishers.enter('ing_1', 'newest')
  const over = first.run(async () => session(room, first)).finally(() => publishers.leave('ing_1', first))
  while (room.participants.size === 0) await turn()
  const second = publishers.enter('ing_1', 'newest')
  await assert.rejects(second.run(() => Promise.reject(new AppError('overloaded'))).finally(() => publishers.leave('ing_1', second)), { code: 'overloaded' })
  assert.equal(room.participants.size, 1)
  assert.throws(() => publishers.enter('ing_1', 'oldest'), { code: 'stream_key_in_use' })
  const third = publishers.enter('ing_1', 'newest')
  const thirdOver = third.run(async () => session(room, third)).finally(() => publishers.leave('ing_1', third))
  await over
  await third.close('enough')
  await thirdOver
})

test('who is closed before being let in never gets in', async () => {
  const publishers = new Publishers()
  const room = new Room('studio')
  const publisher = publishers.enter('ing_1', 'newest')
  const admitted = Promise.withResolvers<Session>()
  const over = publisher.run(() => admitted.promise)
  const closed = publisher.close('too late')
  admitted.resolve(session(room, publisher))
  await Promise.all([over, closed])
  assert.equal(room.participants.size, 0)
})
