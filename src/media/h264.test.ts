import assert from 'node:assert/strict'
import test from 'node:test'
import { survives } from '../../test/support/mutate.ts'
import { joinAnnexB, joinAvcc, mayReorder, parseAvcConfig, parseSps, printAvcConfig, profileLevelId, type Sps, splitAnnexB, splitAvcc, withoutEmulationPrevention } from './h264.ts'

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex')

/** Parameter sets as real encoders print them. */
const spsRows: { of: string, bytes: string, expect: Partial<Sps>, reorders: boolean | undefined, level: string }[] = [
  {
    of: 'x264 baseline, 1270x714 cropped',
    bytes: '6742c01fd9005005be6930110000030001000003003c0f183248',
    expect: { profileIdc: 66, levelIdc: 31, width: 1270, height: 714, frameRate: 30, reorderFrames: 0, sampleAspectRatio: [1, 1] },
    reorders: false,
    level: '42c01f'
  },
  {
    of: 'x264 main with B-frames',
    bytes: '674d401feca02802df34980880000003008000001e078c18cb',
    expect: { profileIdc: 77, width: 1270, height: 714, frameRate: 30, reorderFrames: 2 },
    reorders: true,
    level: '4d401f'
  },
  {
    of: 'x264 high without B-frames',
    bytes: '6764001facb200a00b7cd26022000003000200000300781e306490',
    expect: { profileIdc: 100, width: 1270, height: 714, frameRate: 30, reorderFrames: 0 },
    reorders: false,
    level: '64001f'
  },
  {
    of: 'x264 high 4:4:4',
    bytes: '67f4001f91964014016f8b9f0110000003001000000303c8f1832480',
    expect: { profileIdc: 244, chromaFormat: 3, width: 1270, height: 714, reorderFrames: 0 },
    reorders: false,
    level: 'f4001f'
  },
  {
    of: 'x264 high 4:2:2',
    bytes: '677a001fbcd9405005be69f0110000030001000003003c0f183196',
    expect: { profileIdc: 122, chromaFormat: 2, width: 1270, height: 714, reorderFrames: 2 },
    reorders: true,
    level: '7a001f'
  },
  {
    of: 'x264 interlaced, NAL HRD, 16:9 on 5:4',
    bytes: '67f4001e919b2816849bff0040002d100000030010000003032604000f424001e84e4c300f8a14cb',
    expect: { width: 720, height: 576, interlaced: true, frameRate: 25, sampleAspectRatio: [64, 45], reorderFrames: 2 },
    reorders: true,
    level: 'f4001e'
  },
  {
    of: 'OpenH264, constrained baseline',
    bytes: '6742c01e8c8d405017fcb00f08846a',
    expect: { profileIdc: 66, width: 640, height: 360 },
    reorders: false,
    level: '42c01e'
  },
  {
    of: 'main without VUI',
    bytes: '674d001fed00a00b72',
    expect: { profileIdc: 77, width: 1280, height: 720, frameRate: undefined, reorderFrames: undefined },
    reorders: undefined,
    level: '4d001f'
  }
]

for (const { of, bytes, expect, reorders, level } of spsRows) {
  test(`SPS of ${of}`, () => {
    const sps = parseSps(hex(bytes))
    for (const [field, value] of Object.entries(expect)) assert.deepEqual(sps[field as keyof Sps], value, field)
    assert.equal(mayReorder(sps), reorders)
    assert.equal(profileLevelId(hex(bytes)), level)
  })
}

const avcConfigRows = [
  '014d401effe10019674d401ed900a02ff970110000030001000003003c0f162e4801000568ebc3cb20',
  '0164001effe1001a6764001eacd940a02ff970110000030001000003003c0f162d9601000668ebe3cb22c0fdf8f800'
]

test('avcC: read and printed again', () => {
  for (const row of avcConfigRows) {
    const config = parseAvcConfig(hex(row))
    assert.equal(config.lengthSize, 4)
    assert.equal(parseSps(config.sps[0]!).width, 640)
    assert.equal(printAvcConfig(config).toString('hex'), row)
  }
})

test('avcC without its last part, as many encoders print it, is read', () => {
  const config = parseAvcConfig(hex(avcConfigRows[1]!).subarray(0, -4))
  assert.equal(config.pps.length, 1)
})

test('avcC that names no parameter set, or lengths of 3 bytes, is refused', () => {
  assert.throws(() => parseAvcConfig(hex('0164001effe000')), { code: 'protocol_error' })
  assert.throws(() => parseAvcConfig(hex('0164001efee1001a')), { code: 'protocol_error' })
  assert.throws(() => parseAvcConfig(hex('')), { code: 'protocol_error' })
})

test('an SPS larger than any level, or cropped to nothing, is refused', () => {
  assert.throws(() => parseSps(hex('674d001fed0002000001000c80')), /larger than any level/)
  assert.throws(() => parseSps(hex('674d001fed3e52e8')), /cropped to nothing/)
  assert.throws(() => parseSps(hex('68ebe3cb22c0')), { code: 'protocol_error' })
})

const unitRows: { lengthSize: number, sample: string, units: string[] }[] = [
  { lengthSize: 4, sample: '00000002 0910 00000003 658880', units: ['0910', '658880'] },
  { lengthSize: 2, sample: '0002 0910 0000 0003 658880', units: ['0910', '658880'] },
  { lengthSize: 1, sample: '02 419a', units: ['419a'] },
  { lengthSize: 4, sample: '', units: [] }
]

test('units with lengths', () => {
  for (const { lengthSize, sample, units } of unitRows) {
    const split = splitAvcc(hex(sample), lengthSize)
    assert.deepEqual(split.map(unit => unit.toString('hex')), units)
    assert.deepEqual(splitAvcc(joinAvcc(split), 4), split)
  }
  assert.throws(() => splitAvcc(hex('00000004 658880'), 4), { code: 'protocol_error' })
  assert.throws(() => splitAvcc(hex('ffffffff 658880'), 4), { code: 'protocol_error' })
  assert.throws(() => splitAvcc(hex('000000'), 4), { code: 'protocol_error' })
})

test('units with start codes', () => {
  const stream = hex('00000001 0910 000001 658880 0000 00000001 41')
  assert.deepEqual(splitAnnexB(stream).map(unit => unit.toString('hex')), ['0910', '658880', '41'])
  assert.deepEqual(splitAnnexB(joinAnnexB(splitAnnexB(stream))), splitAnnexB(stream))
  assert.deepEqual(splitAnnexB(hex('0910')), [])
})

test('emulation prevention is removed only where it is one', () => {
  for (const [before, after] of [['000003', '0000'], ['00000300000301', '0000000001'], ['000103', '000103'], ['00000303', '000003'], ['', '']] as const) {
    assert.equal(Buffer.from(withoutEmulationPrevention(hex(before))).toString('hex'), after)
  }
})

test('damaged bytes end in ProtocolError or in a value', () => {
  survives(parseSps, spsRows.map(row => hex(row.bytes)))
  survives(bytes => printAvcConfig(parseAvcConfig(bytes)), avcConfigRows.map(hex))
  survives(bytes => { for (const size of [1, 2, 4]) splitAvcc(bytes, size) }, unitRows.map(row => hex(row.sample)).filter(b => b.length > 0))
  survives(splitAnnexB, [hex('00000001 0910 000001 658880 0000 00000001 41')])
})
