import { ProtocolError } from './errors.ts'

/** Reads big-endian fields from a buffer. Every read checks its size first and throws ProtocolError with the offset. */
export class ByteReader {
  readonly bytes: Buffer
  offset: number

  constructor (bytes: Buffer, offset = 0) {
    this.bytes = bytes
    this.offset = offset
  }

  get left (): number { return this.bytes.length - this.offset }

  u8 (): number { return this.bytes.readUInt8(this.#take(1)) }
  u16 (): number { return this.bytes.readUInt16BE(this.#take(2)) }
  u24 (): number { return this.bytes.readUIntBE(this.#take(3), 3) }
  i24 (): number { return this.bytes.readIntBE(this.#take(3), 3) }
  u32 (): number { return this.bytes.readUInt32BE(this.#take(4)) }
  u64 (): bigint { return this.bytes.readBigUInt64BE(this.#take(8)) }
  f64 (): number { return this.bytes.readDoubleBE(this.#take(8)) }

  /** A view (not a copy) of the next `length` bytes. */
  view (length: number): Buffer {
    const start = this.#take(length)
    return this.bytes.subarray(start, start + length)
  }

  rest (): Buffer { return this.view(this.left) }
  skip (length: number): void { this.#take(length) }

  #take (length: number): number {
    const start = this.offset
    if (length < 0 || length > this.left) throw new ProtocolError(`wanted ${length} bytes, ${this.left} are left`, start)
    this.offset = start + length
    return start
  }
}

/** Appends big-endian fields to a buffer that grows. */
export class ByteWriter {
  #bytes: Buffer
  #length = 0

  constructor (capacity = 256) { this.#bytes = Buffer.allocUnsafe(capacity) }

  get length (): number { return this.#length }

  u8 (value: number): this { const at = this.#grow(1); this.#bytes.writeUInt8(value, at); return this }
  u16 (value: number): this { const at = this.#grow(2); this.#bytes.writeUInt16BE(value, at); return this }
  u24 (value: number): this { const at = this.#grow(3); this.#bytes.writeUIntBE(value, at, 3); return this }
  i24 (value: number): this { const at = this.#grow(3); this.#bytes.writeIntBE(value, at, 3); return this }
  u32 (value: number): this { const at = this.#grow(4); this.#bytes.writeUInt32BE(value, at); return this }
  i32 (value: number): this { const at = this.#grow(4); this.#bytes.writeInt32BE(value, at); return this }
  u64 (value: bigint): this { const at = this.#grow(8); this.#bytes.writeBigUInt64BE(value, at); return this }
  f64 (value: number): this { const at = this.#grow(8); this.#bytes.writeDoubleBE(value, at); return this }
  bytes (value: Uint8Array): this { const at = this.#grow(value.length); this.#bytes.set(value, at); return this }
  ascii (value: string): this { const at = this.#grow(value.length); this.#bytes.write(value, at, 'latin1'); return this }
  zeros (length: number): this { const at = this.#grow(length); this.#bytes.fill(0, at, at + length); return this }

  /** Overwrites 4 bytes written earlier: for lengths known only afterwards. */
  patchU32 (offset: number, value: number): this { this.#bytes.writeUInt32BE(value, offset); return this }

  /** What was written. A view: valid until the next write. */
  done (): Buffer { return this.#bytes.subarray(0, this.#length) }

  /** Makes room, which may move the bytes: callers fetch `#bytes` afterwards. */
  #grow (length: number): number {
    const at = this.#length
    this.#length += length
    if (this.#length > this.#bytes.length) {
      const bigger = Buffer.allocUnsafe(Math.max(this.#length, this.#bytes.length * 2))
      this.#bytes.copy(bigger, 0, 0, at)
      this.#bytes = bigger
    }
    return at
  }
}
