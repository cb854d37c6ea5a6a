const FIXED_HEADER_BYTES = 12
/** What a UDP datagram, or a frame of RFC 4571, can hold at most. */
export const MAX_PACKET_BYTES = 0xffff

/** Told apart by the second byte, which in RTP of a session with both is never one of these (RFC 5761 section 4). */
export const isRtcp = (bytes: Buffer, at = 0): boolean => bytes.length > at + 1 && bytes[at + 1]! >= 192 && bytes[at + 1]! <= 223

export const isVersion2 = (bytes: Buffer, at = 0): boolean => (bytes[at]! & 0xc0) === 0x80

/**
 * The bytes of the header, with its CSRCs and extensions, of the RTP packet at `at`: what SRTP leaves readable (RFC 3711 section 3.1).
 * Undefined where they are not all within the packet's `length` bytes.
 */
export function rtpHeaderLength (bytes: Buffer, length: number, at = 0): number | undefined {
  if (length < FIXED_HEADER_BYTES || !isVersion2(bytes, at)) return undefined
  const first = bytes[at]!
  let header = FIXED_HEADER_BYTES + (first & 0x0f) * 4
  if ((first & 0x10) !== 0) {
    if (length < header + 4) return undefined
    header += 4 + (bytes[at + header + 2]! << 8 | bytes[at + header + 3]!) * 4
  }
  return header <= length ? header : undefined
}
