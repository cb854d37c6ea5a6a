import { FRAME_NUMBER_AT } from './dependency-descriptor.ts'

const ONE_BYTE_PROFILE = 0xbede
const TWO_BYTE_PROFILE = 0x1000
/** In the one-byte form, 15 ends the list (RFC 8285 section 4.2). */
const MAX_ONE_BYTE_ID = 14
const MAX_ONE_BYTE_LENGTH = 16
const MAX_TWO_BYTE_LENGTH = 255
const BLOCK_HEADER_BYTES = 4
/** The playout delay counts in units of 10 ms, 12 bits each. */
const PLAYOUT_UNIT_MS = 10
const MAX_PLAYOUT_UNITS = 0xfff

export type ExtensionElement = { readonly id: number, readonly value: Uint8Array }

export type BlockOptions = {
  /** The id under which each packet carries its transport-wide sequence number, if it does. */
  readonly numberId?: number | undefined
  /** The id under which packets carry what their publisher said of their place among layers, where it did. */
  readonly descriptorId?: number | undefined
}

/**
 * The header extensions of one outgoing stream (RFC 8285), printed once: from packet to packet only the transport-wide sequence
 * number changes, and the descriptor, which stands last. One-byte form where it can say everything, else the two-byte form.
 */
export class ExtensionBlock {
  readonly #bytes: Buffer
  readonly #numberAt: number | undefined
  readonly #descriptorId: number | undefined
  /** Before the padding that makes whole words. */
  readonly #bodyEnd: number

  constructor (elements: readonly ExtensionElement[], { numberId, descriptorId }: BlockOptions = {}) {
    const all = numberId === undefined ? elements : [{ id: numberId, value: new Uint8Array(2) }, ...elements]
    const oneByte = descriptorId === undefined && all.every(({ id, value }) => id <= MAX_ONE_BYTE_ID && value.length >= 1 && value.length <= MAX_ONE_BYTE_LENGTH)
    const parts = all.flatMap(({ id, value }) => [oneByte ? Buffer.of(id << 4 | value.length - 1) : Buffer.of(id, value.length), Buffer.from(value)])
    const body = Buffer.concat(parts)
    this.#bodyEnd = BLOCK_HEADER_BYTES + body.length
    this.#bytes = Buffer.alloc(wholeWords(this.#bodyEnd))
    this.#bytes.writeUInt16BE(oneByte ? ONE_BYTE_PROFILE : TWO_BYTE_PROFILE, 0)
    this.#bytes.writeUInt16BE(this.#bytes.length / 4 - 1, 2)
    body.copy(this.#bytes, BLOCK_HEADER_BYTES)
    this.#descriptorId = descriptorId
    this.#numberAt = numberId === undefined ? undefined : BLOCK_HEADER_BYTES + (oneByte ? 1 : 2)
  }

  /** Bytes between the fixed header and the payload. */
  sizeWith (descriptor: Uint8Array | undefined): number {
    return this.#takes(descriptor) ? wholeWords(this.#bodyEnd + 2 + descriptor.length) : this.#bytes.length
  }

  /** Prints the block at `at`; `sizeWith` says how long it is. @param frameNumber what the descriptor says instead of its own */
  print (target: Buffer, at: number, descriptor?: Buffer, frameNumber = 0): void {
    this.#bytes.copy(target, at)
    if (!this.#takes(descriptor)) return
    const size = this.sizeWith(descriptor)
    const begin = at + this.#bodyEnd
    target.writeUInt16BE(size / 4 - 1, at + 2)
    target[begin] = this.#descriptorId!
    target[begin + 1] = descriptor.length
    descriptor.copy(target, begin + 2)
    target.writeUInt16BE(frameNumber, begin + 2 + FRAME_NUMBER_AT)
    target.fill(0, begin + 2 + descriptor.length, at + size)
  }

  /** Gives the block printed at `at` its packet's transport-wide sequence number. */
  number (target: Buffer, at: number, sequenceNumber: number): void {
    if (this.#numberAt !== undefined) target.writeUInt16BE(sequenceNumber, at + this.#numberAt)
  }

  #takes (descriptor: Uint8Array | undefined): descriptor is Uint8Array {
    return this.#descriptorId !== undefined && descriptor !== undefined && descriptor.length <= MAX_TWO_BYTE_LENGTH
  }
}

const wholeWords = (bytes: number): number => bytes + 3 & ~3

/** How long after its arrival a receiver may and must show a picture (the playout-delay extension of libwebrtc). */
export function playoutDelay (minMs: number, maxMs: number): Buffer {
  const [min, max] = [minMs, maxMs].map(ms => Math.min(MAX_PLAYOUT_UNITS, Math.round(ms / PLAYOUT_UNIT_MS)))
  const value = Buffer.alloc(3)
  value.writeUIntBE(min! << 12 | max!, 0, 3)
  return value
}
