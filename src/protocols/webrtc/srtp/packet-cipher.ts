import type { Memory } from '../../../lib/native/evp.ts'

/**
 * Encrypts and authenticates packets where they stand: in `memory`, from `at` on. `length` is always that of the plain packet;
 * the protected one is longer by the overhead, and stands in the same place. All in bytes.
 */
export type PacketCipher = Disposable & {
  readonly rtpOverhead: number
  /** Counts the word with the index. */
  readonly rtcpOverhead: number
  /** Where that word begins, counted from the end of a protected packet. */
  readonly indexFromEnd: number
  /** @param header the length of the RTP header with all that belongs to it, which stays readable. */
  sealRtp (memory: Memory, at: number, header: number, length: number, rollover: number): void
  /** False if it is not authentic; then the bytes are of no use. */
  openRtp (memory: Memory, at: number, header: number, length: number, rollover: number): boolean
  sealRtcp (memory: Memory, at: number, length: number, index: number): void
  openRtcp (memory: Memory, at: number, length: number, index: number): boolean
}

/** RTCP's header as far as it stays readable (RFC 3711 section 3.4): up to the sender's SSRC. */
export const RTCP_CLEAR_BYTES = 8
export const INDEX_BYTES = 4
/** The E flag in the index word: this packet is encrypted. */
export const ENCRYPTED = 0x80000000
