import { CTR_IV_BYTES, GCM_IV_BYTES, Memory } from '../../../lib/native/evp.ts'

/**
 * What makes the encryption of each packet another: salt XOR its SSRC XOR its index of 48 bits.
 *
 * GCM (RFC 7714 sections 8.1, 9.1), 12 bytes:  | 0 0 | SSRC 4 | index 6 |
 * CM (RFC 3711 section 4.1.1), 16 bytes:       | 0 0 0 0 | SSRC 4 | index 6 | block counter 2 |
 *
 * An RTP packet's index is its roll-over counter and its sequence number, an RTCP packet's the 31 bits it carries.
 */
export class PacketIv {
  readonly memory: Memory
  readonly #view: DataView
  readonly #ssrcAt: number
  readonly #ssrcSalt: number
  readonly #highSalt: number
  readonly #lowSalt: number

  constructor (salt: Buffer, length: typeof GCM_IV_BYTES | typeof CTR_IV_BYTES) {
    const bytes = Buffer.from(new ArrayBuffer(length))
    salt.copy(bytes)
    this.memory = new Memory(bytes)
    this.#view = new DataView(bytes.buffer)
    this.#ssrcAt = length === GCM_IV_BYTES ? 2 : 4
    this.#ssrcSalt = this.#view.getInt32(this.#ssrcAt)
    this.#highSalt = this.#view.getInt32(this.#ssrcAt + 4)
    this.#lowSalt = this.#view.getUint16(this.#ssrcAt + 8)
  }

  /** @param high the upper 32 bits of the index, @param low its lower 16. */
  set (ssrc: number, high: number, low: number): Memory {
    this.#view.setInt32(this.#ssrcAt, ssrc ^ this.#ssrcSalt)
    this.#view.setInt32(this.#ssrcAt + 4, high ^ this.#highSalt)
    this.#view.setUint16(this.#ssrcAt + 8, low ^ this.#lowSalt)
    return this.memory
  }
}
