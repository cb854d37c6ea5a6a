import type { RtmpMessage } from './message.ts'

const DEFAULT_CHUNK_BYTES = 128
const EXTENDED = 0xffffff
const MAX_HEADER_BYTES = 18

type Sent = { timestamp: number, delta: number | undefined, type: number, length: number, streamId: number }

/** Cuts messages into chunks (specification section 5.3), each with the shortest header that says what the peer does not know. */
export class ChunkWriter {
  readonly #sent = new Map<number, Sent>()
  #chunkBytes = DEFAULT_CHUNK_BYTES

  /** For what is printed from now on; the peer must be told before by Set Chunk Size. */
  set chunkBytes (bytes: number) { this.#chunkBytes = bytes }
  get chunkBytes (): number { return this.#chunkBytes }

  print (chunkStreamId: number, message: RtmpMessage): Buffer {
    const { payload } = message
    const [header, field] = this.#header(chunkStreamId, message)
    const basic = basicHeaderBytes(chunkStreamId)
    const between = basic + (field >= EXTENDED ? 4 : 0)
    const cuts = Math.max(0, Math.ceil(payload.length / this.#chunkBytes) - 1)
    const bytes = Buffer.allocUnsafe(header.length + payload.length + cuts * between)
    let at = header.copy(bytes)
    for (let from = 0; from < payload.length; from += this.#chunkBytes) {
      if (from > 0) {
        at = writeBasicHeader(bytes, at, 3, chunkStreamId)
        if (field >= EXTENDED) at = bytes.writeUInt32BE(field, at)
      }
      at += payload.copy(bytes, at, from, from + this.#chunkBytes)
    }
    return bytes
  }

  /** @returns the first chunk's header, and the timestamp field in it, which the other chunks repeat when it is extended. */
  #header (chunkStreamId: number, { type, streamId, timestamp, payload }: RtmpMessage): [Buffer, number] {
    const last = this.#sent.get(chunkStreamId)
    const delta = last ? (timestamp - last.timestamp) | 0 : -1
    const format = last && last.streamId === streamId && delta >= 0 ? relativeFormat(last, type, payload.length, delta) : 0
    this.#sent.set(chunkStreamId, { timestamp, delta: format === 0 ? undefined : delta, type, length: payload.length, streamId })
    const field = format === 0 ? timestamp >>> 0 : delta
    const bytes = Buffer.allocUnsafe(MAX_HEADER_BYTES)
    let at = writeBasicHeader(bytes, 0, format, chunkStreamId)
    if (format < 3) at = bytes.writeUIntBE(Math.min(field, EXTENDED), at, 3)
    if (format < 2) {
      at = bytes.writeUIntBE(payload.length, at, 3)
      at = bytes.writeUInt8(type, at)
    }
    if (format === 0) at = bytes.writeUInt32LE(streamId, at)
    if (field >= EXTENDED) at = bytes.writeUInt32BE(field, at)
    return [bytes.subarray(0, at), field]
  }
}

/** Format 3 only repeats a difference that was sent as one: after format 0 implementations disagree on what it means. */
function relativeFormat (last: Sent, type: number, length: number, delta: number): 1 | 2 | 3 {
  if (last.type !== type || last.length !== length) return 1
  return last.delta === delta ? 3 : 2
}

const basicHeaderBytes = (chunkStreamId: number): number => chunkStreamId < 64 ? 1 : chunkStreamId < 320 ? 2 : 3

function writeBasicHeader (bytes: Buffer, at: number, format: number, chunkStreamId: number): number {
  if (chunkStreamId < 64) return bytes.writeUInt8(format << 6 | chunkStreamId, at)
  const rest = chunkStreamId - 64
  if (rest < 256) return bytes.writeUInt8(rest, bytes.writeUInt8(format << 6, at))
  return bytes.writeUInt16LE(rest, bytes.writeUInt8(format << 6 | 1, at))
}
