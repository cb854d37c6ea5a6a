import assert from 'node:assert/strict'
import test from 'node:test'
import { survives } from '../../test/support/mutate.ts'
import { type AudioTag, parseAudioTag, parseVideoTag, printAudioTag, printVideoTag, type VideoTag } from './flv.ts'

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex')
const frame = { codec: 'H.264', kind: 'frame', keyframe: false, compositionTime: 0 } as const

/** `printed: false`: we print the same in its legacy form. */
const videoRows: { of: string, bytes: string, expect: Omit<VideoTag, 'data'> & { data: string }, printed?: false }[] = [
  { of: 'AVC sequence header', bytes: '17 00 000000 0164', expect: { ...frame, kind: 'config', keyframe: true, data: '0164' } },
  { of: 'AVC keyframe', bytes: '17 01 000042 00000001 65', expect: { ...frame, keyframe: true, compositionTime: 66, data: '0000000165' } },
  { of: 'AVC inter frame with a negative composition time', bytes: '27 01 ffffdf 41', expect: { ...frame, compositionTime: -33, data: '41' } },
  { of: 'AVC disposable inter frame', bytes: '37 01 000000 01', expect: { ...frame, data: '01' }, printed: false },
  { of: 'AVC end of sequence', bytes: '27 02 000000', expect: { ...frame, kind: 'other', data: '' } },
  { of: 'AVC seek command', bytes: '57 00', expect: { ...frame, kind: 'other', data: '' }, printed: false },
  { of: 'nothing', bytes: '', expect: { ...frame, kind: 'other', data: '' }, printed: false },
  { of: 'VP6', bytes: '14 aabb', expect: { ...frame, codec: 'VP6', keyframe: true, data: 'aabb' }, printed: false },
  { of: 'HEVC by an unofficial codec id', bytes: '1c 00 000000', expect: { ...frame, codec: 'HEVC (codec id 12)', keyframe: true, data: '00000000' }, printed: false },
  { of: 'enhanced H.264 start', bytes: '90 61766331 0164', expect: { ...frame, kind: 'config', keyframe: true, data: '0164' }, printed: false },
  { of: 'enhanced H.264 frame', bytes: 'a1 61766331 ffffff 41', expect: { ...frame, compositionTime: -1, data: '41' }, printed: false },
  { of: 'enhanced H.264 frame without composition time', bytes: 'a3 61766331 41', expect: { ...frame, data: '41' }, printed: false },
  { of: 'enhanced HEVC', bytes: '90 68766331 01', expect: { ...frame, codec: 'HEVC', kind: 'config', keyframe: true, data: '01' }, printed: false },
  { of: 'enhanced AV1', bytes: '90 61763031 81', expect: { ...frame, codec: 'AV1', kind: 'config', keyframe: true, data: '81' }, printed: false },
  { of: 'enhanced VP9', bytes: 'a1 76703039 82', expect: { ...frame, codec: 'VP9', data: '82' }, printed: false },
  { of: 'enhanced unknown FourCC', bytes: 'a1 0a414243 82', expect: { ...frame, codec: 'FourCC 0x0a414243', data: '82' }, printed: false },
  { of: 'enhanced colour metadata', bytes: '94 61766331 02', expect: { ...frame, kind: 'other', keyframe: true, data: '02' }, printed: false },
  { of: 'enhanced multitrack', bytes: '96 00', expect: { ...frame, codec: 'multitrack video', keyframe: true, data: '' }, printed: false },
  { of: 'enhanced, with a nanosecond offset before it', bytes: 'a7 02 000001 01 61766331 000000 41', expect: { ...frame, data: '41' }, printed: false }
]

for (const { of, bytes, expect, printed } of videoRows) {
  test(`video tag: ${of}`, () => {
    const tag = parseVideoTag(hex(bytes))
    assert.deepEqual({ ...tag, data: tag.data.toString('hex') }, expect)
    if (printed !== false) assert.equal(printVideoTag(tag).toString('hex'), hex(bytes).toString('hex'))
  })
}

const audioRows: { of: string, bytes: string, expect: Omit<AudioTag, 'data'> & { data: string }, printed?: false }[] = [
  { of: 'AAC sequence header', bytes: 'af 00 1190', expect: { codec: 'AAC', kind: 'config', data: '1190' } },
  { of: 'AAC frame', bytes: 'af 01 2110', expect: { codec: 'AAC', kind: 'frame', data: '2110' } },
  { of: 'nothing', bytes: '', expect: { codec: 'AAC', kind: 'other', data: '' }, printed: false },
  { of: 'MP3', bytes: '2f ff', expect: { codec: 'MP3', kind: 'frame', data: 'ff' }, printed: false },
  { of: 'Speex', bytes: 'b2 ff', expect: { codec: 'Speex', kind: 'frame', data: 'ff' }, printed: false },
  { of: 'enhanced AAC start', bytes: '90 6d703461 1190', expect: { codec: 'AAC', kind: 'config', data: '1190' }, printed: false },
  { of: 'enhanced Opus', bytes: '91 4f707573 fc', expect: { codec: 'Opus', kind: 'frame', data: 'fc' }, printed: false },
  { of: 'enhanced channel layout', bytes: '94 6d703461 00', expect: { codec: 'AAC', kind: 'other', data: '00' }, printed: false },
  { of: 'enhanced multitrack', bytes: '95 00', expect: { codec: 'multitrack audio', kind: 'frame', data: '' }, printed: false }
]

for (const { of, bytes, expect, printed } of audioRows) {
  test(`audio tag: ${of}`, () => {
    const tag = parseAudioTag(hex(bytes))
    assert.deepEqual({ ...tag, data: tag.data.toString('hex') }, expect)
    if (printed !== false) assert.equal(printAudioTag(tag).toString('hex'), hex(bytes).toString('hex'))
  })
}

test('a tag that ends inside its header is refused', () => {
  for (const bytes of ['17', '1701', '17010000', '90', '906176', 'a1617663310000', 'a7', 'a7ff']) assert.throws(() => parseVideoTag(hex(bytes)), { code: 'protocol_error' }, bytes)
  for (const bytes of ['af', '90', '906d70']) assert.throws(() => parseAudioTag(hex(bytes)), { code: 'protocol_error' }, bytes)
  assert.throws(() => parseVideoTag(hex('a7' + '000007'.repeat(20))), { code: 'protocol_error' })
})

test('damaged tags end in ProtocolError or in a value', () => {
  survives(parseVideoTag, videoRows.map(row => hex(row.bytes)).filter(b => b.length > 0))
  survives(parseAudioTag, audioRows.map(row => hex(row.bytes)).filter(b => b.length > 0))
})
