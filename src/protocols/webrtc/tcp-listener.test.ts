import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { networkInterfaces } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'node:test'
import { ManualClock } from '../../../test/support/manual-clock.ts'
import { until } from '../../../test/support/until.ts'
import { systemClock } from '../../lib/clock.ts'
import { silentLogger } from '../../lib/log.ts'
import { sendOn } from './path.ts'
import { parseBinding, printBinding, TRANSACTION_BYTES } from './stun.ts'
import { FrameReader, printFrame } from './tcp-frames.ts'
import { TcpLink } from './tcp-link.ts'
import { TransportHub } from './transport-hub.ts'

const remote = { ufrag: 'peer', pwd: 'a-password-of-22-letters', setup: 'actpass', fingerprint: { algorithm: 'sha-256', value: Array.from({ length: 32 }, () => 'AB').join(':') } } as const

/** A TCP client that keeps the frames it gets. */
class Client implements Disposable {
  readonly frames: Buffer[] = []
  readonly socket: Socket
  ended = false

  constructor (port: number, host = '127.0.0.1') {
    const reader = new FrameReader(frame => this.frames.push(Buffer.from(frame)))
    this.socket = connect(port, host)
    this.socket.on('data', chunk => reader.push(chunk as Buffer))
    this.socket.on('error', () => {}).on('close', () => { this.ended = true })
  }

  send (...packets: Buffer[]): void { this.socket.write(Buffer.concat(packets.map(printFrame))) }
  [Symbol.dispose] (): void { this.socket.destroy() }
}

const check = (username: string, pwd: string): Buffer =>
  printBinding({ kind: 'request', transaction: randomBytes(TRANSACTION_BYTES), username, priority: 1, controlling: 1n }, pwd)

async function open (bindAddress: string, clock = systemClock) {
  const hub = await TransportHub.open({ port: 0, bindAddress })
  await hub.openTcp({ port: 0, log: silentLogger, clock })
  const port = hub.tcpPort!
  const transport = hub.accept(remote, '127.0.0.1')
  return { hub, port, transport, [Symbol.asyncDispose]: () => hub[Symbol.asyncDispose]() }
}

const skipV6 = Object.values(networkInterfaces()).flat().some(address => address?.address === '::1') ? false : 'this machine has no IPv6'
const outside = Object.values(networkInterfaces()).flat().find(address => address && !address.internal && address.family === 'IPv4')?.address

for (const [bindAddress, host] of [['127.0.0.1', '127.0.0.1'], ['0.0.0.0', '127.0.0.1'], ['::1', '::1'], ['::', '::1'], ...outside === undefined ? [] : [[outside, outside] as const]] as const) {
  test(`a check over TCP is answered over TCP, with the media port on ${bindAddress}`, { skip: host === '::1' && skipV6 }, async () => {
    await using edge = await open(bindAddress)
    const { ufrag, pwd } = edge.transport.local
    using client = new Client(edge.port, host)
    client.send(check(`${ufrag}:peer`, pwd), check(`${ufrag}:peer`, pwd))
    await until('two answers', () => client.frames.filter(frame => parseBinding(frame).kind === 'success').length === 2)
    assert.equal(client.ended, false)
  })
}

test('answers name the TCP port too, below every UDP candidate', async () => {
  await using edge = await open('127.0.0.1')
  const candidates = edge.transport.candidates
  assert.deepEqual(candidates.map(({ protocol, address, port, tcpType }) => [protocol, address, port, tcpType]),
    [['udp', '127.0.0.1', edge.hub.port, undefined], ['tcp', '127.0.0.1', edge.port, 'passive']])
  assert.ok(candidates[1]!.priority < candidates[0]!.priority)
})

