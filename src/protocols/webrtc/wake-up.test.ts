import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'node:test'
import { ManualClock } from '../../../test/support/manual-clock.ts'
import { until } from '../../../test/support/until.ts'
import { isSigned, parseBinding } from './stun.ts'
import { TransportHub } from './transport-hub.ts'
import { portConfig } from './transport.ts'
import { WakeUp } from './wake-up.ts'

const local = { ufrag: 'ours', pwd: 'abcdefghijklmnopqrstuvwx' }
const remote = { ufrag: 'theirs', pwd: 'zyxwvutsrqponmlkjihgfedc', setup: 'actpass', fingerprint: { algorithm: 'sha-256', value: Array.from({ length: 32 }, () => 'AB').join(':') } } as const

/** A peer that has spoken once, at a socket of ours, with whoever wakes it. */
async function asleep () {
  await using stack = new AsyncDisposableStack()
  const clock = new ManualClock()
  const hub = stack.use(await TransportHub.open({ port: 0, bindAddress: '127.0.0.1' }))
  const socket = createSocket('udp4')
  stack.defer(() => { socket.close() })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const checks: { bytes: Buffer, port: number }[] = []
  socket.on('message', (bytes, { port }) => { checks.push({ bytes, port }) })
  const peer = { heard: 1, local, remote, peerAddress: { address: '127.0.0.1', port: socket.address().port } }
  stack.use(new WakeUp(() => [peer], portConfig(hub.port, '127.0.0.1'), clock))
  const owned = stack.move()
  return { clock, hub, peer, checks, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

test('a peer that has been silent for 12 s is asked with its session’s credentials, from the media port', async () => {
  await using peer = await asleep()
  peer.clock.advance(12_000)
  await sleep(100)
  assert.equal(peer.checks.length, 0)
  peer.clock.advance(1000)
  await until('a check', () => peer.checks.length > 0)
  const [{ bytes, port }] = peer.checks as [typeof peer.checks[number]]
  const { kind, username, controlled } = parseBinding(bytes)
  assert.deepEqual([kind, username, controlled !== undefined, port], ['request', 'theirs:ours', true, peer.hub.port])
  assert.ok(isSigned(bytes, remote.pwd))
})

test('one that speaks is left alone, and so is one that never does', async () => {
  await using peer = await asleep()
  for (let second = 0; second < 40; second++) {
    peer.clock.advance(1000)
    peer.peer.heard++
  }
  peer.peer.heard = 0
  peer.clock.advance(40_000)
  await sleep(100)
  assert.equal(peer.checks.length, 0)
})

test('nobody is asked for ever: consent has expired, or the peer has nothing to say', async () => {
  await using peer = await asleep()
  peer.clock.advance(33_000)
  await sleep(100)
  const before = peer.checks.length
  peer.clock.advance(60_000)
  await sleep(800) // A helper would check twice.
  assert.equal(peer.checks.length, before)
})
