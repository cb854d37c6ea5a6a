import assert from 'node:assert/strict'
import test from 'node:test'
import { survives } from '../../../test/support/mutate.ts'
import { ProtocolError } from '../../lib/errors.ts'
import { BoxWriter, parseBoxes, parseBoxHeader } from './box.ts'
import { printSpanningHeader } from './ending.ts'
import { printFragmentHead, SampleRun } from './fragment.ts'
import { PLACEHOLDER_OFFSET, printHead } from './init-segment.ts'
import type { MovieTrack } from './movie.ts'
import { parseFragment } from './parse-fragment.ts'
import { parseMovie } from './parse-movie.ts'
import { printMp4a, printOpus } from './sample-entry.ts'

const hex = (...parts: string[]): string => parts.join('').replaceAll(/\s/g, '')

test('boxes nest, and know their sizes', () => {
  const written = new BoxWriter().box('moov', () => {}).fullBox('tfdt', 1, 0, () => {}).done()
  assert.equal(written.toString('hex'), hex('00000008 6d6f6f76', '0000000c 74666474 01000000'))
  const nested = new BoxWriter()
  nested.box('moof', () => nested.box('traf', () => nested.u8(7)))
  assert.equal(nested.done().toString('hex'), hex('00000011 6d6f6f66 00000009 74726166 07'))
  assert.deepEqual(parseBoxes(nested.done()).map(box => [box.type, box.content.length, box.whole.length]), [['moof', 9, 17]])
})

test('box headers: 32 bits, 64 bits, and sizes that cannot be', () => {
  assert.deepEqual(parseBoxHeader(Buffer.from(hex('00000010 66726565'), 'hex')), { type: 'free', size: 16, headerSize: 8 })
  assert.deepEqual(parseBoxHeader(Buffer.from(hex('00000001 6d646174 0000000100000000'), 'hex')), { type: 'mdat', size: 2 ** 32, headerSize: 16 })
  for (const bad of ['00000000 6d646174', '00000007 6d646174', '00000001 6d646174 000000000000000f', '00000001 6d646174 ffffffffffffffff', '00000001 6d6461']) {
    assert.throws(() => parseBoxHeader(Buffer.from(hex(bad), 'hex')), ProtocolError, bad)
  }
})

const sampleEntries: readonly [string, Buffer, string][] = [
  ['AAC-LC, 48 kHz, stereo', printMp4a(Buffer.from('1190', 'hex'), 2, 48_000), hex(
    '0000004b 6d703461 000000000000 0001 0000000000000000 0002 0010 00000000 bb800000',
    '00000027 65736473 00000000 03 19 0000 00 04 11 40 15 000000 00000000 00000000 05 02 1190 06 01 02')],
  ['AAC at a rate beyond 16 bits', printMp4a(Buffer.from('1008', 'hex'), 1, 96_000), hex(
    '0000004b 6d703461 000000000000 0001 0000000000000000 0001 0010 00000000 00000000',
    '00000027 65736473 00000000 03 19 0000 00 04 11 40 15 000000 00000000 00000000 05 02 1008 06 01 02')],
  ['Opus, stereo', printOpus(2), hex(
    '00000037 4f707573 000000000000 0001 0000000000000000 0002 0010 00000000 bb800000',
    '00000013 644f7073 00 02 0000 0000bb80 0000 00')]
]
for (const [what, printed, expected] of sampleEntries) {
  test(`sample entry: ${what}`, () => { assert.equal(printed.toString('hex'), expected) })
}

function run (trackId: number, baseDts: number, samples: readonly [number, number, number, boolean][]): SampleRun {
  const filled = new SampleRun(trackId)
  filled.baseDts = baseDts
  for (const sample of samples) filled.add(...sample)
  return filled
}

const fragments: readonly [string, SampleRun[], string][] = [
  ['a keyframe and a B-frame, and two sounds', [
    run(1, 90_000, [[3000, 100, 6000, true], [3000, 50, -3000, false]]),
    run(2, 2 ** 33, [[1024, 10, 0, true], [1024, 11, 0, true]])], hex(
    '000000c8 6d6f6f66 00000010 6d666864 00000000 00000007',
    '00000060 74726166 00000010 74666864 00020000 00000001 00000014 74666474 01000000 0000000000015f90',
    '00000034 7472756e 01000f01 00000002 000000d0 00000bb8 00000064 02000000 00001770 00000bb8 00000032 01010000 fffff448',
    '00000050 74726166 00000010 74666864 00020000 00000002 00000014 74666474 01000000 0000000200000000',
    '00000024 7472756e 01000301 00000002 00000166 00000400 0000000a 00000400 0000000b',
    '000000b3 6d646174')]
]
for (const [what, runs, expected] of fragments) {
  test(`fragment: ${what}`, () => {
    const printed = printFragmentHead(7, runs)
    assert.equal(printed.toString('hex'), expected)
    const [moof] = parseBoxes(printed.subarray(0, printed.readUInt32BE(0)))
    assert.deepEqual(parseFragment(moof!.content).map(parsed => parsed.run), runs)
  })
}

const tracks: readonly MovieTrack[] = [
  { id: 1, kind: 'video', timescale: 90_000, sampleEntry: printOpus(1), width: 1280, height: 720, mediaStart: 6000 },
  { id: 2, kind: 'audio', timescale: 44_100, sampleEntry: printMp4a(Buffer.from('1210', 'hex'), 2, 44_100), width: 0, height: 0, mediaStart: 0 }
]
const head = printHead(tracks, new Date('2026-11-22T10:00:00Z'))

test('the head of a file: brands, the placeholder, and a movie of fragments that reads back', () => {
  assert.equal(head.subarray(0, 48).toString('hex'), hex('00000020 66747970 69736f6d 00000200 69736f6d 69736f32 69736f36 6d703431', '00000010 66726565 0000000000000000'))
  const movie = parseMovie(parseBoxes(head.subarray(48))[0]!.content)
  assert.deepEqual(movie, { tracks, createdAt: new Date('2026-11-22T10:00:00Z'), durationMs: 0, fragmented: true })
})

test('the placeholder becomes a box that spans all that was written', () => {
  assert.equal(PLACEHOLDER_OFFSET, 32)
  assert.equal(printSpanningHeader(2 ** 32 + 32, 32).toString('hex'), hex('00000001 6d646174 0000000100000000'))
})

test('damaged boxes are refused, and nothing worse', () => {
  survives(parseBoxes, [head, printFragmentHead(1, fragments[0]![1])])
  survives(parseMovie, [parseBoxes(head.subarray(48))[0]!.content])
  survives(parseFragment, fragments.map(([, runs]) => { const bytes = printFragmentHead(7, runs); return bytes.subarray(8, bytes.readUInt32BE(0)) }))
})
