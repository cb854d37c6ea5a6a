import { CTR_IV_BYTES, GCM_IV_BYTES, Memory } from '../../../lib/native/evp.ts'

/** One for all sessions of the process: an IV is used up before the next is set. The block counter stays 0. */
const gcm = place(GCM_IV_BYTES)
const cm = place(CTR_IV_BYTES)

/**
 * What makes the encryption of each packet another: salt XOR its SSRC XOR its index of 48 bits.
 *
 * GCM (RFC 7714 sections 8.1, 9.1), 12 bytes:  | 0 0 | SSRC 4 | index 6 |
 * CM (RFC 3711 section 4.1.1), 16 bytes:       | 0 0 0 0 | SSRC 4 | index 6 | block counter 2 |
 *
 * An RTP packet's index is its roll-over counter and its sequence number, an RTCP packet's the 31 bits it carries.
 */
export class PacketIv {
  readonly #memory: Memory
  readonly #view: DataView
  readonly #ssrcAt: number
  /** Of what stands before the SSRC, 2 bytes or 4, the first two and the last two. */
  readonly #firstSalt: number
  readonly #beforeSsrcSalt: number
  readonly #ssrcSalt: number
  readonly #highSalt: number
  readonly #lowSalt: number

  constructor (salt: Buffer, length: typeof GCM_IV_BYTES | typeof CTR_IV_BYTES) {
    const { memory, view } = length === GCM_IV_BYTES ? gcm : cm
    const ssrcAt = length === GCM_IV_BYTES ? 2 : 4
    this.#memory = memory
    this.#view = view
    this.#ssrcAt = ssrcAt
    this.#firstSalt = salt.readUInt16BE(0)
    this.#beforeSsrcSalt = salt.readUInt16BE(ssrcAt - 2)
    this.#ssrcSalt = salt.readInt32BE(ssrcAt)
    this.#highSalt = salt.readInt32BE(ssrcAt + 4)
    this.#lowSalt = salt.readUInt16BE(ssrcAt + 8)
  }

  /**
   * @param high the upper 32 bits of the index, @param low its lower 16.
   * @returns valid until the next is set, of whatever session
   */
  set (ssrc: number, high: number, low: number): Memory {
    this.#view.setUint16(0, this.#firstSalt)
    this.#view.setUint16(this.#ssrcAt - 2, this.#beforeSsrcSalt)
    this.#view.setInt32(this.#ssrcAt, ssrc ^ this.#ssrcSalt)
    this.#view.setInt32(this.#ssrcAt + 4, high ^ this.#highSalt)
    this.#view.setUint16(this.#ssrcAt + 8, low ^ this.#lowSalt)
    return this.#memory
  }
}

function place (length: number): { memory: Memory, view: DataView } {
  const bytes = Buffer.from(new ArrayBuffer(length))
  return { memory: new Memory(bytes), view: new DataView(bytes.buffer) }
}
