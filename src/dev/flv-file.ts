import { ByteReader, ByteWriter } from '../lib/bytes.ts'
import { ProtocolError } from '../lib/errors.ts'

/** Tag types of an FLV file (Adobe FLV specification version 10.1, section E.4.1). */
const tagTypes = { 8: 'audio', 9: 'video', 18: 'script' } as const
const HAS_AUDIO_AND_VIDEO = 5
const HEADER_BYTES = 9
const TAG_HEADER_BYTES = 11

export type FlvTag = {
  readonly type: 'audio' | 'video' | 'script'
  /** Milliseconds, decoding time. */
  readonly timestamp: number
  /** As RTMP carries it: `media/flv.ts` reads and prints it. */
  readonly body: Buffer
}

/** @throws ProtocolError for what is no FLV file */
export function parseFlv (bytes: Buffer): FlvTag[] {
  const reader = new ByteReader(bytes)
  if (reader.view(3).toString('latin1') !== 'FLV') throw new ProtocolError('not an FLV file')
  reader.skip(2)
  reader.skip(reader.u32() - HEADER_BYTES)
  const tags: FlvTag[] = []
  for (reader.skip(4); reader.left >= TAG_HEADER_BYTES; reader.skip(4)) { // After the header and each tag: the size of what was before.
    const type = tagTypes[reader.u8() as keyof typeof tagTypes]
    const size = reader.u24()
    const timestamp = reader.u24() + reader.u8() * 2 ** 24
    reader.skip(3)
    const body = reader.view(size)
    if (type !== undefined) tags.push({ type, timestamp, body })
  }
  return tags
}

export function printFlv (tags: readonly FlvTag[]): Buffer {
  const writer = new ByteWriter(1 << 20).ascii('FLV').u8(1).u8(HAS_AUDIO_AND_VIDEO).u32(HEADER_BYTES).u32(0)
  for (const { type, timestamp, body } of tags) {
    const code = type === 'audio' ? 8 : type === 'video' ? 9 : 18
    writer.u8(code).u24(body.length).u24(timestamp % 2 ** 24).u8(Math.floor(timestamp / 2 ** 24)).u24(0).bytes(body).u32(TAG_HEADER_BYTES + body.length)
  }
  return writer.done()
}
