import assert from 'node:assert/strict'
import test from 'node:test'
import { survives } from '../../test/support/mutate.ts'
import { ProtocolError } from '../lib/errors.ts'
import { parseRed, printRed, type RedBlock } from './red.ts'

const block = (payloadType: number, timestampOffset: number, hex: string): RedBlock => ({ payloadType, timestampOffset, data: Buffer.from(hex, 'hex') })
const bytesOf = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex')

const rows: { name: string, hex: string, blocks: RedBlock[] }[] = [
  { name: 'a primary alone', hex: '6f 0102', blocks: [block(111, 0, '0102')] },
  { name: 'an empty primary', hex: '6f', blocks: [block(111, 0, '')] },
  { name: 'the frame before', hex: 'ef 0f0003 6f aabbcc 0102', blocks: [block(111, 960, 'aabbcc'), block(111, 0, '0102')] },
  { name: 'two frames before', hex: 'ef 1e0001 ef 0f0002 6f aa bbbb cc', blocks: [block(111, 1920, 'aa'), block(111, 960, 'bbbb'), block(111, 0, 'cc')] },
  { name: 'an empty block', hex: 'ef 0f0000 6f cc', blocks: [block(111, 960, ''), block(111, 0, 'cc')] },
  { name: 'the farthest', hex: 'ef fffc01 00 aa bb', blocks: [block(111, 16_383, 'aa'), block(0, 0, 'bb')] }
]
const broken = [
  { name: 'nothing', hex: '' },
  { name: 'a header cut off', hex: 'ef 0f00' },
  { name: 'no primary', hex: 'ef 0f0000' },
  { name: 'a length beyond the end', hex: 'ef 0f0004 6f aabbcc' },
  { name: 'too many blocks', hex: `${'ef 0f0000 '.repeat(16)} 6f` }
]

for (const { name, hex, blocks } of rows) {
  test(`RED: ${name}`, () => {
    assert.deepEqual(parseRed(bytesOf(hex)), blocks)
    const into = Buffer.alloc(64)
    const end = printRed(blocks, into, 3)
    assert.equal(into.subarray(3, end).toString('hex'), hex.replaceAll(' ', ''))
  })
}

for (const { name, hex } of broken) test(`RED refused: ${name}`, () => { assert.throws(() => parseRed(bytesOf(hex)), ProtocolError) })

test('RED that is damaged on the way', () => { survives(parseRed, [...rows, ...broken].map(({ hex }) => bytesOf(hex))) })
