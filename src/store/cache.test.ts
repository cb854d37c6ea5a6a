import assert from 'node:assert/strict'
import test, { after, before, suite } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { ManualClock } from '../../test/support/manual-clock.ts'
import { missing } from '../../test/support/peers.ts'
import { RedisServer } from '../../test/support/redis.ts'
import { aborted } from '../lib/abort.ts'
import { systemClock } from '../lib/clock.ts'
import { createLogger, silentLogger } from '../lib/log.ts'
import { codec, opus } from '../media/codec.ts'
import { Bridge, localEngine } from '../room/bridge.ts'
import { type Leg, noStats } from '../room/leg.ts'
import type { Cache } from './cache.ts'
import { MemoryCache } from './memory-cache.ts'
import { RedisCache } from './redis-cache.ts'
import { StateMirror } from './state-mirror.ts'

const log = silentLogger
const keyPrefix = 'auralink:ingress-egress:'
const noJournal = { roomChanged () {}, participantChanged () {}, sessionChanged () {} }

const connected = (server: RedisServer, logger = log, timeoutMs = 500): RedisCache =>
  new RedisCache({ host: '127.0.0.1', port: server.port, password: server.password, database: 0, keyPrefix, timeoutMs }, { log: logger, clock: systemClock })

async function eventually (what: () => Promise<boolean>, withinMs = 15_000): Promise<void> {
  const deadline = Date.now() + withinMs
  while (!await what().catch(() => false)) {
    assert.ok(Date.now() < deadline, 'it did not come to pass')
    await sleep(20)
  }
}

const isThere = (cache: Cache) => eventually(() => cache.check().then(() => true))

/** A leg that publishes sound and picture and stays. */
const publisher = (kind: string, identity: string, auraId?: string): Leg => ({
  kind,
  stats: () => noStats,
  async run (room, { signal, live }) {
    using me = room.join({ identity, source: kind, ...(auraId === undefined ? {} : { auraId }) })
    me.publish(codec('H264'))
    me.publish(opus)
    live()
    await aborted(signal)
  }
})

const bridgeOf = (): Bridge => new Bridge({ engine: localEngine, journal: noJournal, log, limits: { sessions: 100, rooms: 100 } })
const mirrorOf = (cache: Cache, bridge: Bridge, bridgeId: string): StateMirror =>
  new StateMirror({ cache, bridge, facts: { bridgeId, region: 'eu', capacity: 100 }, log, clock: new ManualClock() })

test('without Redis the same state is kept in memory, and expires there too', async () => {
  const clock = new ManualClock()
  await using cache = new MemoryCache(clock)
  await cache.set('a', { type: 'hash', fields: { x: '1' } }, 30)
  clock.advance(29_000)
  assert.deepEqual(await cache.hash('a'), { x: '1' })
  assert.equal(await cache.touch('a', 30), true)
  clock.advance(30_000)
  assert.deepEqual(await cache.hash('a'), {})
  assert.equal(await cache.touch('a', 30), false)
  await cache.addMember('s', 'm1', 30)
  await cache.addMember('s', 'm2', 30)
  await cache.removeMembers('s', ['m1'])
  assert.deepEqual(await cache.members('s'), ['m2'])
})

