import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import test, { after, before, suite } from 'node:test'
import { sql } from 'kysely'
import { conference, participant, session } from '../../test/support/changes.ts'
import { ManualClock } from '../../test/support/manual-clock.ts'
import { type Store, storeRows } from '../../test/support/stores.ts'
import { systemClock } from '../lib/clock.ts'
import { AppError } from '../lib/errors.ts'
import { newId } from '../lib/ids.ts'
import { silentLogger } from '../lib/log.ts'
import { StoredApiKeys } from './api-key-rows.ts'
import { AuditTrail } from './audit.ts'
import { Events } from './events.ts'
import { noStats } from '../room/leg.ts'
import { sessionQuality } from '../room/quality/session-quality.ts'
import { History } from './history.ts'
import { Ingresses } from './ingresses.ts'
import type { RecordingRecord } from './journal-entry.ts'
import { StoreJournal } from './journal.ts'
import { Leases } from './leases.ts'
import { RecordingRows } from './recordings.ts'
import { Retention } from './retention.ts'
import { Vault } from './sealed.ts'
import { Streams } from './streams.ts'

const log = silentLogger
const around = { log, keeper: 'folder-1', guard: async (url: string) => { if (url.includes('private')) throw new AppError('destination_not_allowed') } }

for (const row of storeRows()) {
  suite(`records on ${row.name}`, { skip: row.skip }, () => {
    let store: Store
    let journal: StoreJournal
    before(async () => {
      store = await row.open()
      journal = await StoreJournal.open({ database: store.database, bridgeId: 'bridge-1', dataDir: store.dataDir, log, clock: systemClock })
    })
    after(async () => {
      await journal[Symbol.asyncDispose]()
      await store[Symbol.asyncDispose]()
      await row[Symbol.asyncDispose]()
    })

    test('a stream key opens its ingress until it is changed, and can be shown again', async () => {
      const ingresses = new Ingresses(store.database, { vault: new Vault(randomBytes(32)), ...around })
      const closed: string[] = []
      ingresses.onClosed = id => { closed.push(id) }
      const made = await ingresses.create({ protocol: 'rtmp', room: 'stage', identity: 'camera', name: 'Camera 1' })
      assert.match(made.streamKey, /^[A-Za-z0-9_-]{22}$/)
      assert.deepEqual(await ingresses.resolve('live', made.streamKey), made)
      assert.deepEqual(await ingresses.get(made.id), made)
      assert.equal(await ingresses.resolve('live', `${made.streamKey}x`), undefined)
      assert.equal(await ingresses.resolve('other', made.streamKey), undefined)

      const changed = await ingresses.update(made.id, { name: 'Camera 2' })
      assert.equal(changed?.name, 'Camera 2')
      const rotated = await ingresses.rotateKey(made.id)
      assert.equal(await ingresses.resolve('live', made.streamKey), undefined)
      assert.equal((await ingresses.resolve('live', rotated!.streamKey))?.name, 'Camera 2')
      await ingresses.update(made.id, { enabled: false })
      assert.equal(await ingresses.resolve('live', rotated!.streamKey), undefined)
      assert.equal(await ingresses.delete(made.id), true)
      assert.equal(await ingresses.delete(made.id), false)
      assert.deepEqual(closed, [made.id, made.id, made.id])
    })

    test('own stream keys must be long and nobody else’s', async () => {
      const ingresses = new Ingresses(store.database, { vault: new Vault(randomBytes(32)), ...around })
      const streamKey = 'correct-horse-battery'
      await assert.rejects(ingresses.create({ protocol: 'rtmp', room: 'r', streamKey: 'short' }), { code: 'bad_request' })
      await ingresses.create({ protocol: 'rtmp', room: 'r', streamKey })
      await assert.rejects(ingresses.create({ protocol: 'rtmp', room: 'r2', streamKey }), { code: 'conflict' })
    })

    test('who comes through a door is named after it, and apart from the others of the room', async () => {
      const ingresses = new Ingresses(store.database, { vault: new Vault(randomBytes(32)), ...around })
      const identities = []
      for (const name of ['Kamera Süd', 'Kamera Süd', undefined]) identities.push((await ingresses.create({ protocol: 'rtmp', room: 'hall.2', name })).identity)
      assert.deepEqual(identities, ['kamera-sud', 'kamera-sud-2', 'hall-2'])
    })

    test('an ingress that is pulled is told of when it is made, changed and closed; its source is sealed', async () => {
      const vault = new Vault(randomBytes(32))
      const ingresses = new Ingresses(store.database, { vault, ...around })
      const told: string[] = []
      ingresses.onPull = async ({ room, source }) => { told.push(`${room} ${source?.url}`); if (room === 'full') throw new AppError('overloaded') }
      ingresses.onClosed = () => { told.push('closed') }
      const source = { url: 'https://media.example/whep/canary', token: 'canary' }
      const made = await ingresses.create({ protocol: 'whep', room: 'hall', source })
      assert.deepEqual([made.source, made.streamKey, await ingresses.get(made.id)], [source, '', made])
      await ingresses.update(made.id, { room: 'stage' })
      await ingresses.update(made.id, { enabled: false })
      assert.deepEqual((await ingresses.pulled()).map(({ id }) => id), [])
      await ingresses.update(made.id, { enabled: true })
      assert.deepEqual((await ingresses.pulled()).map(({ id }) => id), [made.id])
      assert.deepEqual(told, [`hall ${source.url}`, `stage ${source.url}`, 'closed', `stage ${source.url}`])
      await assert.rejects(ingresses.rotateKey(made.id), { code: 'conflict' })
      const other = new Ingresses(store.database, { vault, ...around, keeper: 'folder-2' })
      assert.deepEqual(await other.pulled(), [])
      const leases = new Leases(store.database.db)
      const lease = await leases.acquire('bridge:bridge-1', around.keeper)
      await assert.rejects(other.delete(made.id), { code: 'conflict', message: /bridge-1/ })
      await assert.rejects(ingresses.create({ protocol: 'whep', room: 'hall', source: { url: 'https://private.example/' } }), { code: 'destination_not_allowed' })
      await assert.rejects(ingresses.create({ protocol: 'whep', room: 'full', source }), { code: 'overloaded' })
      assert.deepEqual((await ingresses.list({ limit: 9, room: 'full' })), [])
      assert.doesNotMatch(JSON.stringify(await store.database.db.selectFrom('ingresses').selectAll().execute()), /canary/)
      await leases.release(lease!)
      assert.equal(await other.delete(made.id), true, 'nobody keeps it any more')
    })

    test('a stream and its destinations are kept, sealed, for the bridge that sends them', async () => {
      const vault = new Vault(randomBytes(32))
      const streams = new Streams(store.database, { vault, ...around })
      const told: string[] = []
      streams.onOpened = async (stream, { target }) => { told.push(`${stream.participant} to ${target?.url}`); if (target?.url.endsWith('/full')) throw new AppError('overloaded') }
      streams.onClosed = id => { told.push(id) }
      const [first, second, full] = ['https://a.example/canary', 'https://b.example/canary', 'https://b.example/full'].map(url => ({ url, token: 'canary' }))
      const made = await streams.create({ room: 'hall', participant: 'ann', destinations: [first!] })
      assert.deepEqual(made.destinations.map(({ target }) => target), [first])
      const more = await streams.addDestination(made.id, second!)
      assert.deepEqual(await streams.own(), [more])
      assert.deepEqual(told, [`ann to ${first!.url}`, `ann to ${second!.url}`])
      await assert.rejects(streams.addDestination(made.id, full!), { code: 'overloaded' })
      await assert.rejects(streams.create({ room: 'hall', destinations: [first!, full!] }), { code: 'overloaded' })
      await assert.rejects(streams.addDestination(made.id, { url: 'https://private.example/' }), { code: 'destination_not_allowed' })
      assert.deepEqual(await streams.list({ limit: 9 }), [more], 'what could not begin is not kept')
      assert.doesNotMatch(JSON.stringify(await store.database.db.selectFrom('stream_destinations').selectAll().execute()), /canary/)
      const other = new Streams(store.database, { vault: new Vault(randomBytes(32)), ...around, keeper: 'folder-2' })
      assert.deepEqual([await other.own(), (await other.get(made.id))?.destinations.map(({ target }) => target)], [[], [undefined, undefined]])
      const leases = new Leases(store.database.db)
      const lease = await leases.acquire('bridge:bridge-1', around.keeper)
      await assert.rejects(other.removeDestination(made.id, more!.destinations[0]!.id), { code: 'conflict' })
      await leases.release(lease!)
      told.length = 0
      assert.equal(await streams.removeDestination(made.id, more!.destinations[0]!.id), true)
      assert.equal(await streams.delete(made.id), true)
      assert.equal(await streams.delete(made.id), false)
      assert.deepEqual(told, more!.destinations.map(({ id }) => id))
    })

    test('ingresses are listed newest first, in pages, by room', async () => {
      const ingresses = new Ingresses(store.database, { vault: new Vault(randomBytes(32)), ...around })
      const room = newId('request')
      const made = []
      for (let i = 0; i < 5; i++) made.unshift((await ingresses.create({ protocol: 'rtmp', room })).id)
      const first = await ingresses.list({ limit: 3, room })
      const rest = await ingresses.list({ limit: 3, room, after: first.at(-1)!.id })
      assert.deepEqual([...first, ...rest].map(ingress => ingress.id), made)
    })

    test('the demo ingress is made once and stays the same; with a lost secret it gets a new key', async () => {
      const vault = new Vault(randomBytes(32))
      const first = await new Ingresses(store.database, { vault, ...around }).ensureDemo()
      assert.deepEqual(await new Ingresses(store.database, { vault, ...around }).ensureDemo(), first)
      const other = await new Ingresses(store.database, { vault: new Vault(randomBytes(32)), ...around }).ensureDemo()
      assert.notEqual(other.streamKey, first.streamKey)
    })

    test('no column holds a stream key that can be read', async () => {
      const ingresses = new Ingresses(store.database, { vault: new Vault(randomBytes(32)), ...around })
      const streamKey = 'canary-canary-canary'
      await ingresses.create({ protocol: 'rtmp', room: 'r', streamKey })
      const rows = await store.database.db.selectFrom('ingresses').selectAll().execute()
      assert.doesNotMatch(JSON.stringify(rows), /canary/)
    })

    test('a recording is saved without waiting and read back whole', async () => {
      const recordings = new RecordingRows<RecordingRecord & { sizeBytes: number, gaps: { atMs: number, durationMs: number }[] }>(store.database, journal)
      const info = {
        id: newId('recording'), room: 'stage', state: 'active', partial: false, startedAt: new Date(), endedAt: undefined as Date | undefined, sizeBytes: 12, gaps: [{ atMs: 1, durationMs: 2 }]
      }
      recordings.save(info)
      recordings.save({ ...info, sizeBytes: 13 })
      await journal.settled()
      assert.deepEqual(await recordings.get(info.id), { ...info, sizeBytes: 13 })
      const endedAt = new Date()
      recordings.save({ ...info, state: 'completed', partial: true, endedAt })
      await journal.settled()
      assert.deepEqual(await recordings.list({ limit: 10, state: 'completed' }), [{ ...info, state: 'completed', partial: true, endedAt }])
      const types = (await new Events(store.database, { clock: systemClock, log }).after(0, { limit: 100, types: ['recording.active', 'recording.completed'] })).map(e => e.type)
      assert.deepEqual(types, ['recording.active', 'recording.completed'])
      assert.equal(await recordings.delete(info.id), true)
      assert.equal(await recordings.get(info.id), undefined)
    })

    test('API keys are kept by their hash', async () => {
      const keys = new StoredApiKeys(store.database, log)
      const made = {
        id: newId('apiKey'), name: 'ci', hash: createHash('sha256').update('alk_x').digest('hex'), scopes: ['rooms', 'view'], room: 'stage',
        createdAt: new Date(), expiresAt: new Date(Date.now() + 1000), lastUsedAt: undefined
      }
      await keys.insert(made)
      assert.deepEqual(await keys.findByHash(made.hash), made)
      assert.deepEqual(await keys.list(), [made])
      assert.equal(await keys.findByHash('0'), undefined)
      keys.used(made.id, new Date(0))
      assert.equal(await keys.delete(made.id), true)
      assert.equal(await keys.get(made.id), undefined)
    })

    test('events come in order and in pages, and wake whoever listens', async () => {
      const clock = new ManualClock()
      using events = new Events(store.database, { clock, log })
      journal.onApplied = () => events.appended()
      const start = await events.last()
      let woken = 0
      using _listening = events.onAppended(() => { woken++ })
      const room = conference({ room: 'events' })
      journal.roomChanged(room)
      for (let i = 0; i < 4; i++) journal.participantChanged(participant(room.id, { room: 'events' }))
      journal.sessionChanged(session(room.id, { room: 'events' }))
      await journal.settled()
      assert.ok(woken > 0)
      const seen = []
      for (let at = start; ;) {
        const page = await events.after(at, { limit: 2, room: 'events' })
        if (page.length === 0) break
        seen.push(...page)
        at = page.at(-1)!.sequence
      }
      assert.deepEqual(seen.map(event => event.type), ['conference.started', ...Array(4).fill('participant.joined'), 'session.starting'])
      assert.deepEqual(await events.newest({ limit: 2, room: 'events' }), seen.slice(-2))
      assert.equal((seen.at(-1)!.data as { remoteAddress: string }).remoteAddress, '192.0.2.1:4711')
      assert.deepEqual(await events.find(seen[0]!.id), seen[0])
    })

    test('events older than a week are swept', async () => {
      const clock = new ManualClock(Date.now() + 8 * 86_400_000)
      using events = new Events(store.database, { clock, log })
      assert.ok(await events.sweep() > 0)
      assert.equal((await events.after(0, { limit: 10 })).length, 0)
    })

    test('what is over can be read as it was', async () => {
      const history = new History(store.database)
      const room = conference({ room: 'history' })
      const over = session(room.id, { room: 'history', kind: 'whep', state: 'ended', reason: 'left', activeAt: new Date(), endedAt: new Date() })
      journal.roomChanged(room)
      journal.sessionChanged(over)
      journal.sessionChanged(session(room.id, { room: 'history' }))
      await journal.settled()
      assert.deepEqual(await history.session(over.id), over)
      assert.deepEqual(await history.sessions({ limit: 5, room: 'history', kind: 'whep' }), [over])
      assert.deepEqual(await history.sessions({ limit: 5, room: 'history', kind: 'rtmp' }), [], 'one that goes on is not over')
      assert.equal(await history.conference(room.id), undefined)
      journal.roomChanged({ ...room, endedAt: over.endedAt })
      await journal.settled()
      assert.deepEqual(await history.conference(room.id), { ...room, endedAt: over.endedAt })
    })

    test('how a session fared outlives it, is an event, and goes with it', async () => {
      const history = new History(store.database)
      const room = conference({ room: 'fared' })
      const over = session(room.id, { room: 'fared', state: 'ended', endedAt: new Date() })
      using events = new Events(store.database, { clock: systemClock, log })
      const points = [{ at: 5, bitrate: 1000, lossPercent: 0.5, jitterMs: null, roundTripMs: 20, frozenMs: 0, estimatedBitrate: null, layer: 1 }]
      const quality = sessionQuality(noStats)
      const last = await events.last()
      journal.roomChanged(room)
      journal.sessionChanged(over)
      journal.qualityMeasured({ sessionId: over.id, kind: over.kind, room: 'fared', conferenceId: room.id, durationMs: 5000, quality, points })
      await journal.settled()
      assert.deepEqual(await history.qualityPoints(over.id), points)
      assert.deepEqual(await history.qualityPoints('ses_none'), [])
      const told = (await events.after(last, { limit: 10, room: 'fared' })).filter(({ type }) => type === 'session.quality')
      assert.deepEqual(told.map(({ data }) => data), [{ sessionId: over.id, kind: over.kind, room: 'fared', conferenceId: room.id, durationMs: 5000, quality }])
      await store.database.db.deleteFrom('external_sessions').where('session_id', '=', over.id).execute()
      assert.deepEqual(await history.qualityPoints(over.id), [])
    })

    test('what ended long ago is deleted, and what goes on is not', async () => {
      const room = conference({ room: 'retention' })
      const going = conference({ room: 'retention' })
      journal.roomChanged(going)
      journal.roomChanged(room)
      journal.sessionChanged(session(room.id, { state: 'ended', endedAt: new Date() }))
      journal.participantChanged(participant(room.id, { leftAt: new Date() }))
      journal.roomChanged({ ...room, endedAt: new Date() })
      await journal.settled()
      const rooms = async () =>
        (await store.database.db.selectFrom('conferences').select('conference_id').where('room_name', '=', 'retention').orderBy('conference_id').execute()).map(row => row.conference_id)
      using soon = new Retention({ database: store.database, log, clock: new ManualClock(Date.now() + 3_600_000), historyDays: 1 })
      await soon.sweep()
      assert.deepEqual(await rooms(), [going.id, room.id].sort())
      using later = new Retention({ database: store.database, log, clock: new ManualClock(Date.now() + 25 * 3_600_000), historyDays: 1 })
      assert.ok(await later.sweep() >= 3)
      assert.deepEqual(await rooms(), [going.id])
    })

    test('rows and events hold no secret that a leg let slip', async () => {
      const room = conference()
      const slip = session(room.id, {
        state: 'failed', reason: 'rtmp://example.com/live/canary-key refused the stream', endedAt: new Date(),
        stats: { packetsIn: 0, packetsOut: 0, bytesIn: 0, bytesOut: 0, advice: [], detail: { streamKey: 'canary-key', url: 'https://user:canary-key@example.com/' } }
      })
      journal.roomChanged(room)
      journal.sessionChanged(slip)
      await journal.settled()
      const rows = await store.database.db.selectFrom('external_sessions').selectAll().where('session_id', '=', slip.id).execute()
      const events = await store.database.db.selectFrom('events').selectAll().where('session_id', '=', slip.id).execute()
      assert.doesNotMatch(JSON.stringify([rows, events]), /canary/)
      assert.match(rows[0]?.end_reason ?? '', /example\.com/)
    })

    test('sessions of the database are in UTC', async () => {
      const { rows: [row] } = await sql<{ TimeZone: string }>`show timezone`.execute(store.database.db)
      assert.match(row?.TimeZone ?? '', /^(UTC|GMT)$/)
    })

    test('administrative actions are written down', async () => {
      const trail = new AuditTrail(store.database, journal)
      const entry = { at: new Date(), action: 'ingress.create', actor: 'key_1', actorKind: 'apiKey', address: '192.0.2.9', requestId: 'req_1', target: { id: 'ing_1' }, status: 201 }
      trail.record(entry)
      await journal.settled()
      const [{ id, ...kept } = { id: '' }] = await trail.list({ limit: 1 })
      assert.ok(id)
      assert.deepEqual(kept, entry)
    })
  })
}
