import { RtpPacket } from './rtp-packet.ts'

/** Packets begin at multiples of so many bytes: a place among them is a number of 32 bits, which comes again after 256 GiB. */
const UNIT_BYTES = 64
const CHUNK_UNITS_BITS = 12
const CHUNK_BYTES = UNIT_BYTES << CHUNK_UNITS_BITS
const UNIT_MASK = (1 << CHUNK_UNITS_BITS) - 1
const MAX_CHUNK_NUMBER = 2 ** (32 - CHUNK_UNITS_BITS) - 1
/** Length of the packet, length of the descriptor. */
const RECORD_HEADER_BYTES = 4

export type CacheLimits = {
  /** So long a packet is kept (ms); longer as long as nothing needs its place. */
  readonly ms: number
  /** Bytes in all, in steps of 256 KiB: with more to keep, packets are kept for a shorter time. */
  readonly bytes: number
}

const defaultLimits: CacheLimits = { ms: 2000, bytes: 128 * 2 ** 20 }

/** Of the chunk made last, in whatever cache: a place is one in one cache only. */
let lastNumber = 0

let shared: WeakRef<PacketCache> | undefined

/** One for all senders of the process, as most packets go to many receivers: made for the first of them, gone with the last. */
export function sharedPacketCache (): PacketCache {
  const there = shared?.deref()
  if (there) return there
  const made = new PacketCache()
  shared = new WeakRef(made)
  return made
}

type Chunk = { number: number, newestAt: number, readonly bytes: Buffer }

/**
 * Packets that may be asked for again, once for all who were sent them. They are copied into memory that is used over and over:
 * as objects they would live just long enough to burden the garbage collector's old generation, with megabytes each second.
 */
export class PacketCache {
  readonly #limits: CacheLimits
  /** Oldest first. */
  readonly #chunks: Chunk[] = []
  readonly #byNumber = new Map<number, Chunk>()
  /** Where the next packet may stand in the newest chunk. */
  #unit = 0

  constructor (limits: CacheLimits = defaultLimits) { this.#limits = limits }

  /** In use. */
  get bytes (): number { return this.#chunks.length * CHUNK_BYTES }

  /**
   * Copies the packet, unless somebody has kept it already.
   * @param now milliseconds
   * @returns its place: 32 bits, never 0
   */
  keep (packet: RtpPacket, now: number): number {
    if (packet.place === 0 || !this.#byNumber.has(packet.place >>> CHUNK_UNITS_BITS)) packet.place = this.#copy(packet, now)
    return packet.place
  }

  #copy ({ bytes, descriptor }: RtpPacket, now: number): number {
    const units = Math.ceil((RECORD_HEADER_BYTES + bytes.length + (descriptor?.length ?? 0)) / UNIT_BYTES)
    let chunk = this.#chunks.at(-1)
    if (!chunk || this.#unit + units > 1 << CHUNK_UNITS_BITS) chunk = this.#turn(now)
    const unit = this.#unit
    const at = unit * UNIT_BYTES
    chunk.bytes.writeUInt16LE(bytes.length, at)
    chunk.bytes.writeUInt16LE(descriptor?.length ?? 0, at + 2)
    bytes.copy(chunk.bytes, at + RECORD_HEADER_BYTES)
    descriptor?.copy(chunk.bytes, at + RECORD_HEADER_BYTES + bytes.length)
    chunk.newestAt = now
    this.#unit += units
    return (chunk.number << CHUNK_UNITS_BITS | unit) >>> 0
  }

  /** @returns the packet at that place, valid until the next one is kept; undefined if it is gone. */
  at (place: number): RtpPacket | undefined {
    const chunk = this.#byNumber.get(place >>> CHUNK_UNITS_BITS)
    if (!chunk) return undefined
    const at = (place & UNIT_MASK) * UNIT_BYTES
    const begin = at + RECORD_HEADER_BYTES
    const end = begin + chunk.bytes.readUInt16LE(at)
    const descriptorBytes = chunk.bytes.readUInt16LE(at + 2)
    return new RtpPacket(chunk.bytes.subarray(begin, end), 0, descriptorBytes === 0 ? undefined : chunk.bytes.subarray(end, end + descriptorBytes))
  }

  /** The oldest chunk becomes the newest if what is in it is too old, or must be; others that are as old are let go. */
  #turn (now: number): Chunk {
    const { ms, bytes } = this.#limits
    const isOld = (chunk: Chunk | undefined): boolean => chunk !== undefined && now - chunk.newestAt > ms
    while (isOld(this.#chunks[1])) this.#forget()
    const reused = isOld(this.#chunks[0]) || this.bytes + CHUNK_BYTES > bytes ? this.#forget() : undefined
    lastNumber = lastNumber === MAX_CHUNK_NUMBER ? 1 : lastNumber + 1
    const chunk = { number: lastNumber, newestAt: now, bytes: reused?.bytes ?? Buffer.allocUnsafeSlow(CHUNK_BYTES) }
    this.#chunks.push(chunk)
    this.#byNumber.set(chunk.number, chunk)
    this.#unit = 0
    return chunk
  }

  #forget (): Chunk | undefined {
    const chunk = this.#chunks.shift()
    if (chunk) this.#byNumber.delete(chunk.number)
    return chunk
  }
}
