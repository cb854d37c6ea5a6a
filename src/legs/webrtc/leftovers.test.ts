// What is left of sessions that are over: nothing.
import assert from 'node:assert/strict'
import { setImmediate as breathe } from 'node:timers/promises'
import test from 'node:test'
import { settledBytes } from '../../../test/support/memory.ts'
import { RawPeer } from '../../../test/support/raw-peer.ts'
import { until } from '../../../test/support/until.ts'
import { type Edge, openEdge } from '../../../test/support/webrtc-edge.ts'
import { RtpPacket } from '../../media/rtp-packet.ts'

const PAIRS_AT_ONCE = 5
const SETTLING_PAIRS = 40
const MEASURED_PAIRS = 60
/** Of each session, its client in this process included; one that is not let go of holds ten times that. */
const MAX_LEFT_BYTES = 10_000
const PACKETS = 20
const SEND_EVERY_MS = 5

const section = [{ mid: '0', lines: ['m=video 9 UDP/TLS/RTP/SAVPF 96', 'a=rtpmap:96 H264/90000', 'a=fmtp:96 packetization-mode=1', 'a=rtcp-fb:96 nack', 'a=rtcp-fb:96 transport-cc', 'a=extmap:5 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01'] }]
const IDR = Buffer.concat([Buffer.of(0x65), Buffer.alloc(800, 1)])

/** The service's side of what has been: each thing by a reference that does not hold it. */
class Census {
  readonly #seen: { readonly what: string, readonly ref: WeakRef<object> }[] = []

  constructor (edge: Edge) {
    const { transports } = edge
    const accept = transports.accept.bind(transports)
    transports.accept = (...offer) => this.#note('transport', accept(...offer))
  }

  session (edge: Edge): void {
    for (const session of edge.bridge.sessions.values()) {
      this.#note('session', session)
      this.#note('leg', session.leg)
      this.#note('room', session.room)
    }
  }

  /** How many there are still, by kind. */
  alive (): Record<string, number> {
    const alive = new Map<string, Set<object>>()
    for (const { what, ref } of this.#seen) {
      const object = ref.deref()
      if (object) alive.set(what, (alive.get(what) ?? new Set()).add(object))
    }
    return Object.fromEntries([...alive].map(([what, objects]) => [what, objects.size]))
  }

  #note<Noted extends object> (what: string, object: Noted): Noted {
    this.#seen.push({ what, ref: new WeakRef(object) })
    return object
  }
}

async function open (edge: Edge, path: string, direction: 'sendonly' | 'recvonly'): Promise<{ peer: RawPeer, leave: () => Promise<unknown> }> {
  const peer = await RawPeer.create(direction, section)
  const response = await fetch(edge.url + path, { method: 'POST', headers: { 'content-type': 'application/sdp' }, body: peer.offer })
  const answer = await response.text()
  assert.equal(response.status, 201, answer)
  await peer.accept(answer)
  const session = response.headers.get('location')!
  return { peer, leave: () => fetch(edge.url + session, { method: 'DELETE' }) }
}

/** A publisher and a viewer in a room of their own come, see pictures, and go. */
async function pair (edge: Edge, room: string, census: Census): Promise<void> {
  await using stack = new AsyncDisposableStack()
  const publisher = await open(edge, `/whip/${room}`, 'sendonly')
  stack.use(publisher.peer)
  let sequenceNumber = 0
  const sending = setInterval(() => {
    sequenceNumber = (sequenceNumber + 1) & 0xffff
    publisher.peer.send(RtpPacket.build({ payloadType: 96, marker: true, sequenceNumber, timestamp: sequenceNumber * 3000, ssrc: 1 }, IDR))
  }, SEND_EVERY_MS)
  stack.defer(() => clearInterval(sending))
  const viewer = await open(edge, `/whep/${room}`, 'recvonly')
  stack.use(viewer.peer)
  await until('pictures', () => viewer.peer.packets.length > PACKETS)
  census.session(edge)
  await viewer.leave()
  clearInterval(sending)
  await publisher.leave()
}

async function pairs (edge: Edge, count: number, census: Census): Promise<number> {
  let left = count
  await Promise.all(Array.from({ length: PAIRS_AT_ONCE }, async () => { while (left-- > 0) await pair(edge, `room-${left}`, census) }))
  await until('all gone', () => edge.transports.transports === 0 && edge.bridge.sessions.size === 0 && edge.bridge.rooms.length === 0)
  return await settledBytes()
}

const timers = (): number => process.getActiveResourcesInfo().filter(resource => resource === 'Timeout').length

test('200 sessions of publishers and viewers leave no object, no timer, no memory', async () => {
  await using edge = await openEdge()
  const census = new Census(edge)
  const settled = await pairs(edge, SETTLING_PAIRS, census)
  const before = timers()
  const grown = await pairs(edge, MEASURED_PAIRS, census) - settled
  assert.ok(grown < MAX_LEFT_BYTES * MEASURED_PAIRS * 2, `${grown} bytes more after ${MEASURED_PAIRS * 2} sessions`)
  assert.ok(timers() <= before + 2, `${timers()} timers instead of ${before}`)
  await until('nothing alive', async () => {
    await breathe()
    await settledBytes()
    return Object.keys(census.alive()).length === 0
  }).catch(() => assert.deepEqual(census.alive(), {}))
})
