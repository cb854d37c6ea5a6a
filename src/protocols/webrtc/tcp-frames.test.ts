import assert from 'node:assert/strict'
import test from 'node:test'
import { survives } from '../../../test/support/mutate.ts'
import { ProtocolError } from '../../lib/errors.ts'
import { FrameReader, MAX_FRAME_BYTES, printFrame } from './tcp-frames.ts'

const bytesOf = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex')

/** The stream, the packets in it, and whether it is what we would print. */
const rows: { of: string, hex: string, frames: string[], ours?: false }[] = [
  { of: 'one packet', hex: '0003 a1a2a3', frames: ['a1a2a3'] },
  { of: 'two packets', hex: '0001 a1 0002 b1b2', frames: ['a1', 'b1b2'] },
  { of: 'empty ones between', hex: '0000 0001 a1 0000', frames: ['a1'], ours: false },
  { of: 'one that has not come whole', hex: '0001 a1 0004 b1b2', frames: ['a1'], ours: false },
  { of: 'half a length', hex: '0001 a1 00', frames: ['a1'], ours: false },
  { of: 'the largest', hex: `1000 ${'cd'.repeat(MAX_FRAME_BYTES)}`, frames: ['cd'.repeat(MAX_FRAME_BYTES)] }
]

function read (bytes: Buffer, pieceBytes: number): string[] {
  const frames: string[] = []
  const reader = new FrameReader(frame => frames.push(frame.toString('hex')))
  for (let at = 0; at < bytes.length; at += pieceBytes) reader.push(bytes.subarray(at, at + pieceBytes))
  return frames
}

for (const { of, hex, frames, ours } of rows) {
  test(`frames: ${of}`, () => {
    const bytes = bytesOf(hex)
    for (const pieceBytes of [1, 2, 3, bytes.length]) assert.deepEqual(read(bytes, pieceBytes), frames)
    if (ours !== false) assert.equal(Buffer.concat(frames.map(frame => printFrame(bytesOf(frame)))).toString('hex'), bytes.toString('hex'))
  })
}

test('a length beyond the limit ends the stream before its bytes are waited for', () => {
  assert.throws(() => read(bytesOf('0001 a1 1001'), 5), ProtocolError)
})

test('damaged streams break nothing', () => {
  survives(bytes => read(bytes, 7), rows.map(({ hex }) => bytesOf(hex)), { count: 5000 })
})
