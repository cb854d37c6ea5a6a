import assert from 'node:assert/strict'
import test from 'node:test'
import { survives } from '../../test/support/mutate.ts'
import { type AacConfig, parseAacConfig, printAacConfig } from './aac.ts'

const plain = { objectType: 2, frameLength: 1024, sbrRate: undefined, parametricStereo: false }

/** `printed`: what we print for it, where that differs from what was read. */
const rows: { of: string, bytes: string, expect: AacConfig, printed?: string }[] = [
  { of: 'LC 48 kHz stereo', bytes: '1190', expect: { ...plain, samplingRate: 48_000, channels: 2 } },
  { of: 'LC 44.1 kHz stereo', bytes: '1210', expect: { ...plain, samplingRate: 44_100, channels: 2 } },
  { of: 'LC 44.1 kHz mono, SBR said to be absent', bytes: '120856e500', expect: { ...plain, samplingRate: 44_100, channels: 1 }, printed: '1208' },
  { of: 'LC 48 kHz 5.1', bytes: '11b0', expect: { ...plain, samplingRate: 48_000, channels: 6 } },
  { of: 'LC 48 kHz with frames of 960', bytes: '1194', expect: { ...plain, samplingRate: 48_000, channels: 2, frameLength: 960 } },
  { of: 'LC with an explicit rate', bytes: '1780232810', expect: { ...plain, samplingRate: 18_000, channels: 2 } },
  { of: 'HE-AAC, explicit', bytes: '2b118800', expect: { ...plain, samplingRate: 24_000, channels: 2, sbrRate: 48_000 }, printed: '1310' },
  { of: 'HE-AAC v2, explicit', bytes: 'eb098800', expect: { ...plain, samplingRate: 24_000, channels: 1, sbrRate: 48_000, parametricStereo: true }, printed: '1308' },
  { of: 'HE-AAC, backward compatible', bytes: '131056e598', expect: { ...plain, samplingRate: 24_000, channels: 2, sbrRate: 48_000 }, printed: '1310' },
  { of: 'HE-AAC v2, backward compatible', bytes: '130856e59d4880', expect: { ...plain, samplingRate: 24_000, channels: 1, sbrRate: 48_000, parametricStereo: true }, printed: '1308' },
  { of: 'stereo told by a program config element', bytes: '118004c400002000', expect: { ...plain, samplingRate: 48_000, channels: 2 }, printed: '1190' }
]

const hex = (text: string): Buffer => Buffer.from(text, 'hex')

for (const { of, bytes, expect, printed } of rows) {
  test(`AudioSpecificConfig: ${of}`, () => {
    assert.deepEqual(parseAacConfig(hex(bytes)), expect)
    assert.equal(printAacConfig(expect).toString('hex'), printed ?? bytes)
  })
}

test('what is not AAC, or has no possible rate or channels, is refused', () => {
  for (const bytes of ['', '11', 'f9480000', '1790000000', '1690', '11d0']) assert.throws(() => parseAacConfig(hex(bytes)), { code: 'protocol_error' }, bytes)
})

test('damaged bytes end in ProtocolError or in a value', () => survives(parseAacConfig, rows.map(row => hex(row.bytes))))
