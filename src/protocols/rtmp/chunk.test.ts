import assert from 'node:assert/strict'
import test from 'node:test'
import { mutated, random } from '../../../test/support/mutate.ts'
import { ProtocolError } from '../../lib/errors.ts'
import { ChunkReader, whilePublishing } from './chunk-reader.ts'
import { ChunkWriter } from './chunk-writer.ts'
import { limits } from './limits.ts'
import { MessageType, printControl, type RtmpMessage } from './message.ts'

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex')
const show = ({ type, streamId, timestamp, payload }: RtmpMessage): string => `${type}/${streamId} @${timestamp} ${payload.toString('hex')}`

function read (bytes: Buffer, pieceBytes = bytes.length, setUp?: (reader: ChunkReader) => void): string[] {
  const messages: string[] = []
  const reader = new ChunkReader(message => messages.push(show(message)))
  setUp?.(reader)
  for (let at = 0; at < bytes.length; at += pieceBytes) reader.push(bytes.subarray(at, at + pieceBytes))
  return messages
}

const ab = (count: number): string => 'ab'.repeat(count)

/** Chunks as different encoders cut them. */
const rows: { of: string, bytes: string, messages: string[] }[] = [
  { of: 'format 0', bytes: '04 0003e8 000002 08 01000000 af01', messages: ['8/1 @1000 af01'] },
  { of: 'format 1', bytes: '04 0003e8 000002 08 01000000 af01 44 000017 000003 08 af0102', messages: ['8/1 @1000 af01', '8/1 @1023 af0102'] },
  { of: 'format 2', bytes: '04 0003e8 000002 08 01000000 af01 84 000017 af02', messages: ['8/1 @1000 af01', '8/1 @1023 af02'] },
  {
    of: 'format 3 repeats the difference',
    bytes: '04 0003e8 000002 08 01000000 af01 84 000017 af02 c4 af03',
    messages: ['8/1 @1000 af01', '8/1 @1023 af02', '8/1 @1046 af03']
  },
  { of: 'format 3 after format 0', bytes: '04 000014 000002 08 01000000 af01 c4 af02', messages: ['8/1 @20 af01', '8/1 @40 af02'] },
  { of: 'format 1 first, as librtmp on chunk stream 2', bytes: '42 000005 000004 03 0000ffff', messages: ['3/0 @5 0000ffff'] },
  { of: 'two-byte chunk stream id', bytes: '00 0a 000000 000001 14 00000000 05', messages: ['20/0 @0 05'] },
  { of: 'three-byte chunk stream id, low byte first', bytes: '01 0a01 000000 000001 14 00000000 05 c1 0a01 06', messages: ['20/0 @0 05', '20/0 @0 06'] },
  { of: 'a message in two chunks', bytes: `06 000000 000082 09 01000000 ${ab(128)} c6 ${ab(2)}`, messages: [`9/1 @0 ${ab(130)}`] },
  {
    of: 'two messages interleaved',
    bytes: `06 000000 000082 09 01000000 ${ab(128)} 04 000007 000001 08 01000000 cc c6 ${ab(2)}`,
    messages: ['8/1 @7 cc', `9/1 @0 ${ab(130)}`]
  },
  { of: 'extended timestamp', bytes: '04 ffffff 000001 08 01000000 01000000 cc', messages: ['8/1 @16777216 cc'] },
  { of: 'extended timestamp of exactly 24 bits of ones', bytes: '04 ffffff 000001 08 01000000 00ffffff cc', messages: ['8/1 @16777215 cc'] },
  {
    of: 'extended timestamp, repeated in the chunks that continue',
    bytes: `06 ffffff 000082 09 01000000 01000000 ${ab(128)} c6 01000000 ${ab(2)}`,
    messages: [`9/1 @16777216 ${ab(130)}`]
  },
  {
    of: 'extended timestamp, not repeated',
    bytes: `06 ffffff 000082 09 01000000 01000000 ${ab(128)} c6 ${ab(2)} 04 000007 000003 08 01000000 cccccc`,
    messages: [`9/1 @16777216 ${ab(130)}`, '8/1 @7 cccccc']
  },
  {
    of: 'extended difference, repeated by format 3',
    bytes: '04 000000 000001 08 01000000 c0 84 ffffff 01000001 c1 c4 01000001 c2',
    messages: ['8/1 @0 c0', '8/1 @16777217 c1', '8/1 @33554434 c2']
  },
  { of: 'extended format 0, then format 3', bytes: '04 ffffff 000001 08 01000000 01000000 c0 c4 01000000 c1', messages: ['8/1 @16777216 c0', '8/1 @16777216 c1'] },
  { of: 'a difference that wraps 32 bits', bytes: '04 ffffff 000001 08 01000000 fffffff0 c0 84 000020 c1', messages: ['8/1 @4294967280 c0', '8/1 @16 c1'] },
  { of: 'a message without a body', bytes: '04 000000 000000 08 01000000 04 000001 000001 08 01000000 cc', messages: ['8/1 @0 ', '8/1 @1 cc'] },
  { of: 'set chunk size', bytes: `02 000000 000004 01 00000000 00000100 06 000000 000082 09 01000000 ${ab(130)}`, messages: [`9/1 @0 ${ab(130)}`] },
  {
    of: 'abort',
    bytes: `06 000000 000082 09 01000000 ${ab(128)} 02 000000 000004 02 00000000 00000006 06 000001 000001 09 01000000 cc`,
    messages: ['9/1 @1 cc']
  }
]

