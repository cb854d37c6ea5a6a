import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import path from 'node:path'
import test, { after, before, suite } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { StoreWriter } from '../../test/support/store-writer.ts'
import { prefill, type Store, storeRows, temporaryFolder } from '../../test/support/stores.ts'
import { systemClock as clock } from '../lib/clock.ts'
import { createLogger, silentLogger as log } from '../lib/log.ts'
import { type Database, openDatabase } from './database.ts'
import { parseDatabaseUrl } from './database-url.ts'
import { StoreJournal } from './journal.ts'
import { Leases } from './leases.ts'

const forever = new AbortController().signal
const openEmbedded = (dataDir: string): Promise<Database> => openDatabase({ dataDir, poolSize: 8, autoMigrate: true }, { log, clock, signal: forever })

const urls: [string, string | undefined, string | undefined, string, string][] = [
  ['postgresql://host:5432/db', 'u', 'p', 'postgresql://u:p@host:5432/db', 'postgresql://host:5432/db'],
  ['postgres://a:b@host/db', 'u', 'p', 'postgres://a:b@host/db', 'postgres://host/db'],
  ['jdbc:postgresql://postgres:5432/auralink', 'auralink', 's/e:c@r', 'postgresql://auralink:s%2Fe%3Ac%40r@postgres:5432/auralink', 'jdbc:postgresql://postgres:5432/auralink'],
  ['jdbc:postgresql://h/d?user=x&password=y&ApplicationName=z', undefined, undefined, 'postgresql://x:y@h/d', 'jdbc:postgresql://h/d'],
  ['jdbc:postgresql://h/d?ssl=true', 'u', undefined, 'postgresql://u@h/d?sslmode=verify-full', 'jdbc:postgresql://h/d'],
  ['jdbc:postgresql://h/d?sslmode=require', 'u', undefined, 'postgresql://u@h/d?sslmode=require', 'jdbc:postgresql://h/d']
]

test('DATABASE_URL is read in both spellings, and shown without credentials', () => {
  for (const [text, user, password, connectionString, endpoint] of urls) assert.deepEqual(parseDatabaseUrl(text, user, password), { connectionString, endpoint })
  for (const bad of ['', 'mysql://h/d', 'jdbc:mysql://h/d', 'postgresql://canary:x@h:port/d', 'host/db']) {
    assert.throws(() => parseDatabaseUrl(bad), (error: Error) => error.message.startsWith('DATABASE_URL: expected') && !error.message.includes('canary'))
  }
})

for (const row of storeRows()) {
  suite(`database on ${row.name}`, { skip: row.skip }, () => {
    let store: Store
    before(async () => { store = await row.open(log, { connectTimeoutMs: 30_000, statementTimeoutMs: 30_000 }) }) // On a busy machine too.
    after(async () => {
      await store[Symbol.asyncDispose]()
      await row[Symbol.asyncDispose]()
    })

    test('it has the tables of the contract, in its schema', async () => {
      const { database } = store
      const { rows } = await sql<{ table_name: string, columns: string }>`
        select table_name, string_agg(column_name || ' ' || data_type, ', ' order by ordinal_position) as columns
        from information_schema.columns where table_schema = 'ingress_egress' group by table_name`.execute(database.db)
      const columns = new Map(rows.map(r => [r.table_name, r.columns]))
      const text = 'character varying'
      const time = 'timestamp without time zone'
      assert.equal(columns.get('bridges'), `bridge_id ${text}, region ${text}, status ${text}, capacity integer, current_load integer, last_heartbeat ${time}, created_at ${time}, updated_at ${time}`)
      assert.ok(columns.get('conferences')?.startsWith(`conference_id ${text}, bridge_id ${text}, room_name ${text}, participant_count integer, status ${text}, created_at ${time}, ended_at ${time}`))
      assert.ok(columns.get('participants')?.startsWith(`participant_id ${text}, conference_id ${text}, aura_id ${text}, display_name ${text}, join_source ${text}, joined_at ${time}, left_at ${time}`))
      assert.ok(columns.get('external_sessions')?.startsWith(`session_id ${text}, session_type ${text}, conference_id ${text}, external_id ${text}, status ${text}, metadata jsonb, created_at ${time}, ended_at ${time}`))
    })

    test('callers at the same time get their own answers, and a transaction sees only itself', async () => {
      const { database: { db } } = store
      await Promise.all(Array.from({ length: 200 }, async (_, i) => {
        if (i % 4 === 0) {
          await db.transaction().execute(async transaction => {
            await transaction.insertInto('leases').values({ name: `l${i}`, owner: 'o', fence: i, expires_at: new Date().toISOString() }).execute()
            const { rows: [found] } = await sql<{ n: number }>`select ${i}::int as n`.execute(transaction)
            assert.equal(found?.n, i)
          })
        } else if (i % 4 === 1) await assert.rejects(sql`select ${i}::int / 0`.execute(db), { code: '22012' })
        else if (i % 4 === 2) assert.equal((await sql<{ a: number, b: string }>`select ${i}::int as a, ${`t${i}`}::text as b`.execute(db)).rows[0]?.b, `t${i}`)
        else assert.equal((await sql<{ x: string }>`select ${`x${i}`}::text as x`.execute(db)).rows[0]?.x, `x${i}`)
      }))
      const { count } = await db.selectFrom('leases').select(eb => eb.fn.countAll<number>().as('count')).executeTakeFirstOrThrow()
      assert.equal(count, 50)
    })

    test('a lease has one holder, and a fence that only goes up', async () => {
      const leases = new Leases(store.database.db, 300)
      const mine = (await leases.acquire('thing', 'me'))!
      assert.equal(await leases.acquire('thing', 'you'), undefined)
      assert.equal(await leases.renew(mine), true)
      await sleep(400)
      const yours = (await leases.acquire('thing', 'you'))!
      assert.deepEqual([mine.fence, yours.fence], [1, 2])
      assert.equal(await leases.renew(mine), false, 'who slept too long is told')
      await leases.release(mine)
      assert.equal(await leases.renew(yours), true)
      await leases.release(yours)
      assert.equal((await leases.acquire('thing', 'me'))?.fence, 3)
    })

    test('the tables may live in another schema', async () => {
      await using other = await row.open(log, { schema: 'other' })
      const { rows } = await sql<{ n: number }>`select count(*)::int as n from information_schema.tables where table_schema = 'other'`.execute(other.database.db)
      assert.ok(rows[0]!.n > 10)
      assert.deepEqual(await other.database.db.selectFrom('bridges').selectAll().execute(), [])
    })

    test('a transaction that fails leaves nothing, and the pool says what it is doing', async () => {
      const { database } = store
      const failing = database.db.transaction().execute(async transaction => {
        await transaction.insertInto('leases').values({ name: 'gone', owner: 'o', fence: 1, expires_at: new Date().toISOString() }).execute()
        assert.equal(database.pool.active, 1)
        throw new Error('changed my mind')
      })
      await assert.rejects(failing, /changed my mind/)
      assert.equal(await database.db.selectFrom('leases').select('name').where('name', '=', 'gone').executeTakeFirst(), undefined)
      assert.equal(database.pool.active, 0)
      assert.ok(database.pool.idle >= 1)
      await database.check()
    })
  })
}

