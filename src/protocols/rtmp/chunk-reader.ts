import { ProtocolError } from '../../lib/errors.ts'
import { limits } from './limits.ts'
import { MessageType, parseControl, type RtmpMessage } from './message.ts'

const DEFAULT_CHUNK_BYTES = 128
/** Basic header 3, message header 11, extended timestamp 4. */
const MAX_HEADER_BYTES = 18
/** This value in the 24-bit field says that the real one follows in 32 bits. */
const EXTENDED = 0xffffff
/** What a message is given room for before its bytes are there; after that, room doubles as they come. */
const FIRST_ROOM_BYTES = 4096
/** Room up to this size is kept for the next message: most pictures fit. */
const MAX_KEPT_ROOM_BYTES = 256 << 10
/** Bytes of the message header by its format, 0 to 3. */
const messageHeaderBytes = [11, 7, 3, 0] as const

/** What the last header on a chunk stream said, and the message under way there. */
class ChunkStreamState {
  /** Of the message: milliseconds, 32 bits. */
  timestamp = 0
  /** The timestamp field as it was sent: absolute after format 0, else what the message added to the one before. */
  field = 0
  /** The field stood in 32 bits of its own. */
  extended = false
  absolute = false
  type = 0
  length = 0
  streamId = 0
  /** Bytes of the message that have arrived. */
  received = 0
  /** Room for the message under way; used again for the next one. */
  room = Buffer.alloc(0)
}

/** A header that was recognised but not yet acted upon: `basic` and `bytes` are the lengths of its first part and of all of it. */
type Header = { format: number, chunkStreamId: number, basic: number, bytes: number, extended: boolean }

/** The largest message of this type that is taken, in bytes. */
export type MessageLimit = (type: number) => number

/** Only commands and control, and small ones: for a peer that has not said who it is. */
export const beforePublish: MessageLimit = () => limits.maxCommandBytes

export const whilePublishing: MessageLimit = type => {
  if (type === MessageType.video || type === MessageType.aggregate) return limits.maxVideoBytes
  return type === MessageType.audio ? limits.maxAudioBytes : limits.maxCommandBytes
}

/**
 * Puts messages together from chunks (specification section 5.3). A message costs memory as its bytes arrive, not as its header
 * announces; one that lies whole in the input is handed on as a view, without a copy, the others in room that the next uses again.
 */
export class ChunkReader {
  /** Raised once the peer is known. */
  messageLimit: MessageLimit = beforePublish
  readonly #onMessage: (message: RtmpMessage) => void
  readonly #streams = new Map<number, ChunkStreamState>()
  /** A header cut by the end of the input. */
  readonly #scratch = Buffer.alloc(MAX_HEADER_BYTES)
  readonly #header: Header = { format: 0, chunkStreamId: 0, basic: 0, bytes: 0, extended: false }
  #scratchBytes = 0
  #chunkBytes = DEFAULT_CHUNK_BYTES
  /** The stream whose chunk is being read, and how much of that chunk is still to come. */
  #current: ChunkStreamState | undefined
  #chunkLeft = 0
  #buffered = 0
  #stopped = false