for (const { of, bytes, messages } of rows) {
  test(`chunks: ${of}, in pieces of any size`, () => {
    for (const piece of [1, 2, 3, 5, 17, 4096]) assert.deepEqual(read(hex(bytes), piece), messages, `pieces of ${piece}`)
  })
}

const refused: [string, string][] = [
  ['format 3 first', 'c4 00'],
  ['format 2 first', '84 000017 af02'],
  ['a chunk size of 0', '02 000000 000004 01 00000000 00000000'],
  ['a chunk size of 1', '02 000000 000004 01 00000000 00000001'],
  ['a chunk size of 2^31', '02 000000 000004 01 00000000 80000000'],
  ['a chunk size of 65,537', '02 000000 000004 01 00000000 00010001'],
  ['a set chunk size without a size', '02 000000 000001 01 00000000 00'],
  ['a message of 16 MB before publish', '04 000000 ffffff 09 01000000'],
  ['a command of 65,537 bytes', '03 000000 010001 14 00000000'],
  ['a new message inside another', `06 000000 000082 09 01000000 ${ab(128)} 06 000000 000082 09 01000000`]
]

for (const [of, bytes] of refused) test(`chunks refused: ${of}`, () => { assert.throws(() => read(hex(bytes)), { code: 'protocol_error' }) })

test('the 17th chunk stream is refused', () => {
  const headers = (count: number): Buffer => Buffer.concat(Array.from({ length: count }, (_, i) => hex(`${(i + 3).toString(16).padStart(2, '0')} 000000 000001 14 00000000 05`)))
  assert.equal(read(headers(16)).length, 16)
  assert.throws(() => read(headers(17)), { code: 'protocol_error' })
})

test('a publisher may send video of 4 MiB, and no more', () => {
  const raise = (reader: ChunkReader): void => { reader.messageLimit = whilePublishing }
  assert.deepEqual(read(hex('06 000000 400000 09 01000000 00'), 4096, raise), [])
  assert.throws(() => read(hex('06 000000 400001 09 01000000 00'), 4096, raise), { code: 'protocol_error' })
  assert.throws(() => read(hex('06 000000 040001 08 01000000 00'), 4096, raise), { code: 'protocol_error' })
})