test('kill -9 of a process that writes: what the journal took is in the database after the next start, and the folder is free', async () => {
  using folder = temporaryFolder()
  await prefill(folder.path)
  const writer = new StoreWriter(folder.path, 'bridge-1')
  assert.equal(await writer.line(), 'ready')
  const second = new StoreWriter(folder.path, 'bridge-2')
  assert.match(await second.line(), new RegExp(`^failed the folder ${folder.path} is in use by process ${writer.process.pid}`))
  await sleep(1_000)
  await writer.kill()
  const [, ...told] = writer.said
  assert.ok(told.length > 20)
  await using database = await openEmbedded(folder.path)
  await using journal = await StoreJournal.open({ database, bridgeId: 'bridge-3', dataDir: folder.path, log, clock })
  await journal.settled()
  const rows = await database.db.selectFrom('external_sessions').select(['session_id', 'status']).execute()
  const kept = new Set(rows.map(r => r.session_id))
  assert.deepEqual(told.filter(id => !kept.has(id)), [])
  assert.deepEqual([...new Set(rows.map(r => r.status))], ['lost'], 'the folder says that their bridge is dead')
  const { events } = await database.db.selectFrom('events').select(eb => eb.fn.countAll<number>().as('events')).where('type', '=', 'session.starting').executeTakeFirstOrThrow()
  assert.equal(events, rows.length, 'one event each')
})

test('the embedded database is started again when it dies', async () => {
  using folder = temporaryFolder()
  await prefill(folder.path)
  const lines: string[] = []
  const said = createLogger({ level: 'info', format: 'json', destination: { write: line => { lines.push(line) } } })
  await using database = await openDatabase({ dataDir: folder.path, poolSize: 4, autoMigrate: true }, { log: said, clock, signal: forever })
  await using journal = await StoreJournal.open({ database, bridgeId: 'b', dataDir: folder.path, log, clock })
  await journal.settled()
  process.kill(database.embeddedPid!, 'SIGKILL')
  await assert.rejects(async () => { for (;;) await database.check() })
  journal.roomChanged({ id: 'conf_1', room: 'r', participants: 0, openedAt: new Date(), endedAt: undefined })
  await journal.settled()
  assert.equal((await database.db.selectFrom('conferences').select('status').executeTakeFirst())?.status, 'active')
  assert.match(lines.join(''), /started again/)
})

test('whatever is sent to the embedded database’s socket, it goes on', async () => {
  using folder = temporaryFolder()
  await prefill(folder.path)
  await using database = await openEmbedded(folder.path)
  const startup = '0000000800030000'
  const garbage = [
    '00', 'ffffffff00030000', '0000000804d2162f', '0000000804d2162e', '00000000', '7fffffff00030000', '51', 'deadbeef'.repeat(100),
    '5100000000', '510000000541', '7a00000004', '50000000045300000004', '420000000500530000000451000000057f'
  ]
  const pid = database.embeddedPid
  for (const hex of [...garbage, ...garbage.map(g => startup + g)]) {
    const socket = connect(path.join(folder.path, 'postgres/run/.s.PGSQL.5432'))
    socket.on('error', () => {})
    await once(socket, 'connect')
    socket.end(Buffer.from(hex, 'hex'))
    socket.resume()
    await once(socket, 'close')
  }
  await database.check()
  assert.equal(database.embeddedPid, pid)
})

test('a data folder with a long name works too', async () => {
  using folder = temporaryFolder()
  await using database = await openEmbedded(path.join(folder.path, 'x'.repeat(80), 'y'.repeat(80)))
  await database.check()
})
