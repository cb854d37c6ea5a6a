import assert from 'node:assert/strict'
import { existsSync, readdirSync } from 'node:fs'
import path from 'node:path'
import test, { after, before, suite } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { conference, participant, session } from '../../test/support/changes.ts'
import { type Store, storeRows } from '../../test/support/stores.ts'
import { systemClock } from '../lib/clock.ts'
import { silentLogger } from '../lib/log.ts'
import { StoreJournal } from './journal.ts'

const openJournal = (store: Store, bridgeId: string): Promise<StoreJournal> =>
  StoreJournal.open({ database: store.database, bridgeId, dataDir: store.dataDir, log: silentLogger, clock: systemClock })

for (const row of storeRows()) {
  suite(`journal on ${row.name}`, { skip: row.skip }, () => {
    let store: Store
    before(async () => { store = await row.open() })
    after(async () => {
      await store[Symbol.asyncDispose]()
      await row[Symbol.asyncDispose]()
    })

    test('a stay in a room becomes rows from start to end, and an event for each step, in order', async () => {
      await using journal = await openJournal(store, 'bridge-1')
      const room = conference()
      const guest = participant(room.id)
      const leg = session(room.id)
      journal.roomChanged(room)
      journal.sessionChanged(leg)
      journal.participantChanged(guest)
      journal.roomChanged({ ...room, participants: 1 })
      journal.sessionChanged({ ...leg, state: 'active', activeAt: new Date() })
      await journal.settled()
      const { db } = store.database
      const open = await db.selectFrom('conferences').selectAll().where('conference_id', '=', room.id).executeTakeFirstOrThrow()
      assert.deepEqual([open.bridge_id, open.room_name, open.participant_count, open.status, open.ended_at], ['bridge-1', 'stage', 1, 'active', null])
      assert.equal(open.created_at.getTime(), room.openedAt.getTime(), 'TIMESTAMP columns hold UTC, whatever the zone of this machine')

      const end = new Date()
      journal.participantChanged({ ...guest, leftAt: end })
      journal.sessionChanged({ ...leg, state: 'failed', reason: 'no media for 8 s', errorCode: 'media_timeout', endedAt: end })
      journal.roomChanged({ ...room, endedAt: end })
      await journal.settled()
      const closed = await db.selectFrom('conferences').selectAll().where('conference_id', '=', room.id).executeTakeFirstOrThrow()
      assert.deepEqual([closed.status, closed.ended_at?.getTime()], ['ended', end.getTime()])
      const left = await db.selectFrom('participants').selectAll().where('participant_id', '=', guest.info.id).executeTakeFirstOrThrow()
      assert.deepEqual([left.identity, left.display_name, left.join_source, left.left_at?.getTime()], ['camera', 'Camera 1', 'rtmp', end.getTime()])
      const failed = await db.selectFrom('external_sessions').selectAll().where('session_id', '=', leg.id).executeTakeFirstOrThrow()
      assert.deepEqual([failed.session_type, failed.external_id, failed.status, failed.end_reason], ['rtmp', 'ing_1', 'failed', 'no media for 8 s'])
      assert.deepEqual([failed.metadata?.errorCode, failed.metadata?.remoteAddress], ['media_timeout', '192.0.2.1:4711'])

      const events = await db.selectFrom('events').select(['type', 'room_name']).where('conference_id', '=', room.id).orderBy('cursor').execute()
      assert.deepEqual(events.map(event => event.type), [
        'conference.started', 'session.starting', 'participant.joined', 'session.active', 'participant.left', 'session.failed', 'conference.ended'
      ])
    })

    test('changes that come all the time reach the database in a few transactions, and rows are put right meanwhile', async () => {
      await using journal = await openJournal(store, 'bridge-busy')
      let transactions = 0
      journal.onApplied = () => { transactions++ }
      const room = conference()
      journal.roomChanged(room)
      const legs = Array.from({ length: 100 }, () => session(room.id))
      for (const [index, leg] of legs.entries()) {
        if (index === 50) journal.reassert()
        journal.sessionChanged(leg)
        await sleep(5)
      }
      assert.ok(transactions < 75, `${transactions} transactions for 100 changes`)
      await journal.settled()
      const { db } = store.database
      const rows = await db.selectFrom('external_sessions').select('session_id').where('conference_id', '=', room.id).where('ended_at', 'is', null).execute()
      assert.equal(rows.length, legs.length)
    })

    test('what strangers name themselves never stops the journal', async () => {
      await using journal = await openJournal(store, 'bridge-names')
      const room = conference()
      const names = ['\0nul', 'half \ud800 pair', 'line\u2028sep', '’; drop table x', 'x'.repeat(5000), '🎥'.repeat(200)]
      journal.roomChanged(room)
      for (const name of names) journal.participantChanged(participant(room.id, { info: { ...participant(room.id).info, name } }))
      await journal.settled()
      const rows = await store.database.db.selectFrom('participants').select('display_name').where('conference_id', '=', room.id).execute()
      assert.equal(rows.length, names.length)
    })

    test('an entry that the database refuses is set aside, and those behind it go on', async () => {
      await using journal = await openJournal(store, 'bridge-refused')
      const orphan = participant('conf_that_is_not_there')
      const room = conference()
      journal.participantChanged(orphan)
      journal.roomChanged(room)
      await journal.settled()
      assert.ok(await store.database.db.selectFrom('conferences').select('status').where('conference_id', '=', room.id).executeTakeFirst())
      assert.ok(existsSync(path.join(store.dataDir, 'journal', 'refused.jsonl')))
    })

    test('a journal that is closed with nothing left leaves no file', async () => {
      {
        await using journal = await openJournal(store, 'bridge-clean')
        journal.roomChanged(conference({ endedAt: new Date() }))
      }
      assert.deepEqual(readdirSync(path.join(store.dataDir, 'journal')).filter(name => name.endsWith('.jsonl') && name !== 'refused.jsonl'), [])
    })

    test('the next life of a bridge closes what the last one left open', async () => {
      const room = conference()
      const leg = session(room.id)
      {
        await using journal = await openJournal(store, 'bridge-again')
        journal.roomChanged(room)
        journal.sessionChanged(leg)
      }
      await using next = await openJournal(store, 'bridge-again')
      const fresh = conference()
      next.roomChanged(fresh)
      await next.settled()
      const rows = await store.database.db.selectFrom('conferences').select(['conference_id', 'status']).where('bridge_id', '=', 'bridge-again').orderBy('created_at').execute()
      assert.deepEqual(rows, [{ conference_id: room.id, status: 'lost' }, { conference_id: fresh.id, status: 'active' }])
      const lost = await store.database.db.selectFrom('external_sessions').select(['status', 'end_reason']).where('session_id', '=', leg.id).executeTakeFirstOrThrow()
      assert.equal(lost.status, 'lost')
    })
  })
}
