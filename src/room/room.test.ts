import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'node:test'
import { aborted } from '../lib/abort.ts'
import { AppError } from '../lib/errors.ts'
import { silentLogger } from '../lib/log.ts'
import { codec, opus } from '../media/codec.ts'
import { RtpPacket } from '../media/rtp-packet.ts'
import { Bridge, type Gatekeeper, localEngine } from './bridge.ts'
import { type Leg, type LegContext, noStats, type RoomEngine } from './leg.ts'
import { Room } from './room.ts'
import type { Journal } from './session.ts'
import { Track } from './track.ts'

const video = codec('H264')
const aac = codec('AAC')
const packet = new RtpPacket(Buffer.from('806000010000000000000001', 'hex'))

/** A leg made of one function. */
const legOf = (kind: string, run: (room: Room, context: LegContext) => Promise<void>): Leg => ({ kind, run, stats: () => noStats })
const staying = (kind = 'fake'): Leg => legOf(kind, async (_room, { signal, live }) => { live(); await aborted(signal) })

function setup (more: { gatekeeper?: Gatekeeper, limits?: { sessions: number, rooms: number }, engine?: RoomEngine } = {}) {
  const log: string[] = []
  const journal: Journal = {
    roomChanged: i => { log.push(`room ${i.room} ${i.endedAt ? 'closed' : i.participants}`) },
    participantChanged: c => { log.push(`participant ${c.info.identity} ${c.leftAt ? 'left' : 'joined'}`) },
    sessionChanged: i => { log.push(`${i.kind} ${i.state} ${i.reason}`.trim()) }
  }
  const bridge = new Bridge({ engine: localEngine, journal, log: silentLogger, limits: { sessions: 10, rooms: 10 }, ...more })
  return { log, bridge }
}

test('packets flow in through the room and out, and the journal hears of every step in order', async () => {
  const { log, bridge } = setup()
  const seen: number[] = []
  await using _bridge = bridge
  const out = await bridge.admit(legOf('out', async (room, { signal, live }) => {
    using subscriptions = new DisposableStack()
    subscriptions.use(room.watch({ trackAdded: track => { subscriptions.use(track.subscribe({ write: p => { seen.push(p.sequenceNumber) }, fail () {} })) } }))
    live()
    await aborted(signal)
  }), { room: 'r1' })
  const into = await bridge.admit(legOf('in', async (room, { live }) => {
    using me = room.join({ identity: 'camera', source: 'in' })
    const track = me.publish(video)
    live()
    track.write(packet)
    track.write(packet)
  }), { room: 'r1' })
  await into.done
  assert.deepEqual(seen, [1, 1])
  await out.close('kicked')
  await sleep(0)
  assert.deepEqual(log, [
    'room r1 0', 'out starting', 'out active', 'in starting', 'participant camera joined', 'room r1 1', 'in active',
    'participant camera left', 'room r1 0', 'in ended left', 'out ended kicked', 'room r1 closed'
  ])
  assert.equal(bridge.rooms.length, 0)
})

test('a leg that fails is journalled with its code and takes nobody along', async () => {
  const { log, bridge } = setup()
  await using _bridge = bridge
  const other = await bridge.admit(staying(), { room: 'r' })
  const bad = await bridge.admit(legOf('bad', async () => { throw new AppError('media_timeout', 'no media for 8 s') }), { room: 'r' })
  await bad.done
  assert.equal(bad.describe().errorCode, 'media_timeout')
  assert.ok(log.includes('bad failed no media for 8 s'))
  assert.equal(other.state, 'active')
})

test('the first reason to close is kept, closing twice waits twice', async () => {
  const { bridge } = setup()
  await using _bridge = bridge
  const session = await bridge.admit(staying(), { room: 'r' })
  await Promise.all([session.close('kicked'), session.close('other')])
  assert.deepEqual([session.describe().state, session.describe().reason], ['ended', 'kicked'])
})

test('admission says what is wrong: name, limits, gatekeeper, draining', async () => {
  const gatekeeper: Gatekeeper = { authorize: async (_kind, { room }) => { if (room === 'private') throw new AppError('forbidden') } }
  const { bridge } = setup({ gatekeeper, limits: { sessions: 2, rooms: 1 } })
  await using _bridge = bridge
  const refused = (room: string, code: string) => assert.rejects(bridge.admit(staying(), { room }), { code })
  for (const room of ['', '../x', 'a b', 'ü', '.hidden', 'x'.repeat(129)]) await refused(room, 'bad_request')
  await refused('private', 'forbidden')
  await bridge.admit(staying(), { room: 'one' })
  await refused('two', 'overloaded')
  await bridge.admit(staying(), { room: 'one' })
  await refused('one', 'overloaded')
  const drained = bridge.drain(0)
  await refused('one', 'draining')
  await drained
  assert.equal(bridge.sessions.size, 0)
})

