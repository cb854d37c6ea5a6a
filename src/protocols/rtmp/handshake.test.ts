import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import test from 'node:test'
import { mutated, random } from '../../../test/support/mutate.ts'
import { ProtocolError } from '../../lib/errors.ts'
import { ClientHandshake, ServerHandshake } from './handshake.ts'

for (const kind of ['simple', 'digest'] as const) {
  test(`${kind}: both sides finish and give back what follows`, () => {
    const client = new ClientHandshake(kind)
    const server = new ServerHandshake()
    const { send } = server.push(client.hello)
    assert.equal(send?.length, 3073)
    assert.equal(server.kind, kind)
    const goodbye = client.push(Buffer.concat([send, Buffer.from('after')]))
    assert.equal(goodbye.rest?.toString(), 'after')
    assert.equal(server.push(Buffer.concat([goodbye.send!, Buffer.from('chunks')])).rest?.toString(), 'chunks')
  })

  test(`${kind}: one byte at a time`, () => {
    const client = new ClientHandshake(kind)
    const server = new ServerHandshake()
    const answers = [...client.hello].map(byte => server.push(Buffer.from([byte])).send).filter(send => send !== undefined)
    assert.equal(answers.length, 1)
    const goodbyes = [...answers[0]!].map(byte => client.push(Buffer.from([byte])).send).filter(send => send !== undefined)
    assert.equal(goodbyes.length, 1)
    assert.equal([...goodbyes[0]!].filter(byte => server.push(Buffer.from([byte])).rest).length, 1)
  })
}

test('the simple answer repeats what the client sent', () => {
  const hello = Buffer.alloc(1537, 7)
  hello[0] = 3
  hello.writeUInt32BE(0, 5)
  const { send } = new ServerHandshake().push(hello)
  assert.ok(send!.subarray(1537).equals(hello.subarray(1)))
})

/** A C1 made here from the description of the scheme, not by the code under test. */
function digestHello (place: 8 | 772): { hello: Buffer, digest: Buffer } {
  const pick = random(place)
  const c1 = Buffer.from(Array.from({ length: 1536 }, () => pick(256)))
  c1.writeUInt32BE(0x09007c02, 4)
  const at = place + 4 + (c1[place]! + c1[place + 1]! + c1[place + 2]! + c1[place + 3]!) % 728
  const digest = createHmac('sha256', 'Genuine Adobe Flash Player 001').update(Buffer.concat([c1.subarray(0, at), c1.subarray(at + 32)])).digest()
  digest.copy(c1, at)
  return { hello: Buffer.concat([Buffer.from([3]), c1]), digest }
}

for (const place of [8, 772] as const) {
  test(`a digest whose offset stands at byte ${place} is found and answered`, () => {
    const { hello, digest } = digestHello(place)
    const server = new ServerHandshake()
    const { send } = server.push(hello)
    assert.equal(server.kind, 'digest')
    const key = Buffer.concat([Buffer.from('Genuine Adobe Flash Media Server 001'), Buffer.from('f0eec24a8068bee82e00d0d1029e7e576eec5d2d29806fab93b8e636cfeb31ae', 'hex')])
    const secret = createHmac('sha256', key).update(digest).digest()
    const s2 = send!.subarray(1537)
    assert.ok(s2.subarray(1504).equals(createHmac('sha256', secret).update(s2.subarray(0, 1504)).digest()))
  })
}

test('a digest that is wrong is answered as a simple handshake', () => {
  const { hello } = digestHello(8)
  hello[900]! ^= 1
  const server = new ServerHandshake()
  server.push(hello)
  assert.equal(server.kind, 'simple')
})

test('any other version is refused at its first byte', () => {
  for (const version of [0, 2, 4, 6, 8, 0x47, 0xff]) {
    assert.throws(() => new ServerHandshake().push(Buffer.from([version])), { code: 'protocol_error' })
    assert.throws(() => new ClientHandshake().push(Buffer.from([version])), { code: 'protocol_error' })
  }
})

test('damaged handshakes end in ProtocolError or wait for more', () => {
  for (const bytes of mutated([digestHello(8).hello, digestHello(772).hello, new ClientHandshake().hello], { count: 3000 })) {
    try {
      new ServerHandshake().push(bytes)
    } catch (error) {
      assert.ok(error instanceof ProtocolError)
    }
  }
})
