import assert from 'node:assert/strict'
import test from 'node:test'
import { survives } from '../../../test/support/mutate.ts'
import { parseVp9Descriptor, startsVp9KeyPicture, type Vp9Descriptor } from './vp9-descriptor.ts'

const plain: Omit<Vp9Descriptor, 'length'> = {
  pictureId: undefined, interPicture: false, startsFrame: false, endsFrame: false, temporalId: 0, spatialId: 0, switchesUp: false, interLayer: false, structure: undefined
}
type Row = { name: string, hex: string, is: Partial<Vp9Descriptor> & { length: number }, begins?: true }

/** The first bytes of payloads. Of those that name a browser, what Chromium 153 sent. */
const rows: readonly Row[] = [
  { name: 'a key picture with nothing else', hex: '0c 82', is: { startsFrame: true, endsFrame: true, length: 1 }, begins: true },
  { name: 'a short picture id', hex: '88 11 82', is: { startsFrame: true, pictureId: 17, length: 2 }, begins: true },
  { name: 'a long picture id, inside a frame', hex: '80 d844 82', is: { pictureId: 0x5844, length: 3 } },
  { name: 'layers, not flexible: TL0PICIDX', hex: 'a8 11 52 07 82', is: { startsFrame: true, pictureId: 17, temporalId: 2, switchesUp: true, spatialId: 1, length: 4 } },
  { name: 'flexible, three references', hex: '54 0305 0a 82', is: { interPicture: true, endsFrame: true, length: 4 } },
  { name: 'a structure with sizes', hex: '0a 30 0140 00b4 0280 0168 82', is: { startsFrame: true, structure: { spatialLayers: 2, sizes: [{ width: 320, height: 180 }, { width: 640, height: 360 }], highestTemporalId: undefined }, length: 10 }, begins: true },
  { name: 'a structure with a group of pictures', hex: '0a 08 03 04 01 54 02 30 82', is: { startsFrame: true, structure: { spatialLayers: 1, sizes: [], highestTemporalId: 2 }, length: 8 }, begins: true },
  { name: 'Chromium, L3T3_KEY: key picture, lowest layer', hex: 'ba 9d48 10 30 0140 00b4 0280 0168 834983', is: { pictureId: 7496, startsFrame: true, switchesUp: true, structure: { spatialLayers: 2, sizes: [{ width: 320, height: 180 }, { width: 640, height: 360 }], highestTemporalId: undefined }, length: 13 }, begins: true },
  { name: 'Chromium, L3T3_KEY: key picture, next layer', hex: 'b8 9d48 13 870202', is: { pictureId: 7496, startsFrame: true, switchesUp: true, spatialId: 1, interLayer: true, length: 4 } },
  { name: 'Chromium, L3T3_KEY: another picture, second layer, within which alone it is predicted', hex: 'fd 9d4b 52 06 870020', is: { pictureId: 7499, interPicture: true, startsFrame: true, endsFrame: true, temporalId: 2, switchesUp: true, spatialId: 1, length: 5 } },
  { name: 'Chromium, L1T3: key picture', hex: 'bb 85d8 10 10 0280 0168 834983', is: { pictureId: 1496, startsFrame: true, switchesUp: true, structure: { spatialLayers: 1, sizes: [{ width: 640, height: 360 }], highestTemporalId: undefined }, length: 9 }, begins: true }
]
const bytesOf = ({ hex }: Pick<Row, 'hex'>): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex')

for (const row of rows) {
  test(`VP9 payload descriptor: ${row.name}`, () => {
    assert.deepEqual(parseVp9Descriptor(bytesOf(row)), { ...plain, ...row.is })
    assert.equal(startsVp9KeyPicture(bytesOf(row)), row.begins === true)
  })
}

test('a descriptor that is cut off is refused, wherever', () => {
  for (const row of rows) {
    for (let length = 0; length < row.is.length; length++) assert.throws(() => parseVp9Descriptor(bytesOf(row).subarray(0, length)), { code: 'protocol_error' }, `${row.name}: ${length} bytes`)
  }
  assert.equal(startsVp9KeyPicture(Buffer.alloc(0)), false)
  assert.equal(startsVp9KeyPicture(Buffer.of(0xa8)), false)
})

test('a picture refers to three others at most', () => assert.throws(() => parseVp9Descriptor(Buffer.from('540305070a82', 'hex')), { code: 'protocol_error' }))

test('damaged descriptors never break the parser', () => {
  survives(bytes => { startsVp9KeyPicture(bytes); return parseVp9Descriptor(bytes) }, rows.map(bytesOf))
})
