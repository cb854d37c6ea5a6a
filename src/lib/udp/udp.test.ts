import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { networkInterfaces } from 'node:os'
import test from 'node:test'
import { until } from '../../../test/support/until.ts'
import { openUdp } from './open.ts'
import { PlainSocket } from './plain-socket.ts'
import { remoteAt, remoteFrom } from './remote.ts'
import { SLOT_BYTES, type UdpOptions, type UdpSocket } from './socket.ts'

const hasV6 = Object.values(networkInterfaces()).flat().some(address => address?.address === '::1')

/** Somebody else's socket, with what came to it. */
async function listener (address: string) {
  const socket = createSocket({ type: address.includes(':') ? 'udp6' : 'udp4', recvBufferSize: 2 ** 20 })
  const came: Buffer[] = []
  socket.on('message', bytes => came.push(bytes))
  socket.bind(0, address)
  await once(socket, 'listening')
  return { socket, came, port: socket.address().port, [Symbol.dispose]: () => { socket.close() } }
}

function send (socket: UdpSocket, to: ReturnType<UdpSocket['remote']>, bytes: Buffer): void {
  bytes.copy(socket.memory, socket.reserve())
  socket.commit(to, bytes.length)
}

const ways: [string, (options: UdpOptions) => Promise<UdpSocket>][] = [['batched', openUdp], ['plain', options => PlainSocket.open(options)]]
const places = [['127.0.0.1', '127.0.0.1'], [undefined, '127.0.0.1'], ...hasV6 ? [['::1', '::1'], [undefined, '::1']] as const : []] as const

for (const [way, open] of ways) {
  for (const [address, host] of places) {
    test(`${way}, bound to ${address ?? 'all addresses'}: datagrams go to ${host} and back`, async () => {
      const came: { text: string, from: string, port: number }[] = []
      await using socket = await open({ port: 0, address, take: (bytes, key) => { const { address: from, port } = remoteFrom(key); came.push({ text: bytes.toString(), from, port }) } })
      using peer = await listener(host)
      send(socket, socket.remote(host, peer.port), Buffer.from('hello'))
      await until('the greeting', () => peer.came.length === 1)
      peer.socket.send('hello yourself', socket.port, host)
      await until('the answer', () => came.length === 1)
      assert.equal(String(peer.came[0]), 'hello')
      assert.deepEqual(came, [{ text: 'hello yourself', from: host, port: peer.port }])
    })
  }

  test(`${way}: each peer gets its datagrams, whole and in order, of whatever sizes`, async () => {
    await using socket = await open({ port: 0, address: '127.0.0.1', take: () => {} })
    using one = await listener('127.0.0.1')
    using two = await listener('127.0.0.1')
    const [first, second] = [one, two].map(({ port }) => socket.remote('127.0.0.1', port)) as [ReturnType<UdpSocket['remote']>, ReturnType<UdpSocket['remote']>]
    const sizes = Array.from({ length: 300 }, (_, i) => [1200, 1200, 1200, 700, 1200, 1, 1500, 1500, SLOT_BYTES, 100][i % 10]!)
    const datagram = (size: number, i: number): Buffer => Buffer.alloc(size, i & 0xff)
    for (const [i, size] of sizes.entries()) {
      send(socket, first, datagram(size, i))
      if (i % 3 === 0) send(socket, second, datagram(size, i))
      if (i % 100 === 99) await until('what was sent', () => one.came.length === i + 1)
    }
    await until('everything', () => one.came.length === 300 && two.came.length === 100)
    assert.deepEqual(one.came.map(bytes => [bytes.length, bytes[0]]), sizes.map((size, i) => [size, i & 0xff]))
    assert.ok(one.came.every(bytes => bytes.every(byte => byte === bytes[0])))
    assert.deepEqual(two.came.map(bytes => bytes[0]), sizes.map((_, i) => i & 0xff).filter((_, i) => i % 3 === 0))
    assert.equal(socket.dropped, 0)
  })

  test(`${way}: after datagrams that came together it is said that there are no more`, async () => {
    const log: string[] = []
    await using socket = await open({ port: 0, address: '127.0.0.1', take: bytes => { log.push(bytes.toString()) }, pause: () => { log.push('pause') } })
    using peer = await listener('127.0.0.1')
    for (let i = 0; i < 50; i++) peer.socket.send(`${i}`, socket.port, '127.0.0.1')
    await until('all of them', () => log.filter(what => what !== 'pause').length === 50 && log.at(-1) === 'pause')
    assert.ok(log[0] !== 'pause' && log.every((what, i) => what !== 'pause' || log[i - 1] !== 'pause'), log.join())
  })

  test(`${way}: a peer that cannot be sent to costs nobody else a datagram`, async () => {
    await using socket = await open({ port: 0, address: '127.0.0.1', take: () => {} })
    using peer = await listener('127.0.0.1')
    const [reachable, unreachable] = [socket.remote('127.0.0.1', peer.port), socket.remote('203.0.113.1', 9)] // From loopback nothing leaves the machine.
    for (let i = 0; i < 10; i++) for (const to of [unreachable, reachable, unreachable, unreachable]) send(socket, to, Buffer.from(`number ${i}`))
    await until('all of the other’s', () => peer.came.length === 10)
    assert.deepEqual(peer.came.map(String), Array.from({ length: 10 }, (_, i) => `number ${i}`))
    await until('the rest to be counted', () => socket.dropped === 30)
  })

  test(`${way}: a port in use is the system’s error, and a closed one is free again`, async () => {
    const socket = await open({ port: 0, address: '127.0.0.1', take: () => {} })
    const { port } = socket
    await assert.rejects(async () => open({ port, address: '127.0.0.1', take: () => {} }), { code: 'EADDRINUSE', syscall: 'bind' })
    await socket[Symbol.asyncDispose]()
    await using again = await open({ port, address: '127.0.0.1', take: () => {} })
    assert.equal(again.port, port)
  })
}

