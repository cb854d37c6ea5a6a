import { ProtocolError } from '../lib/errors.ts'

/** Longest Exp-Golomb prefix whose value fits 32 bits (H.264 section 9.1). */
const MAX_LEADING_ZEROS = 32

/** Reads fields that do not end on byte borders: H.264 parameter sets, AudioSpecificConfig. Every read checks its size first. */
export class BitReader {
  readonly #bytes: Uint8Array
  #position = 0

  constructor (bytes: Uint8Array) { this.#bytes = bytes }

  /** Bits. */
  get left (): number { return this.#bytes.length * 8 - this.#position }

  /** The next `count` bits, most significant first; at most 32. */
  bits (count: number): number {
    if (count > this.left) throw new ProtocolError(`wanted ${count} bits, ${this.left} are left`, this.#position >> 3)
    let value = 0
    for (let wanted = count; wanted > 0;) {
      const inByte = 8 - (this.#position & 7)
      const take = Math.min(inByte, wanted)
      const piece = this.#bytes[this.#position >> 3]! >> (inByte - take) & ((1 << take) - 1)
      value = value * 2 ** take + piece // Not a shift: 32 bits would come out negative.
      this.#position += take
      wanted -= take
    }
    return value
  }

  flag (): boolean { return this.bits(1) === 1 }
  skip (count: number): void { for (let left = count; left > 0; left -= 32) this.bits(Math.min(32, left)) }
  align (): void { this.#position = (this.#position + 7) & ~7 }

  /** ue(v): an unsigned Exp-Golomb number. */
  ue (): number {
    let zeros = 0
    while (!this.flag()) if (++zeros > MAX_LEADING_ZEROS) throw new ProtocolError('an Exp-Golomb number is too long', this.#position >> 3)
    return 2 ** zeros - 1 + this.bits(zeros)
  }

  /** se(v): a signed Exp-Golomb number. */
  se (): number {
    const code = this.ue()
    return code % 2 === 1 ? (code + 1) / 2 : -code / 2
  }
}
