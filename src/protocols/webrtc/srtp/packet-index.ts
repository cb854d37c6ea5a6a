/** Indexes of RTP packets: the roll-over counter times 2^16, plus the sequence number (RFC 3711 section 3.3.1). */

export const INDEX_LIMIT = 2 ** 48

/**
 * The index that a packet with this sequence number has, given the highest so far: the nearest one. Packets from before the
 * first of a stream come out negative: for them the counter is 2^32 - 1, as the RFC has it, and so no other packet's.
 */
export function guessIndex (highest: number, sequence: number): number {
  const distance = (sequence - highest) << 16 >> 16
  // Just as near on both sides: the RFC lets the counter stay as it is.
  return highest + (distance === -0x8000 && (highest & 0xffff) < 0x8000 ? 0x8000 : distance)
}

/** The roll-over counter of an index, as 32 bits. */
export const rolloverOf = (index: number): number => Math.floor(index / 0x10000) >>> 0
