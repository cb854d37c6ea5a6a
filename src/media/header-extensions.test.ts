import assert from 'node:assert/strict'
import test from 'node:test'
import { ExtensionBlock, playoutDelay } from './header-extensions.ts'
import { RtpPacket } from './rtp-packet.ts'

const rows = [
  { name: 'a number', elements: [], numberId: 5, hex: 'bede 0001 51 1234 00' },
  { name: 'a number and a delay', elements: [{ id: 2, value: playoutDelay(80, 10_000) }], numberId: 3, hex: 'bede 0002 31 1234 22 0083e8 00' },
  { name: 'no number', elements: [{ id: 14, value: Buffer.of(0xaa) }], numberId: undefined, hex: 'bede 0001 e0aa 0000' },
  { name: 'an id only the two-byte form has', elements: [{ id: 1, value: Buffer.of(0xaa) }], numberId: 15, hex: '1000 0002 0f02 1234 0101 aa 00' },
  { name: 'a value only the two-byte form has', elements: [{ id: 1, value: new Uint8Array(0) }], numberId: undefined, hex: '1000 0001 0100 0000' }
]

const header = Buffer.from('90e0fffefffffff0deadbeef', 'hex')

/** As in a packet that had other content before: what is not printed shows. */
function printed (block: ExtensionBlock, descriptor?: Buffer, frameNumber?: number): Buffer {
  const bytes = Buffer.alloc(block.sizeWith(descriptor) + 8, 0xee)
  block.print(bytes, 4, descriptor, frameNumber)
  block.number(bytes, 4, 0x1234)
  assert.equal(bytes.readUInt32BE(bytes.length - 4), 0xeeeeeeee, 'nothing behind it is touched')
  return bytes.subarray(4, -4)
}

for (const { name, elements, numberId, hex } of rows) {
  test(`header extensions: ${name}`, () => {
    const block = new ExtensionBlock(elements, { numberId })
    const bytes = printed(block)
    assert.equal(bytes.toString('hex'), hex.replaceAll(' ', ''))
    const packet = RtpPacket.parse(Buffer.concat([header, bytes, Buffer.of(0xff)]))
    assert.equal(packet.payload.toString('hex'), 'ff')
    for (const { id, value } of elements) assert.deepEqual(packet.extension(id), Buffer.from(value))
    if (numberId !== undefined) assert.equal(packet.extension(numberId)?.toString('hex'), '1234')
  })
}

test('header extensions: a descriptor of its own for each packet, its frame numbered anew', () => {
  const block = new ExtensionBlock([{ id: 2, value: playoutDelay(80, 10_000) }], { numberId: 3, descriptorId: 12 })
  const rows = [
    { descriptor: undefined, hex: '1000 0003 0302 1234 0203 0083e8 000000' },
    { descriptor: 'c20005', hex: '1000 0004 0302 1234 0203 0083e8 0c03 c2abcd 00' },
    { descriptor: '82000512345678', hex: '1000 0005 0302 1234 0203 0083e8 0c07 82abcd12345678' }
  ]
  for (const { descriptor, hex } of rows.map(row => ({ ...row, descriptor: row.descriptor === undefined ? undefined : Buffer.from(row.descriptor, 'hex') }))) {
    const bytes = printed(block, descriptor, 0xabcd)
    assert.equal(bytes.toString('hex'), hex.replaceAll(' ', '').padEnd(bytes.length * 2, '0'))
    assert.equal(RtpPacket.parse(Buffer.concat([header, bytes])).extension(12)?.length, descriptor?.length)
  }
  const without = new ExtensionBlock([], { numberId: 3 })
  assert.equal(printed(without, Buffer.from('c20005', 'hex')).toString('hex'), 'bede00013112340 0'.replace(' ', ''), 'nobody agreed to it')
})

test('a playout delay stays within its 12 bits', () => {
  assert.equal(playoutDelay(0, 0).toString('hex'), '000000')
  assert.equal(playoutDelay(1_000_000, 1_000_000).toString('hex'), 'ffffff')
})