  /** @param onMessage called within `push`, for every message but Set Chunk Size and Abort; the payload's bytes are its until it returns */
  constructor (onMessage: (message: RtmpMessage) => void) { this.#onMessage = onMessage }

  get chunkBytes (): number { return this.#chunkBytes }
  /** Bytes of room held for messages. */
  get bufferedBytes (): number { return this.#buffered }

  /** Called from within `onMessage`: `push` returns after this message. */
  stop (): void { this.#stopped = true }

  /** @returns how many bytes were read: all, unless stopped. @throws ProtocolError; nothing may be pushed after that */
  push (input: Buffer): number {
    this.#stopped = false
    let at = 0
    while (at < input.length && !this.#stopped) at = this.#step(input, at)
    return at
  }

  #step (input: Buffer, at: number): number {
    return this.#current ? this.#readChunk(this.#current, input, at) : this.#readHeader(input, at)
  }

  #readHeader (input: Buffer, at: number): number {
    if (this.#scratchBytes === 0) {
      if (!this.#recognise(input, at, input.length)) {
        this.#scratchBytes = input.copy(this.#scratch, 0, at)
        return input.length
      }
      this.#begin(input, at)
      return at + this.#header.bytes
    }
    const before = this.#scratchBytes
    const copied = input.copy(this.#scratch, before, at, Math.min(input.length, at + MAX_HEADER_BYTES - before))
    if (!this.#recognise(this.#scratch, 0, before + copied)) {
      this.#scratchBytes += copied
      return input.length
    }
    this.#scratchBytes = 0
    this.#begin(this.#scratch, 0)
    if (this.#header.bytes >= before) return at + this.#header.bytes - before
    // An extended timestamp was waited for and is not there: what was held back is already the body.
    const body = Buffer.from(this.#scratch.subarray(this.#header.bytes, before))
    for (let done = 0; done < body.length;) done = this.#step(body, done)
    return at
  }

  /** Finds out how long the header at `at` is. @returns false when it goes on after `end` */
  #recognise (bytes: Buffer, at: number, end: number): boolean {
    const first = bytes[at]!
    const low = first & 0x3f
    const basic = low === 0 ? 2 : low === 1 ? 3 : 1
    if (at + basic > end) return false
    const header = this.#header
    header.format = first >> 6
    header.chunkStreamId = low > 1 ? low : low === 0 ? 64 + bytes[at + 1]! : 64 + bytes[at + 1]! + bytes[at + 2]! * 256
    header.basic = basic
    header.bytes = basic + messageHeaderBytes[header.format]!
    if (at + header.bytes > end) return false
    header.extended = header.format === 3
      ? this.#streams.get(header.chunkStreamId)?.extended === true
      : bytes.readUIntBE(at + basic, 3) === EXTENDED
    if (header.extended) header.bytes += 4
    return at + header.bytes <= end
  }

  /** Takes what the recognised header says. */
  #begin (bytes: Buffer, at: number): void {
    const header = this.#header
    const stream = this.#stream(header.chunkStreamId, header.format)
    if (header.format === 3) this.#continueOrRepeat(stream, bytes, at)
    else {
      if (stream.received > 0) throw new ProtocolError('a new message in the middle of another on the same chunk stream')
      readMessageHeader(stream, header, bytes, at)
    }
    if (stream.received === 0) this.#checkLength(stream)
    this.#current = stream
    this.#chunkLeft = Math.min(this.#chunkBytes, stream.length - stream.received)
    if (this.#chunkLeft === 0) this.#finish(stream, Buffer.alloc(0)) // A message without a body.
  }

  #stream (id: number, format: number): ChunkStreamState {
    const known = this.#streams.get(id)
    if (known) return known
    if (format !== 0 && format !== 1) throw new ProtocolError(`chunk stream ${id} begins with a header of format ${format}`)
    if (this.#streams.size >= limits.maxChunkStreams) throw new ProtocolError(`more than ${limits.maxChunkStreams} chunk streams`)
    const stream = new ChunkStreamState()
    this.#streams.set(id, stream)
    return stream
  }

  /**
   * Format 3 continues a message, or begins one like the last. After an extended timestamp it repeats those four bytes
   * (section 5.3.1.3), but some encoders leave them out: they are only taken for that if they are the same.
   */
  #continueOrRepeat (stream: ChunkStreamState, bytes: Buffer, at: number): void {
    if (stream.extended && bytes.readUInt32BE(at + this.#header.basic) !== stream.field) this.#header.bytes -= 4
    if (stream.received > 0) return
    // After format 0 the same field counts as the difference (section 5.3.1.2.4); an extended one would be hours, and means "now".
    if (!stream.absolute || !stream.extended) stream.timestamp = (stream.timestamp + stream.field) >>> 0
  }

  #checkLength ({ type, length }: ChunkStreamState): void {
    const most = this.messageLimit(type)
    if (length > most) throw new ProtocolError(`a message of type ${type} and ${length} bytes, at most ${most} are taken`)
  }

  #readChunk (stream: ChunkStreamState, input: Buffer, at: number): number {
    const end = Math.min(at + this.#chunkLeft, input.length)
    if (stream.received === 0 && end - at === stream.length) {
      this.#finish(stream, input.subarray(at, end))
      return end
    }
    this.#append(stream, input, at, end)
    this.#chunkLeft -= end - at
    if (stream.received === stream.length) this.#finish(stream, stream.room.subarray(0, stream.length))
    else if (this.#chunkLeft === 0) this.#current = undefined
    return end
  }

  #append (stream: ChunkStreamState, input: Buffer, at: number, end: number): void {
    const needed = stream.received + end - at
    if (needed > stream.room.length) {
      const room = Buffer.allocUnsafeSlow(Math.min(stream.length, Math.max(needed, stream.room.length * 2, FIRST_ROOM_BYTES)))
      this.#buffered += room.length - stream.room.length
      if (this.#buffered > limits.maxBufferedBytes) throw new ProtocolError(`more than ${limits.maxBufferedBytes} bytes in unfinished messages`)
      stream.room.copy(room, 0, 0, stream.received)
      stream.room = room
    }
    input.copy(stream.room, stream.received, at, end)
    stream.received = needed
  }

  #finish (stream: ChunkStreamState, payload: Buffer): void {
    this.#current = undefined
    stream.received = 0
    const message = { type: stream.type, streamId: stream.streamId, timestamp: stream.timestamp, payload }
    if (message.type === MessageType.setChunkSize) this.#setChunkSize(parseControl(message))
    else if (message.type === MessageType.abort) this.#abort(parseControl(message))
    else this.#onMessage(message)
    if (stream.room.length > MAX_KEPT_ROOM_BYTES) this.#giveBack(stream)
  }

  #giveBack (stream: ChunkStreamState): void {
    this.#buffered -= stream.room.length
    stream.room = Buffer.alloc(0)
  }

  #setChunkSize (bytes: number): void {
    if (bytes < limits.minChunkBytes || bytes > limits.maxChunkBytes) {
      throw new ProtocolError(`a chunk size of ${bytes} bytes, ${limits.minChunkBytes} to ${limits.maxChunkBytes} are taken`)
    }
    this.#chunkBytes = bytes
  }

  /** The peer will not finish the message it began there (section 5.4.2). */
  #abort (chunkStreamId: number): void {
    const stream = this.#streams.get(chunkStreamId)
    if (!stream) return
    stream.received = 0
    this.#giveBack(stream)
  }
}

/** Formats 0 to 2. */
function readMessageHeader (stream: ChunkStreamState, { format, basic, bytes: length, extended }: Header, bytes: Buffer, at: number): void {
  const start = at + basic
  stream.extended = extended
  stream.absolute = format === 0
  stream.field = extended ? bytes.readUInt32BE(at + length - 4) : bytes.readUIntBE(start, 3)
  stream.timestamp = stream.absolute ? stream.field : (stream.timestamp + stream.field) >>> 0
  if (format > 1) return
  stream.length = bytes.readUIntBE(start + 3, 3)
  stream.type = bytes[start + 6]!
  if (format === 0) stream.streamId = bytes.readUInt32LE(start + 7) // The one little-endian number of RTMP.
}
