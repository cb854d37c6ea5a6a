import assert from 'node:assert/strict'
import test from 'node:test'
import { BoxWriter } from './box.ts'
import { SampleTable } from './sample-table.ts'

const hex = (...parts: string[]): string => parts.join('').replaceAll(/\s/g, '')
const printed = (table: SampleTable): string => {
  const writer = new BoxWriter()
  table.print(writer)
  return writer.done().toString('hex')
}

type Sample = readonly [dts: number, duration: number, size: number, compositionOffset: number, keyframe: boolean]
const rows: readonly { what: string, chunks: readonly (readonly [number, readonly Sample[]])[], boxes: string, duration: number, presentation: number }[] = [
  {
    what: 'sounds: all alike, in two chunks of the same length',
    chunks: [[100, [[0, 1024, 10, 0, true], [1024, 1024, 11, 0, true]]], [500, [[2048, 1024, 12, 0, true], [3072, 1024, 13, 0, true]]]],
    boxes: hex(
      '00000018 73747473 00000000 00000001 00000004 00000400',
      '0000001c 73747363 00000000 00000001 00000001 00000002 00000001',
      '00000024 7374737a 00000000 00000000 00000004 0000000a 0000000b 0000000c 0000000d',
      '00000018 7374636f 00000000 00000002 00000064 000001f4'),
    duration: 4096,
    presentation: 4096
  },
  {
    what: 'pictures: reordered, with a gap between two chunks, beyond 4 GiB',
    chunks: [[2 ** 32 - 10, [[0, 3000, 100, 3000, true], [3000, 3000, 20, 6000, false]]], [2 ** 32 + 110, [[90_000, 3000, 30, 0, false]]]],
    boxes: hex(
      '00000028 73747473 00000000 00000003 00000001 00000bb8 00000001 000153d8 00000001 00000bb8',
      '00000028 63747473 01000000 00000003 00000001 00000bb8 00000001 00001770 00000001 00000000',
      '00000014 73747373 00000000 00000001 00000001',
      '00000028 73747363 00000000 00000002 00000001 00000002 00000001 00000002 00000001 00000001',
      '00000020 7374737a 00000000 00000000 00000003 00000064 00000014 0000001e',
      '00000020 636f3634 00000000 00000002 00000000fffffff6 000000010000006e'),
    duration: 93_000,
    presentation: 90_000
  },
  { what: 'nothing', chunks: [], boxes: hex('00000010 73747473 00000000 00000000', '00000010 73747363 00000000 00000000', '00000014 7374737a 00000000 00000000 00000000', '00000010 7374636f 00000000 00000000'), duration: 0, presentation: 0 }
]

for (const { what, chunks, boxes, duration, presentation } of rows) {
  test(`sample table: ${what}`, () => {
    const table = new SampleTable()
    for (const [offset, samples] of chunks) {
      table.chunk(offset)
      for (const sample of samples) table.add(...sample)
    }
    assert.equal(table.duration, duration)
    assert.equal(table.presentationDuration, presentation)
    assert.equal(printed(table), boxes)
  })
}

test('twelve hours of pictures take less than 20 MB, however odd their times', () => {
  const table = new SampleTable()
  for (let frame = 0; frame < 12 * 3600 * 30; frame++) {
    if (frame % 15 === 0) table.chunk(frame * 10_000)
    table.add(frame * 3000 + frame % 3 * 30, 3000, 10_000, 0, frame % 60 === 0) // Times that never repeat their step.
  }
  assert.ok(table.bytes < 20e6, `${table.bytes} bytes`)
})
