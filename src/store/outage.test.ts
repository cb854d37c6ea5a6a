import assert from 'node:assert/strict'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import test, { after, before, suite } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { conference, participant, session } from '../../test/support/changes.ts'
import { missing } from '../../test/support/peers.ts'
import { PostgresServer } from '../../test/support/postgres.ts'
import { StoreWriter } from '../../test/support/store-writer.ts'
import { temporaryFolder } from '../../test/support/stores.ts'
import { systemClock as clock } from '../lib/clock.ts'
import { createLogger, silentLogger as log } from '../lib/log.ts'
import { type Database, openDatabase } from './database.ts'
import { Ingresses } from './ingresses.ts'
import { StoreJournal } from './journal.ts'
import { Registration } from './registration.ts'
import { Vault } from './sealed.ts'

const POOL_SIZE = 5
/** What the pool promises is 4.5 s; the rest is for a machine that has other things to do. */
const LONGEST_WAIT_MS = 8_000

suite('PostgreSQL away', { skip: missing('pg_ctlcluster') }, () => {
  let server: PostgresServer
  before(async () => { server = await PostgresServer.start() })
  after(() => server[Symbol.asyncDispose]())

  const open = (url: string, dataDir: string): Promise<Database> =>
    openDatabase({ url, dataDir, poolSize: POOL_SIZE, autoMigrate: true }, { log, clock, signal: new AbortController().signal })

  const eventually = async (what: () => Promise<boolean>, withinMs = 30_000): Promise<void> => {
    const deadline = Date.now() + withinMs
    while (!await what().catch(() => false)) {
      assert.ok(Date.now() < deadline, 'it did not come to pass')
      await sleep(50)
    }
  }

  test('stopped: changes go on, keys still open doors, and every row is right after its return', async () => {
    using folder = temporaryFolder()
    await using database = await open(await server.database(), folder.path)
    await database.ready
    await using journal = await StoreJournal.open({ database, bridgeId: 'bridge-1', dataDir: folder.path, log, clock })
    const ingresses = new Ingresses(database, { vault: new Vault(Buffer.alloc(32, 1)), log, keeper: 'folder-1', guard: async () => {} })
    const door = await ingresses.create({ protocol: 'rtmp', room: 'stage' })
    const rooms = Array.from({ length: 50 }, () => conference())
    const legs = rooms.map(room => session(room.id))
    rooms.forEach((room, i) => { journal.roomChanged(room); journal.sessionChanged(legs[i]!) })
    await journal.settled()

    await server.stop()
    await assert.rejects(database.check(), { code: 'dependency_unavailable' })
    assert.deepEqual(await ingresses.resolve('live', door.streamKey), door)
    await assert.rejects(ingresses.resolve('live', 'an unknown stream key'), { code: 'dependency_unavailable' })
    for (const [i, leg] of legs.entries()) {
      journal.participantChanged(participant(rooms[i]!.id))
      journal.sessionChanged({ ...leg, state: 'active', activeAt: new Date() })
      if (i % 2 === 0) journal.sessionChanged({ ...leg, state: 'ended', reason: 'left', endedAt: new Date() })
    }
    await sleep(500)
    assert.equal(journal.depth, 125)

    await server.start()
    await journal.settled()
    await database.check()
    const rows = await database.db.selectFrom('external_sessions').select(['session_id', 'status']).execute()
    const statuses = new Map(rows.map(row => [row.session_id, row.status]))
    for (const [i, leg] of legs.entries()) assert.equal(statuses.get(leg.id), i % 2 === 0 ? 'ended' : 'active')
    const events = await database.db.selectFrom('events').select(['session_id', 'type']).where('session_id', '=', legs[0]!.id).orderBy('cursor').execute()
    assert.deepEqual(events.map(event => event.type), ['session.starting', 'session.active', 'session.ended'])
  })

  test('frozen: nobody waits long, the event loop runs on, the pool does not grow, and nothing is lost', async () => {
    using folder = temporaryFolder()
    await using database = await open(await server.database(), folder.path)
    await database.ready
    await using journal = await StoreJournal.open({ database, bridgeId: 'bridge-1', dataDir: folder.path, log, clock })
    const room = conference()
    journal.roomChanged(room)
    await journal.settled()
    const delay = monitorEventLoopDelay({ resolution: 10 })
    server.freeze()
    try {
      delay.enable()
      journal.participantChanged(participant(room.id))
      const waits = await Promise.all(Array.from({ length: 20 }, async () => {
        const start = performance.now()
        await assert.rejects(database.db.selectFrom('bridges').selectAll().execute())
        await assert.rejects(database.db.transaction().execute(t => t.selectFrom('bridges').selectAll().execute()))
        return (performance.now() - start) / 2
      }))
      delay.disable()
      assert.ok(Math.max(...waits) < LONGEST_WAIT_MS, `the longest wait was ${Math.round(Math.max(...waits))} ms`)
      assert.ok(delay.percentile(99) / 1e6 < 250, `event-loop delay p99 ${delay.percentile(99) / 1e6} ms`)
      assert.ok(database.pool.total <= POOL_SIZE)
    } finally {
      server.thaw()
    }
    await journal.settled()
    await database.check()
    const found = await database.db.selectFrom('participants').select('participant_id').where('conference_id', '=', room.id).execute()
    assert.equal(found.length, 1)
  })

  test('away at the start: it is waited for; a journal of an earlier life is applied first, once', async () => {
    using folder = temporaryFolder()
    const url = await server.database()
    await server.stop()
    const room = conference()
    for (const ended of [false, true]) { // Two lives in which the database never answers.
      await using database = await open(url, folder.path)
      await using journal = await StoreJournal.open({ database, bridgeId: 'bridge-1', dataDir: folder.path, log, clock })
      await assert.rejects(database.check(), { code: 'dependency_unavailable' })
      if (ended) journal.roomChanged({ ...room, endedAt: new Date() })
      else journal.roomChanged(room)
      assert.equal(journal.depth, 1)
    }
    await using database = await open(url, folder.path)
    await using journal = await StoreJournal.open({ database, bridgeId: 'bridge-1', dataDir: folder.path, log, clock })
    const next = conference()
    journal.roomChanged(next)
    await server.start()
    await database.ready
    await journal.settled()
    const rows = await database.db.selectFrom('conferences').select(['conference_id', 'status']).orderBy('created_at').execute()
    assert.deepEqual(rows, [{ conference_id: room.id, status: 'ended' }, { conference_id: next.id, status: 'active' }])
    const types = (await database.db.selectFrom('events').select('type').orderBy('cursor').execute()).map(event => event.type)
    assert.deepEqual(types, ['conference.started', 'conference.ended', 'conference.started'])
  })

  test('killed with -9 while PostgreSQL is away: what the journal had taken is there after both are back, once', async () => {
    using folder = temporaryFolder()
    const url = await server.database()
    await server.stop()
    const writer = new StoreWriter(folder.path, 'bridge-1', url)
    assert.equal(await writer.line(), 'ready')
    await eventually(async () => writer.said.length > 50)
    await writer.kill()
    const [, ...told] = writer.said
    await server.start()
    await using database = await open(url, folder.path)
    await database.ready
    await using journal = await StoreJournal.open({ database, bridgeId: 'bridge-1', dataDir: folder.path, log, clock })
    await journal.settled()
    const rows = new Set((await database.db.selectFrom('external_sessions').select('session_id').execute()).map(row => row.session_id))
    assert.deepEqual(told.filter(id => !rows.has(id)), [])
    const events = await database.db.selectFrom('events').select('session_id').where('type', '=', 'session.starting').execute()
    assert.equal(events.length, rows.size)
    assert.equal(new Set(events.map(event => event.session_id)).size, rows.size)
  })

  test('a journal without room refuses changes, says so, and puts the rows right afterwards', async () => {
    using folder = temporaryFolder()
    await using database = await open(await server.database(), folder.path)
    await database.ready
    const limits = { fileBytes: 8_000, entriesInMemory: 5 }
    await using journal = await StoreJournal.open({ database, bridgeId: 'bridge-1', dataDir: folder.path, log, clock, limits })
    const room = conference()
    const [first, ...others] = Array.from({ length: 40 }, () => session(room.id))
    journal.roomChanged(room)
    journal.sessionChanged(first!)
    await journal.settled()
    await server.stop()
    for (const leg of others) journal.sessionChanged(leg)
    await sleep(200)
    for (const leg of [first!, ...others.slice(0, 20)]) journal.sessionChanged({ ...leg, state: 'ended', reason: 'left', endedAt: new Date() })
    assert.ok(journal.refused > 20)
    await server.start()
    await journal.settled()
    await eventually(async () => {
      const rows = await database.db.selectFrom('external_sessions').select(['session_id', 'ended_at']).execute()
      const open = new Set(rows.filter(row => row.ended_at === null).map(row => row.session_id))
      return others.slice(20).every(leg => open.has(leg.id)) && open.size === 19
    })
  })

  test('two bridges on one database: one is killed, the other ends its sessions; it comes back, and revives what lives', async () => {
    using folder = temporaryFolder()
    using other = temporaryFolder()
    const url = await server.database()
    await using database = await open(url, folder.path)
    await database.ready
    const state = () => ({ status: 'online' as const, sessions: 0 })
    const options = { database, bridgeId: 'survivor', region: 'eu', capacity: 10, dataDir: folder.path, state, onRevived () {}, log, clock, leaseMs: 1_000, heartbeatMs: 250 }
    await using _registration = await Registration.open(options)
    const victim = new StoreWriter(other.path, 'victim', url, '1000')
    assert.equal(await victim.line(), 'ready')
    const { db } = database
    const bridge = async (): Promise<string | undefined> =>
      (await db.selectFrom('bridges').select('status').where('bridge_id', '=', 'victim').executeTakeFirst())?.status
    const openRows = async (): Promise<number> => (await db.selectFrom('external_sessions').select('session_id').where('ended_at', 'is', null).execute()).length
    await eventually(async () => await bridge() === 'online' && await openRows() > 10)

    victim.process.kill('SIGSTOP') // Dead for all the others can tell.
    await eventually(async () => await bridge() === 'lost' && await openRows() === 0)
    const lost = await db.selectFrom('conferences').select(['status', 'end_reason']).execute()
    assert.deepEqual(lost, [{ status: 'lost', end_reason: 'its bridge was lost' }])
    victim.process.kill('SIGCONT')
    await eventually(async () => await bridge() === 'online' && await openRows() > 10 &&
      (await db.selectFrom('conferences').select('status').executeTakeFirst())?.status === 'active')

    await victim.kill()
    await eventually(async () => await bridge() === 'lost' && await openRows() === 0)
    const { fence } = await db.selectFrom('leases').select('fence').where('name', '=', 'bridge:victim').executeTakeFirstOrThrow()
    assert.equal(fence, 4, 'taken, buried, taken again, buried again')
  })

  test('without auto-migration a database that lacks tables is not used, and the log says what it lacks', async () => {
    using folder = temporaryFolder()
    const lines: string[] = []
    const said = createLogger({ level: 'info', format: 'json', destination: { write: line => { lines.push(line) } } })
    const options = { url: await server.database(), dataDir: folder.path, poolSize: POOL_SIZE }
    const surroundings = { log: said, clock, signal: new AbortController().signal }
    {
      await using database = await openDatabase({ ...options, autoMigrate: false }, surroundings)
      await eventually(async () => lines.some(line => line.includes('001_conferences')))
      await assert.rejects(database.check(), { code: 'dependency_unavailable' })
    }
    {
      await using database = await openDatabase({ ...options, autoMigrate: true }, surroundings)
      await database.ready
    }
    await using database = await openDatabase({ ...options, autoMigrate: false }, surroundings)
    await database.ready
    await database.check()
  })
})
