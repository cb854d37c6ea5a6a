import assert from 'node:assert/strict'
import test from 'node:test'
import { survives } from '../../../test/support/mutate.ts'
import { type AmfValue, EcmaArray, parseAmf0, printAmf0 } from './amf0.ts'

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex')
/** Objects are read without a prototype; assert.deepEqual wants it the same on both sides. */
const plain = (value: AmfValue): unknown => JSON.parse(JSON.stringify(value, (_, v) => v === undefined ? 'undefined' : v))

/** `printed: false`: other bytes of ours mean the same. */
const rows: { of: string, bytes: string, value: AmfValue, printed?: false }[] = [
  { of: 'number', bytes: '00 3ff0000000000000', value: 1 },
  { of: 'boolean', bytes: '01 01', value: true },
  { of: 'string', bytes: '02 0007 636f6e6e656374', value: 'connect' },
  { of: 'string beyond ASCII', bytes: '02 0003 e282ac', value: '€' },
  { of: 'long string', bytes: '0c 00000002 6869', value: 'hi', printed: false },
  { of: 'XML document', bytes: '0f 00000002 6869', value: 'hi', printed: false },
  { of: 'null', bytes: '05', value: null },
  { of: 'undefined', bytes: '06', value: undefined },
  { of: 'unsupported', bytes: '0d', value: undefined, printed: false },
  { of: 'date', bytes: '0b 4272a05f20000000 0000', value: new Date(1_280_000_000_000) },
  { of: 'object', bytes: '03 0003 617070 02 0004 6c697665 0000 09', value: { app: 'live' } },
  { of: 'empty object', bytes: '03 0000 09', value: {} },
  { of: 'object with an empty name', bytes: '03 0000 01 00 0000 09', value: { '': false } },
  { of: 'typed object', bytes: '10 0001 58 0001 61 01 01 0000 09', value: { a: true }, printed: false },
  { of: 'ECMA array whose count is wrong', bytes: '08 0000ffff 0001 61 05 0000 09', value: { a: null }, printed: false },
  { of: 'strict array', bytes: '0a 00000002 05 01 00', value: [null, false] },
  { of: 'object in an object', bytes: '03 0001 61 03 0001 62 05 0000 09 0000 09', value: { a: { b: null } } },
  { of: 'object in an array, then a reference to it', bytes: '0a 00000002 03 0001 61 05 0000 09 07 0001', value: [{ a: null }, { a: null }], printed: false },
  { of: 'a property named __proto__', bytes: '03 0009 5f5f70726f746f5f5f 01 01 0000 09', value: JSON.parse('{"__proto__":true}') }
]

for (const { of, bytes, value, printed } of rows) {
  test(`AMF 0: ${of}`, () => {
    assert.deepEqual(plain(parseAmf0(hex(bytes))), plain([value]))
    if (printed !== false) assert.equal(printAmf0([value]).toString('hex'), hex(bytes).toString('hex'))
    assert.deepEqual(plain(parseAmf0(printAmf0([value]))), plain([value]))
  })
}

test('several values follow each other, and an object may be printed as an ECMA array', () => {
  const bytes = printAmf0(['onMetaData', new EcmaArray({ width: 1280 })])
  assert.equal(bytes.toString('hex'), hex('02 000a 6f6e4d65746144617461 08 00000001 0005 7769647468 00 4094000000000000 0000 09').toString('hex'))
  assert.deepEqual(plain(parseAmf0(bytes)), ['onMetaData', { width: 1280 }])
})

test('a string too long to print short is printed long', () => {
  assert.equal(printAmf0(['x'.repeat(70_000)])[0], 0x0c)
})

const bombs: [string, Buffer][] = [
  ['10,000 deep', hex('03 0001 61'.repeat(10_000))],
  ['17 deep', hex('03 0001 61'.repeat(17) + '05' + '0000 09'.repeat(17))],
  ['an array of four billion', hex('0a ffffffff')],
  ['1,001 properties', hex('03' + '0001 61 05'.repeat(1001) + '0000 09')],
  ['a string of four billion bytes', hex('0c ffffffff')],
  ['a string of 4,097 bytes', hex('02 1001' + '61'.repeat(4097))],
  ['a reference to nothing', hex('07 0000')],
  ['an AMF 3 value', hex('11 01')],
  ['a movie clip', hex('04')],
  ['an end without an object', hex('09')],
  ['nothing after the marker', hex('00')],
  ['an object without its end', hex('03 0001 61 05')]
]

for (const [of, bytes] of bombs) test(`AMF 0 refuses ${of}`, () => assert.throws(() => parseAmf0(bytes), { code: 'protocol_error' }))

test('16 deep is still read', () => {
  assert.equal(parseAmf0(hex('03 0001 61'.repeat(16) + '05' + '0000 09'.repeat(16))).length, 1)
})

test('damaged bytes end in ProtocolError or in values', () => survives(parseAmf0, rows.map(row => hex(row.bytes))))
