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

for (const { name, elements, numberId, hex } of rows) {
  test(`header extensions: ${name}`, () => {
    const block = new ExtensionBlock(elements, numberId)
    block.number(0x1234)
    assert.equal(block.bytes.toString('hex'), hex.replaceAll(' ', ''))
    const packet = RtpPacket.parse(Buffer.concat([Buffer.from('90e0fffefffffff0deadbeef', 'hex'), block.bytes, Buffer.of(0xff)]))
    assert.equal(packet.payload.toString('hex'), 'ff')
    for (const { id, value } of elements) assert.deepEqual(packet.extension(id), Buffer.from(value))
    if (numberId !== undefined) assert.equal(packet.extension(numberId)?.toString('hex'), '1234')
  })
}

test('a playout delay stays within its 12 bits', () => {
  assert.equal(playoutDelay(0, 0).toString('hex'), '000000')
  assert.equal(playoutDelay(1_000_000, 1_000_000).toString('hex'), 'ffffff')
})
