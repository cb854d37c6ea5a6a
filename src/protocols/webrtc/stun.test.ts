import assert from 'node:assert/strict'
import test from 'node:test'
import { survives } from '../../../test/support/mutate.ts'
import { ProtocolError } from '../../lib/errors.ts'
import { isSigned, isStun, parseBinding, printBinding, type StunBinding } from './stun.ts'

const bytesOf = (hex: string): Buffer => Buffer.from(hex.replaceAll(/\s/g, ''), 'hex')
const transaction = bytesOf('b7e7a701 bc34d686 fa87dfae')
const password = 'VOkJxbRl1RmTxUk/WvJxBt'

/** RFC 5769 sections 2.1 to 2.3: with an attribute of software, and padded with spaces, which we do not print. */
const samples: { name: string, hex: string, message: StunBinding }[] = [
  { name: 'the sample request', message: { kind: 'request', transaction, username: 'evtj:h6vY', priority: 0x6e0001ff, controlled: 0x932ff9b151263b36n },
    hex: `00010058 2112a442 b7e7a701 bc34d686 fa87dfae 80220010 5354554e 20746573 7420636c 69656e74 00240004 6e0001ff
      80290008 932ff9b1 51263b36 00060009 6576746a 3a683676 59202020 00080014 9aeaa70c bfd8cb56 781ef2b5 b2d3f249 c1b571a2 80280004 e57a3bcf` },
  { name: 'the sample answer over IPv4', message: { kind: 'success', transaction, mapped: { address: '192.0.2.1', port: 32853 } },
    hex: `0101003c 2112a442 b7e7a701 bc34d686 fa87dfae 8022000b 74657374 20766563 746f7220 00200008 0001a147 e112a643
      00080014 2b91f599 fd9e90c3 8c7489f9 2af9ba53 f06be7d7 80280004 c07d4c96` },
  { name: 'the sample answer over IPv6', message: { kind: 'success', transaction, mapped: { address: '2001:0db8:1234:5678:0011:2233:4455:6677', port: 32853 } },
    hex: `01010048 2112a442 b7e7a701 bc34d686 fa87dfae 8022000b 74657374 20766563 746f7220 00200014 0002a147 0113a9fa a5d3f179 bc25f4b5 bed2b9d9
      00080014 a382954e 4be67bf1 1784c97c 8292c275 bfe3ed41 80280004 c8fb0b4c` }
]

for (const { name, hex, message } of samples) {
  test(`STUN: ${name}`, () => {
    const bytes = bytesOf(hex)
    assert.ok(isStun(bytes))
    assert.deepEqual(parseBinding(bytes), message)
    assert.ok(isSigned(bytes, password))
    assert.ok(!isSigned(bytes, `${password}x`))
  })
}

/** Our own, byte for byte. */
const printed: { hex: string, message: StunBinding }[] = [
  { message: { kind: 'request', transaction, username: 'ab:cde', priority: 7, controlling: 1n, useCandidate: true },
    hex: `00010044 2112a442 b7e7a701 bc34d686 fa87dfae 00060006 61623a63 64650000 00240004 00000007 00250000 802a0008 00000000 00000001` },
  { message: { kind: 'success', transaction, mapped: { address: '2001:db8::1', port: 1 } }, hex: '01010038 2112a442 b7e7a701 bc34d686 fa87dfae 00200014 00022113 0113a9fa b7e7a701 bc34d686 fa87dfaf' },
  { message: { kind: 'error', transaction, errorCode: 487 }, hex: '01110028 2112a442 b7e7a701 bc34d686 fa87dfae 00090004 00000457' }
]

for (const { hex, message } of printed) {
  test(`STUN: printing ${message.kind}`, () => {
    const bytes = printBinding(message, password)
    assert.equal(bytes.subarray(0, -32).toString('hex'), bytesOf(hex).toString('hex'))
    assert.ok(isSigned(bytes, password))
    const { mapped, ...rest } = parseBinding(bytes)
    assert.deepEqual(rest, Object.fromEntries(Object.entries(message).filter(([name]) => name !== 'mapped')))
    assert.equal(mapped?.port, message.mapped?.port)
  })
}

const refused: [string, string][] = [
  ['a length that is not the datagram’s', '00010004 2112a442 b7e7a701 bc34d686 fa87dfae'], ['another method', '00030000 2112a442 b7e7a701 bc34d686 fa87dfae'],
  ['an attribute longer than the message', '00010004 2112a442 b7e7a701 bc34d686 fa87dfae 00060005'], ['a priority of two bytes', '00010008 2112a442 b7e7a701 bc34d686 fa87dfae 00240002 00010000'],
  ['no cookie', '00010000 2112a443 b7e7a701 bc34d686 fa87dfae']
]
for (const [name, hex] of refused) test(`STUN refused: ${name}`, () => assert.throws(() => parseBinding(bytesOf(hex)), ProtocolError))

test('what is said after the signature is not believed', () => {
  const signed = printBinding({ kind: 'request', transaction, username: 'a:b' }, password)
  const forged = Buffer.concat([signed.subarray(0, -8), bytesOf('00250000')])
  forged.writeUInt16BE(forged.length - 20, 2)
  assert.equal(parseBinding(forged).useCandidate, undefined)
})

test('damaged STUN breaks nothing, and is never taken for signed', () => {
  const seeds = [...samples, ...printed].map(({ hex }) => bytesOf(hex))
  survives(bytes => { parseBinding(bytes); if (!seeds.some(seed => seed.equals(bytes))) isSigned(bytes, password) }, seeds)
})