test('what is committed after closing goes nowhere, and harms nobody', async () => {
  const socket = await openUdp({ port: 0, address: '127.0.0.1', take: () => {} })
  using peer = await listener('127.0.0.1')
  const to = socket.remote('127.0.0.1', peer.port)
  await socket[Symbol.asyncDispose]()
  for (let i = 0; i < 300; i++) send(socket, to, Buffer.from('after the end'))
  socket.flush()
  await socket[Symbol.asyncDispose]()
  await using another = await openUdp({ port: 0, address: '127.0.0.1', take: () => {} })
  send(another, another.remote('127.0.0.1', peer.port), Buffer.from('another'))
  await until('the other one’s', () => peer.came.length > 0)
  assert.deepEqual(peer.came.map(String), ['another'])
})

test('what was committed before closing leaves', async () => {
  const socket = await openUdp({ port: 0, address: '127.0.0.1', take: () => {} })
  using peer = await listener('127.0.0.1')
  send(socket, socket.remote('127.0.0.1', peer.port), Buffer.from('goodbye'))
  await socket[Symbol.asyncDispose]()
  await until('the goodbye', () => peer.came.length === 1)
})

const addresses = ['1.2.3.4', '::1', '::', '2001:db8::7', 'fe80::1:0:0:2', '1:2:3:4:5:6:7:8', '1:0:0:2::3'] as const
for (const address of addresses) {
  test(`${address} is what it was after the system had it`, () => {
    const { address: read, port } = remoteFrom(remoteAt(address, 10_000, 6).key)
    assert.deepEqual([read, port], [address, 10_000])
  })
}

for (const [address, port, family] of [['localhost', 1, 4], ['::1', 1, 4], ['1.2.3', 1, 6], ['1.2.3.4', -1, 4], ['1.2.3.4', 70_000, 4]] as const) {
  test(`${address} port ${port} is refused for IPv${family}`, () => assert.throws(() => remoteAt(address, port, family), RangeError))
}
