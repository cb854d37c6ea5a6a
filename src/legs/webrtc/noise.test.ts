// Noise on the media ports, before and during a session, from strangers who have no keys.
import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'node:test'
import { LossyNetwork } from '../../../test/lossy-network.ts'
import { mutated, random } from '../../../test/support/mutate.ts'
import { RawPeer } from '../../../test/support/raw-peer.ts'
import { until } from '../../../test/support/until.ts'
import { type Edge, openEdge } from '../../../test/support/webrtc-edge.ts'
import { systemClock } from '../../lib/clock.ts'
import { RtpPacket } from '../../media/rtp-packet.ts'
import { printBinding, TRANSACTION_BYTES } from '../../protocols/webrtc/stun.ts'

/** So many at once, every few ms: more than strangers could bring in, fewer than the kernel keeps for the port's owner. */
const BURST = 40
const DATAGRAMS = 100_000
const SOCKETS = 8
const CONNECTIONS = 200

/** Bytes that look like STUN, DTLS, SRTP, TURN channels and nothing at all; and what a real session sent, damaged. */
function * noise (real: readonly Buffer[], count: number): Generator<Buffer> {
  const pick = random(11)
  const begins = [0, 1, 20, 22, 23, 63, 64, 79, 128, 144, 191, 192, 255]
  const damaged = mutated(real, { count, seed: 12 })
  for (let made = 0; made < count; made++) {
    if (made % 2 === 0) { yield damaged.next().value as Buffer; continue }
    const bytes = Buffer.alloc(pick(3) === 0 ? pick(1400) : pick(64))
    for (let at = 0; at < bytes.length; at++) bytes[at] = pick(256)
    if (bytes.length > 0) bytes[0] = begins[pick(begins.length)]!
    yield bytes
  }
}

/** From several addresses, at a pace. @returns how many */
async function flood (port: number, datagrams: Iterable<Buffer>): Promise<number> {
  const sockets = Array.from({ length: SOCKETS }, () => createSocket('udp4'))
  let sent = 0
  try {
    for (const socket of sockets) socket.bind(0, '127.0.0.1')
    await Promise.all(sockets.map(socket => once(socket, 'listening')))
    for (const bytes of datagrams) {
      sockets[sent % SOCKETS]!.send(bytes, port, '127.0.0.1')
      if (++sent % BURST === 0) await sleep(1)
    }
  } finally {
    for (const socket of sockets) socket.close()
  }
  return sent
}

async function floodTcp (port: number, chunks: Iterable<Buffer>): Promise<number> {
  let closed = 0
  for (const bytes of chunks) {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => {})
    const over = once(socket, 'close')
    socket.end(bytes)
    await Promise.race([over, sleep(1000, undefined, { ref: false })])
    socket.destroy()
    closed++
  }
  return closed
}

/** A picture that is sent again where it is asked for, as publishers do. */
function publishing (peer: RawPeer): Disposable & { readonly sent: number } {
  const packets: RtpPacket[] = []
  let answered = 0
  const timer = systemClock.every(20, () => {
    for (const report of peer.reports.slice(answered)) if (report.type === 'nack') for (const lost of report.lost) if (packets[lost]) peer.send(packets[lost])
    answered = peer.reports.length
    const packet = RtpPacket.build({ payloadType: 102, marker: true, sequenceNumber: packets.length, timestamp: packets.length * 1800, ssrc: 5 }, Buffer.alloc(300, 0x65))
    packets.push(packet)
    peer.send(packet)
  })
  return { get sent () { return packets.length }, [Symbol.dispose]: () => timer[Symbol.dispose]() }
}

async function join (edge: Edge, peer: RawPeer): Promise<void> {
  const response = await fetch(`${edge.url}/whip/hall?identity=ann`, { method: 'POST', headers: { 'content-type': 'application/sdp' }, body: peer.offer })
  assert.equal(response.status, 201)
  await peer.accept(await response.text())
}

test('100,000 datagrams of noise before and during a session, and connections of it: the session is made, and loses nothing', { timeout: 180_000 }, async t => {
  let network: LossyNetwork | undefined
  await using edge = await openEdge({ tcp: true, answer: sdp => network!.answer(sdp) })
  const { port, tcpPort } = edge.transports
  const stun = printBinding({ kind: 'request', transaction: Buffer.alloc(TRANSACTION_BYTES, 1), username: 'some:body', priority: 1, controlling: 1n }, 'a-password-of-22-letters')
  await flood(port, noise([stun], DATAGRAMS / 10))
  assert.equal(await floodTcp(tcpPort!, noise([stun], CONNECTIONS / 2)), CONNECTIONS / 2)

  await using opened = network = await LossyNetwork.open(port)
  await using peer = await RawPeer.create('sendonly')
  const captured: Buffer[] = [stun]
  opened.onSent = bytes => { if (captured.length < 200) captured.push(Buffer.from(bytes)) }
  await join(edge, peer)
  using publisher = publishing(peer)
  const track = () => edge.bridge.room('hall')?.find('ann')?.tracks.values().next().value
  await until('the picture', () => (track()?.packets ?? 0) > 20)
  const numbers = new Set<number>()
  using _listening = track()!.subscribe({ write: ({ sequenceNumber }) => { numbers.add(sequenceNumber) }, fail: error => { throw error } })
  const first = publisher.sent
  const [sent] = await Promise.all([flood(port, noise(captured, DATAGRAMS * 9 / 10)), floodTcp(tcpPort!, noise(captured, CONNECTIONS / 2))])
  const last = publisher.sent - 1
  t.diagnostic(`${sent} datagrams while ${last - first} packets of media were sent`)
  const missing = (): number[] => Array.from({ length: last - first + 1 }, (_, i) => first + i).filter(number => !numbers.has(number))
  await until('every packet', () => missing().length === 0)
  const [session] = [...edge.bridge.sessions.values()].filter(({ leg }) => leg.kind === 'whip')
  assert.equal(session!.state, 'active')
  assert.equal(edge.transports.transports, 1)
  await until('media still', () => numbers.has(publisher.sent - 1))
})