suite('Redis', { skip: missing('redis-server') }, () => {
  let server: RedisServer
  before(async () => { server = await RedisServer.start() })
  after(() => server[Symbol.asyncDispose]())

  test('every key of the contract is there, with its type, and goes when what it is about goes', async () => {
    await using cache = connected(server)
    await isThere(cache)
    await using bridge = bridgeOf()
    await using mirror = mirrorOf(cache, bridge, 'bridge-1')
    await bridge.admit(publisher('rtmp', 'camera', 'alice@aura'), { room: 'stage' })
    const phone = await bridge.admit(publisher('sip', 'phone'), { room: 'stage' })
    await mirror.sync()
    const room = bridge.room('stage')!
    const camera = room.find('camera')!.info.id
    const voice = room.find('phone')!.info.id

    const status = await cache.hash('bridge:bridge-1:status')
    assert.deepEqual([status.status, status.conferences, status.participants, status.sipCalls, status.rtmpStreams], ['online', '1', '2', '1', '1'])
    assert.deepEqual(await cache.members('bridge:bridge-1:conferences'), [room.id])
    assert.deepEqual((await cache.members('bridge:bridge-1:participants')).sort(), [camera, voice].sort())
    assert.equal((await cache.hash(`conference:${room.id}:info`)).participantCount, '2')
    assert.deepEqual((await cache.members(`conference:${room.id}:participants`)).sort(), [camera, voice].sort())
    assert.deepEqual((await cache.hash(`conference:${room.id}:media`)).activeStreams, '4')
    assert.deepEqual(await cache.members('room:stage:bridges'), ['bridge-1'])
    assert.equal((await cache.hash('room:stage:state')).conferenceId, room.id)
    assert.equal((await cache.hash(`participant:${camera}:info`)).identity, 'camera')
    assert.equal(await cache.string('auraid:alice@aura:participant'), camera)
    const counts = ['metrics:conferences:count', 'metrics:participants:count', 'metrics:sip:calls', 'metrics:rtmp:streams']
    assert.deepEqual(await Promise.all(counts.map(key => cache.string(key))), ['1', '2', '1', '1'])

    await phone.close('hung up')
    await mirror.sync()
    assert.deepEqual(await cache.hash(`participant:${voice}:info`), {})
    assert.deepEqual(await cache.members(`conference:${room.id}:participants`), [camera])
    assert.equal(await cache.string('metrics:sip:calls'), '0')
    await bridge.closeRoom('stage', 'enough')
    await mirror.sync()
    assert.deepEqual(await cache.members('room:stage:bridges'), [])
    assert.deepEqual(await cache.hash(`conference:${room.id}:info`), {})
  })

  test('two bridges share a room, and their counts add up', async () => {
    await using cache = connected(server)
    await isThere(cache)
    await using one = bridgeOf()
    await using two = bridgeOf()
    await using first = mirrorOf(cache, one, 'one')
    await one.admit(publisher('rtmp', 'a'), { room: 'shared' })
    await two.admit(publisher('rtmp', 'b'), { room: 'shared' })
    await first.sync()
    {
      await using second = mirrorOf(cache, two, 'two')
      await second.sync()
      assert.deepEqual((await cache.members('room:shared:bridges')).sort(), ['one', 'two'])
      assert.equal(await cache.string('metrics:rtmp:streams'), '2')
    }
    assert.deepEqual(await cache.members('room:shared:bridges'), ['one'], 'a bridge that leaves takes its keys with it')
    assert.equal(await cache.string('metrics:rtmp:streams'), '1')
  })

  test('a flushed cache is whole again after one round', async () => {
    await using cache = connected(server)
    await isThere(cache)
    await using bridge = bridgeOf()
    await using mirror = mirrorOf(cache, bridge, 'flushed')
    await bridge.admit(publisher('rtmp', 'camera'), { room: 'flush' })
    await mirror.sync()
    await server.stop()
    await server.start() // It keeps nothing on disk: the same as a flush.
    await isThere(cache)
    assert.deepEqual(await cache.hash('bridge:flushed:status'), {})
    await mirror.sync()
    assert.equal((await cache.hash('bridge:flushed:status')).rtmpStreams, '1')
    assert.deepEqual(await cache.members('room:flush:bridges'), ['flushed'])
  })

  test('while Redis is away or stands still, calls fail soon and rounds end; afterwards all is as before', async () => {
    const lines: string[] = []
    const logger = createLogger({ level: 'debug', format: 'json', destination: { write: line => { lines.push(line) } } })
    await using cache = connected(server, logger, 300)
    await isThere(cache)
    await using bridge = bridgeOf()
    await using mirror = mirrorOf(cache, bridge, 'patient')
    server.freeze()
    await assert.rejects(cache.check(), { code: 'dependency_unavailable' })
    await mirror.sync()
    server.thaw()
    await isThere(cache)
    await server.stop()
    await assert.rejects(cache.check(), { code: 'dependency_unavailable' })
    await mirror.sync()
    await server.start()
    await isThere(cache)
    await mirror.sync()
    assert.equal((await cache.hash('bridge:patient:status')).status, 'online')
    assert.doesNotMatch(lines.join(''), /canary/)
    assert.ok(lines.length < 20, 'an outage is said now and then, not every time')
  })

  test('a bridge that starts without Redis closes at once', async () => {
    const cache = new RedisCache({ host: '127.0.0.1', port: 1, database: 0, keyPrefix, timeoutMs: 300 }, { log, clock: systemClock })
    await assert.rejects(cache.set('a', { type: 'string', text: '1' }, 1))
    assert.deepEqual(cache.pool, { active: 0, idle: 0, waiting: 0, max: 1 })
    await cache[Symbol.asyncDispose]()
  })
})
