import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'node:test'
import { mutated } from '../../../test/support/mutate.ts'
import { RawPeer } from '../../../test/support/raw-peer.ts'
import { AppError } from '../../lib/errors.ts'
import { RtpPacket } from '../../media/rtp-packet.ts'
import { printAnswer } from './sdp-answer.ts'
import { parseOffer } from './sdp-offer.ts'
import { TransportHub } from './transport-hub.ts'
import type { Transport } from './transport.ts'

const open = (announcedAddresses: string[] = []): Promise<TransportHub> => TransportHub.open({ port: 0, bindAddress: '127.0.0.1', announcedAddresses })

function answerTo (hub: TransportHub, peer: RawPeer): { transport: Transport, answer: string } {
  const offer = parseOffer(peer.offer)
  const transport = hub.accept(offer.transport, '127.0.0.1')
  const sections = offer.sections.map(offered => ({ offered, direction: 'sendonly' as const, codecs: offered.codecs, extensions: [] }))
  return { transport, answer: printAnswer({ sections, transport: transport.local, candidates: transport.candidates, extmapAllowMixed: false }) }
}

const packet = (sequenceNumber: number): RtpPacket => RtpPacket.build({ payloadType: 111, marker: false, sequenceNumber, timestamp: 1, ssrc: 99 }, Buffer.from('hello'))

async function until (what: string, condition: () => boolean): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    if (condition()) return
    await sleep(10)
  }
  assert.fail(`waited in vain for ${what}`)
}

test('packets of any source and payload type go both ways', async () => {
  await using hub = await open()
  await using peer = await RawPeer.create()
  const { transport, answer } = answerTo(hub, peer)
  const came: Buffer[] = []
  transport.onPacket = bytes => came.push(bytes)
  assert.equal(transport.send(packet(1).bytes), false, 'not connected yet')
  await Promise.all([peer.accept(answer), transport.connected])
  assert.equal(transport.state, 'connected')
  assert.equal(transport.pair?.protocol.toLowerCase(), 'udp')
  assert.equal(transport.send(packet(2).bytes), true)
  peer.send(packet(3))
  peer.sendRtcp([{ type: 'pli', sender: 1, media: 99 }])
  await until('packets', () => peer.packets.length === 1 && came.length === 2)
  assert.equal(peer.packets[0]!.payload.toString(), 'hello')
  await transport.close()
  await transport.close()
  assert.equal(await transport.ended, 'closed')
  assert.equal(transport.send(packet(4).bytes), false)
  assert.equal(hub.transports, 0)
})

test('twenty peers on one port, none of which waits for DTLS to try again', async () => {
  await using hub = await open()
  for (let i = 0; i < 20; i++) {
    await using peer = await RawPeer.create()
    const started = performance.now()
    const { transport, answer } = answerTo(hub, peer)
    await Promise.all([peer.accept(answer), transport.connected])
    assert.ok(performance.now() - started < 900, `peer ${i} took ${performance.now() - started} ms`)
    await transport.close()
  }
})

test('a wrong fingerprint ends the transport before a packet passes', async () => {
  await using hub = await open()
  await using peer = await RawPeer.create()
  const forged = parseOffer(peer.offer.replaceAll(/sha-256 ../g, found => `sha-256 ${found.endsWith('00') ? '11' : '00'}`))
  const transport = hub.accept(forged.transport, '127.0.0.1')
  const sections = forged.sections.map(offered => ({ offered, direction: 'sendonly' as const, codecs: offered.codecs, extensions: [] }))
  void peer.accept(printAnswer({ sections, transport: transport.local, candidates: transport.candidates, extmapAllowMixed: false })).catch(() => {})
  assert.equal(await transport.ended, 'failed')
  await transport.close()
})

test('announced addresses come before the interfaces’ own', async () => {
  await using hub = await open(['203.0.113.7', '2001:db8::7'])
  await using peer = await RawPeer.create()
  const { answer, transport } = answerTo(hub, peer)
  const lines = answer.split('\r\n').filter(line => line.startsWith('a=candidate:'))
  assert.deepEqual(lines.map(line => line.split(' ').slice(4, 8).join(' ')), [`203.0.113.7 ${hub.port} typ host`, `2001:db8::7 ${hub.port} typ host`, `127.0.0.1 ${hub.port} typ host`])
  await transport.close()
})

test('a port in use is the system’s error; a closed hub gives its port back', async () => {
  const socket = createSocket('udp4')
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const { port } = socket.address()
  await assert.rejects(TransportHub.open({ port, bindAddress: '127.0.0.1' }), { code: 'EADDRINUSE' })
  socket.close()
  await once(socket, 'close')
  for (let i = 0; i < 3; i++) {
    await using hub = await TransportHub.open({ port, bindAddress: '127.0.0.1' })
    assert.equal(hub.port, port)
  }
})

test('mutated offers that can be read are accepted, or refused with a reason', async () => {
  await using hub = await open()
  await using peer = await RawPeer.create()
  const lines = peer.offer.split('\r\n')
  const transportLines = lines.filter(line => /^a=(ice|fingerprint|setup|candidate)/.test(line))
  let accepted = 0
  let refused = 0
  // Only what a transport is told is damaged: the rest it never sees.
  for (const bytes of mutated(transportLines.map(line => Buffer.from(line)), { count: 1500, seed: 3 })) {
    const name = /^a=[a-z-]+/.exec(bytes.toString('latin1'))?.[0]
    const text = lines.map(line => name !== undefined && line.startsWith(name) ? bytes.toString('latin1') : line).join('\r\n')
    try {
      const transport = hub.accept(parseOffer(text).transport, '127.0.0.1')
      accepted++
      await transport.close()
    } catch (error) {
      assert.ok(error instanceof AppError && error.code === 'unprocessable_sdp', error instanceof Error ? error.stack : String(error))
      refused++
    }
  }
  for (const fingerprint of [`sha-1 ${Array(32).fill('AB').join(':')}`, `sha-256 ${Array(20).fill('AB').join(':')}`, `sha-512 ${Array(64).fill('AB').join(':')}`]) {
    const text = peer.offer.replaceAll(/a=fingerprint:.*/g, `a=fingerprint:${fingerprint}`)
    await assert.doesNotReject(async () => { try { await hub.accept(parseOffer(text).transport, '127.0.0.1').close() } catch (error) { assert.ok(error instanceof AppError, String(error)) } })
  }
  assert.ok(accepted > 100 && refused > 100, `${accepted} accepted, ${refused} refused`)
  assert.equal(hub.transports, 0)
})

test('of one client so many connections are made at a time: those that have ended make room', async () => {
  await using hub = await open()
  await using peer = await RawPeer.create()
  const { transport: remote } = parseOffer(peer.offer)
  const made = Array.from({ length: 128 }, () => hub.accept(remote, '192.0.2.1'))
  assert.throws(() => hub.accept(remote, '192.0.2.1'), (error: unknown) => error instanceof AppError && error.code === 'rate_limited')
  hub.accept(remote, '192.0.2.2')
  await made[0]!.close()
  hub.accept(remote, '192.0.2.1')
  assert.throws(() => hub.accept(remote, '192.0.2.1'), AppError)
})