test('draining waits for those who leave by themselves', async () => {
  const { bridge } = setup()
  const session = await bridge.admit(legOf('brief', async () => { await sleep(20) }), { room: 'r' })
  await bridge.drain(10_000)
  assert.equal(session.describe().reason, 'left')
})

test('draining does not wait for who never leaves by itself, but lets it stay as long as the others', async () => {
  const { bridge } = setup()
  const order: string[] = []
  const brief = await bridge.admit(legOf('brief', async () => { await sleep(20) }), { room: 'r' })
  const standing = await bridge.admit({ ...staying(), standing: true }, { room: 'r' })
  void brief.done.then(() => order.push('brief'))
  void standing.done.then(() => order.push('standing'))
  await bridge.drain(60_000)
  assert.deepEqual([order, standing.describe().reason], [['brief', 'standing'], 'shutdown'])
})

test('a room engine runs as long as its room, and its failure costs nobody anything', async () => {
  const events: string[] = []
  const engine: RoomEngine = { kind: 'test', run: async (room, signal) => { events.push(`open ${room.name}`); await aborted(signal); events.push('close'); throw new Error('engine broke') } }
  const { bridge } = setup({ engine })
  await using _bridge = bridge
  const session = await bridge.admit(staying(), { room: 'r' })
  await session.close('done')
  await sleep(0)
  assert.deepEqual(events, ['open r', 'close'])
})

test('two of the same identity cannot be in one room', () => {
  const room = new Room('r')
  using _me = room.join({ identity: 'a', source: 'x' })
  assert.throws(() => room.join({ identity: 'a', source: 'x' }), { code: 'identity_taken' })
})

test('a watcher hears of what is there and what comes, and one that throws costs the others nothing', () => {
  const room = new Room('r')
  const errors: unknown[] = []
  room.onWatcherError = error => { errors.push(error) }
  const me = room.join({ identity: 'a', source: 'x' })
  const first = me.publish(video)
  room.watch({ trackRemoved () { throw new Error('bad watcher') } })
  const seen: string[] = []
  using _watch = room.watch({
    participantJoined: p => { seen.push(`+${p.info.identity}`) },
    participantLeft: p => { seen.push(`-${p.info.identity}`) },
    trackAdded: t => { seen.push(`+${t.codec.name}`) },
    trackRemoved: t => { seen.push(`-${t.codec.name}`) }
  })
  me.publish(aac)
  me.unpublish(first)
  me[Symbol.dispose]()
  assert.deepEqual(seen, ['+a', '+H264', '+AAC', '-H264', '-AAC', '-a'])
  assert.equal(errors.length, 2)
})

test('a sink that throws is dropped and told, the others go on', () => {
  const track = new Track(video)
  let good = 0
  let failed = 0
  track.subscribe({ write () { throw new Error('bad') }, fail () { failed++ } })
  track.subscribe({ write () { good++ }, fail () {} })
  track.write(packet)
  track.write(packet)
  assert.deepEqual({ good, failed }, { good: 2, failed: 1 })
  assert.deepEqual([track.packets, track.bytes], [2, 24])
})

test('a subscriber asks the publisher for a keyframe, unless there is a backlog', () => {
  const track = new Track(video)
  let asked = 0
  track.onKeyframeWanted = () => { asked++ }
  const sink = { write () {}, fail () {} }
  track.subscribe(sink)
  track.backlog = { packets: () => [] }
  track.subscribe({ ...sink })
  assert.equal(asked, 1)
})

test('one transcoder serves everyone who asks for the codec, and stops with the last of them', () => {
  const track = new Track(aac)
  const running: string[] = []
  const transcode = (from: Track, to: Track): Disposable => {
    running.push(to.codec.name)
    const tap = from.subscribe({ write: p => to.write(p), fail () {} })
    return { [Symbol.dispose]: () => { running.pop(); tap[Symbol.dispose]() } }
  }
  assert.equal(track.as([aac, opus], transcode), track)
  const twin = track.as([opus], transcode)
  assert.equal(track.as([opus], transcode), twin)
  assert.deepEqual(running, [])
  let heard = 0
  {
    using _a = twin.subscribe({ write () { heard++ }, fail () {} })
    using _b = twin.subscribe({ write () { heard++ }, fail () {} })
    assert.deepEqual(running, ['opus'])
    track.write(packet)
  }
  assert.equal(heard, 2)
  assert.deepEqual(running, [])
  assert.throws(() => track.as([video], transcode), { code: 'no_common_codec' })
})

test('a transcoder that cannot start fails the subscription and leaves nothing behind', () => {
  const track = new Track(aac)
  const twin = track.as([opus], () => { throw new AppError('transcoding_unavailable') })
  assert.throws(() => twin.subscribe({ write () {}, fail () {} }), { code: 'transcoding_unavailable' })
  assert.equal(twin.subscribers, 0)
})