const strangers: [string, (ufrag: string, pwd: string) => Buffer][] = [
  ['no STUN', () => printFrame(Buffer.alloc(40, 0x80))],
  ['a check for nobody', (_ufrag, pwd) => printFrame(check('nobody:peer', pwd))],
  ['a check without a name', (_ufrag, pwd) => printFrame(printBinding({ kind: 'request', transaction: randomBytes(TRANSACTION_BYTES) }, pwd))],
  ['an answer nobody asked for', (ufrag, pwd) => printFrame(printBinding({ kind: 'success', transaction: randomBytes(TRANSACTION_BYTES), username: `${ufrag}:peer` }, pwd))],
  ['STUN that is broken', ufrag => printFrame(Buffer.concat([Buffer.from('000100082112a442', 'hex'), randomBytes(TRANSACTION_BYTES), Buffer.from('00060009', 'hex'), Buffer.from(ufrag)]))],
  ['a frame beyond the limit', () => Buffer.from('ffff', 'hex')],
  ['HTTP', () => Buffer.from('GET / HTTP/1.1\r\n\r\n')]
]

for (const [what, bytes] of strangers) {
  test(`closed at once: ${what}`, async () => {
    await using edge = await open('127.0.0.1')
    using client = new Client(edge.port)
    client.socket.write(bytes(edge.transport.local.ufrag, edge.transport.local.pwd))
    await until('the end', () => client.ended)
    assert.equal(client.frames.length, 0)
  })
}

test('whoever shows nothing is closed, and whoever has the name but not the password gets no answer', async () => {
  const clock = new ManualClock()
  await using edge = await open('127.0.0.1', clock)
  using silent = new Client(edge.port)
  using guesser = new Client(edge.port)
  guesser.send(check(`${edge.transport.local.ufrag}:peer`, 'not the password at all'))
  await Promise.all([once(silent.socket, 'connect'), sleep(300)])
  clock.advance(6_000)
  await until('the silent one is closed', () => silent.ended)
  assert.ok(guesser.frames.every(frame => parseBinding(frame).kind === 'error'))
})

test('one address has a bounded number of connections', async () => {
  await using edge = await open('127.0.0.1')
  const clients = Array.from({ length: 140 }, () => new Client(edge.port))
  try {
    await until('twelve are turned away', () => clients.filter(({ ended }) => ended).length === 12)
  } finally {
    for (const client of clients) client[Symbol.dispose]()
  }
})

/** A link, and what it brings to whoever sorts. */
async function link () {
  await using stack = new AsyncDisposableStack()
  const server = createServer().listen(0, '127.0.0.1')
  stack.defer(() => { server.close() })
  await once(server, 'listening')
  const client = stack.use(new Client((server.address() as { port: number }).port))
  const [socket] = await once(server, 'connection') as [Socket]
  const said: string[] = []
  const arrived: Buffer[] = []
  const gone: string[] = []
  const sorter = { knows: (name: string) => name === 'us', take: (bytes: Buffer) => { arrived.push(Buffer.from(bytes)) }, pause () {}, gone: (key: string) => { gone.push(key) } }
  const path = stack.use(new TcpLink(socket, { sorter, clock: systemClock, complain: what => said.push(what), onClosed () {} }))
  client.send(check('us:peer', 'x'))
  await until('the check arrives', () => arrived.length === 1)
  const owned = stack.move()
  return { client, socket, said, arrived, gone, path, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

test('packets go both ways, each whole, and the end is told', async () => {
  await using both = await link()
  const packets = Array.from({ length: 50 }, (_, i) => Buffer.alloc(1 + i * 29, i))
  for (const packet of packets) sendOn(both.path, packet)
  both.client.send(...packets)
  await until('all of them', () => both.client.frames.length === 50 && both.arrived.length === 51)
  assert.deepEqual(both.client.frames, packets)
  assert.deepEqual(both.arrived.slice(1), packets)
  both.client.socket.destroy()
  await until('the end', () => both.gone.length === 1)
  assert.deepEqual(both.gone, [both.path.key])
  sendOn(both.path, packets[0]!)
})

test('a client that takes nothing loses media, and costs a bounded amount of memory', async () => {
  await using both = await link()
  both.client.socket.pause()
  const packet = Buffer.alloc(1200)
  let most = 0
  await until('something is dropped', async () => {
    for (let i = 0; i < 200; i++) sendOn(both.path, packet)
    await sleep(1)
    most = Math.max(most, both.socket.writableLength)
    return both.said.length > 0
  }, 60_000)
  assert.ok(most <= 129 * 1024, `${most} bytes waited`)
  both.client.socket.resume()
  both.client.send(Buffer.from('still here'))
  await until('the other way goes on', () => both.arrived.some(message => message.toString() === 'still here'))
})
