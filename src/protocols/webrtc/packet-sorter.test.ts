import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import test from 'node:test'
import { ManualClock } from '../../../test/support/manual-clock.ts'
import { mutated } from '../../../test/support/mutate.ts'
import { DtlsContext } from './dtls/context.ts'
import { PacketSorter } from './packet-sorter.ts'
import type { Path } from './path.ts'
import { parseBinding, printBinding, TRANSACTION_BYTES } from './stun.ts'
import { Transport } from './transport.ts'

const fingerprint = { algorithm: 'sha-256', value: Array.from({ length: 32 }, () => 'AB').join(':') }
const remote = { ufrag: 'peer', pwd: 'the-password-of-the-peer', fingerprint, setup: 'passive' } as const

/** A port without a network: what is sent is kept by the key of who it goes to. */
function port () {
  const clock = new ManualClock()
  const sorter = new PacketSorter(clock)
  const dtls = new DtlsContext()
  const sent: { key: string, bytes: Buffer }[] = []
  const pathTo = (key: string): Path => {
    const memory = Buffer.alloc(2048)
    return { key, protocol: 'udp', address: '192.0.2.1', port: Number(key), memory, reserve: () => 0, commit: length => sent.push({ key, bytes: Buffer.from(memory.subarray(0, length)) }) }
  }
  const take = (bytes: Buffer, key: string): void => sorter.take(bytes, key, () => pathTo(key))
  const open = (): Transport => new Transport({ remote, candidates: [], dtls, registry: sorter, clock })
  const check = (transport: Transport, nominates = true): Buffer => {
    const { ufrag, pwd } = transport.local
    return printBinding({ kind: 'request', transaction: randomBytes(TRANSACTION_BYTES), username: `${ufrag}:peer`, priority: 1, controlling: 1n, ...nominates ? { useCandidate: true } : {} }, pwd)
  }
  const answers = (key: string): number => sent.filter(one => one.key === key && one.bytes[0] === 1 && parseBinding(one.bytes).kind === 'success').length
  const hellos = (key: string): number => sent.filter(one => one.key === key && one.bytes[0] === 22).length
  return { clock, sorter, take, open, check, answers, hellos, sent, [Symbol.dispose]: () => { dtls[Symbol.dispose]() } }
}

test('checks are sorted by name, and DTLS begins where the nominated path leads', async () => {
  using it = port()
  await using one = it.open()
  await using two = it.open()
  it.take(it.check(one), '1')
  it.take(it.check(two), '2')
  assert.deepEqual([it.answers('1'), it.answers('2'), it.hellos('1'), it.hellos('2')], [1, 1, 1, 1])
})

test('of an address where nobody was heard by a signed check, nothing else counts', async () => {
  using it = port()
  await using transport = it.open()
  const flights: Buffer[] = []
  transport.takeDtls = bytes => { flights.push(bytes) }
  it.take(Buffer.of(22, 254, 253, 0), '1')
  it.take(it.check(transport, false), '1')
  it.take(Buffer.of(22, 254, 253, 0), '1')
  it.take(Buffer.of(22, 254, 253, 0), '2')
  assert.equal(flights.length, 1)
})

test('who was given media is told when there is no more of it, once, and nobody else', async () => {
  using it = port()
  await using one = it.open()
  await using two = it.open()
  const log: string[] = []
  for (const [name, transport] of [['one', one], ['two', two]] as const) {
    transport.takeMedia = () => { log.push(name) }
    transport.onPause = () => { log.push(`${name} paused`) }
  }
  it.take(it.check(one), '1')
  it.take(it.check(two), '2')
  it.sorter.pause()
  assert.deepEqual(log, [])
  for (let i = 0; i < 2; i++) it.take(Buffer.of(128, 96, 0, i), '1')
  for (let i = 0; i < 2; i++) it.sorter.pause()
  assert.deepEqual(log, ['one', 'one', 'one paused'])
})

test('an address is somebody else’s once its peer is silent there, and no sooner', async () => {
  using it = port()
  await using old = it.open()
  await using young = it.open()
  it.take(it.check(old), '1')
  it.take(it.check(young), '1')
  assert.equal(it.answers('1'), 1, 'it is taken')
  it.clock.advance(2_000)
  it.take(it.check(young), '1')
  assert.equal(it.answers('1'), 2)
  assert.equal(it.hellos('1'), 2, 'the newcomer is connected to')
  const flights: string[] = []
  old.takeDtls = () => { flights.push('old') }
  young.takeDtls = () => { flights.push('young') }
  it.take(Buffer.of(22, 254, 253, 0), '1')
  assert.deepEqual(flights, ['young'])
})

test('who has ended, and what a path brought that is gone, is nobody’s', async () => {
  using it = port()
  const transport = it.open()
  const hello = it.check(transport)
  it.take(hello, '1')
  it.sorter.gone('1')
  const flights: Buffer[] = []
  transport.takeDtls = bytes => { flights.push(bytes) }
  it.take(Buffer.of(22, 254, 253, 0), '1')
  assert.equal(flights.length, 0)
  assert.ok(it.sorter.knows(transport.local.ufrag))
  await transport.close()
  assert.equal(it.sorter.knows(transport.local.ufrag), false)
  it.take(hello, '1')
  assert.equal(it.answers('1'), 1)
})

test('whatever is sent to the port, nobody moves, connects or ends', async () => {
  using it = port()
  await using transport = it.open()
  it.take(it.check(transport), '1')
  const selected = transport.ice.selected
  for (const bytes of mutated([it.check(transport), it.sent[0]!.bytes, it.sent[1]!.bytes, randomBytes(200)], { count: 5000, seed: 11 })) it.take(bytes, '9')
  assert.deepEqual([transport.state, transport.ice.selected === selected], ['connecting', true])
})