test('memory follows what arrives, not what is announced', () => {
  const reader = new ChunkReader(() => {})
  reader.messageLimit = whilePublishing
  for (let id = 3; id < 19; id++) reader.push(Buffer.concat([hex(`${id.toString(16).padStart(2, '0')} 000000 400000 09 01000000`), Buffer.alloc(128)]))
  assert.ok(reader.bufferedBytes <= 16 * 4096, `${reader.bufferedBytes} bytes`)
})

test('unfinished messages together hold at most the connection\'s limit', () => {
  const reader = new ChunkReader(() => {})
  reader.messageLimit = whilePublishing
  reader.push(hex('02 000000 000004 01 00000000 00010000'))
  let most = 0
  assert.throws(() => {
    for (let round = 0; round < 63; round++) {
      for (let id = 3; id < 18; id++) {
        const header = round === 0 ? `${id.toString(16).padStart(2, '0')} 000000 400000 09 01000000` : (0xc0 | id).toString(16)
        reader.push(Buffer.concat([hex(header), Buffer.alloc(65_536)]))
        most = Math.max(most, reader.bufferedBytes)
      }
    }
  }, { code: 'protocol_error' })
  assert.ok(most <= limits.maxBufferedBytes)
})

test('a reader that is stopped says where, and goes on from there', () => {
  const seen: string[] = []
  const reader = new ChunkReader(message => { seen.push(show(message)); reader.stop() })
  const bytes = hex('04 000000 000001 08 01000000 c0 c4 c1 c4 c2')
  let rest = bytes
  for (let round = 1; round <= 3; round++) {
    rest = rest.subarray(reader.push(rest))
    assert.equal(seen.length, round)
  }
  assert.equal(rest.length, 0)
})

const message = (type: number, timestamp: number, length: number, streamId = 1): RtmpMessage => ({ type, streamId, timestamp, payload: Buffer.alloc(length, length & 0xff) })

test('the writer takes the shortest header there is', () => {
  const writer = new ChunkWriter()
  const headers = [message(8, 1000, 1), message(8, 1023, 1), message(8, 1046, 1), message(8, 1050, 1), message(8, 1060, 2), message(8, 1000, 2), message(8, 1010, 2, 5)]
    .map(m => writer.print(4, m)[0]! >> 6)
  assert.deepEqual(headers, [0, 2, 3, 2, 1, 0, 0])
})

test('whatever is written is read back', () => {
  const pick = random(3)
  const writer = new ChunkWriter()
  const sent: string[] = []
  const parts: Buffer[] = []
  const clocks = [0, 0xfffff0, 0xffff_ff00, 5]
  for (let round = 0; round < 3000; round++) {
    const track = pick(4)
    const step = pick(10) === 0 ? pick(2 ** 25) : pick(5) * 20
    clocks[track] = (clocks[track]! + step) >>> 0
    const one = message([8, 9, 18, 9][track]!, clocks[track], pick(5) === 0 ? pick(3000) : pick(3) * 100, track === 2 ? 0 : 1)
    if (pick(200) === 0) {
      const size = 128 + pick(5000)
      parts.push(writer.print(2, { type: MessageType.setChunkSize, streamId: 0, timestamp: 0, payload: printControl(size) }))
      writer.chunkBytes = size
    }
    parts.push(writer.print([4, 6, 70, 1000][track]!, one))
    sent.push(show(one))
  }
  const bytes = Buffer.concat(parts)
  for (const piece of [7, 1460, 65_536]) assert.deepEqual(read(bytes, piece, reader => { reader.messageLimit = whilePublishing }), sent)
})

test('damaged chunks end in ProtocolError or in messages, within the memory of a connection', () => {
  for (const bytes of mutated(rows.map(row => hex(row.bytes)), { count: 30_000 })) {
    const reader = new ChunkReader(() => {})
    try {
      reader.push(bytes)
    } catch (error) {
      assert.ok(error instanceof ProtocolError, bytes.toString('hex'))
    }
    assert.ok(reader.bufferedBytes >= 0 && reader.bufferedBytes <= limits.maxBufferedBytes)
  }
})
