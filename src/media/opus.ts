/** Hz of Opus' clock, whatever the rate of the sound in it (RFC 7587 section 4.1). */
export const OPUS_CLOCK = 48_000
/** No packet is longer (RFC 6716 section 3.2.5). */
const MAX_PACKET_TICKS = 5760

/**
 * Ticks of 1/48000 s that an Opus packet lasts, from its table-of-contents byte (RFC 6716 section 3.1).
 * @returns 0 for a packet that cannot be
 */
export function opusDuration (packet: Uint8Array): number {
  const toc = packet[0]
  if (toc === undefined) return 0
  const count = (toc & 3) === 0 ? 1 : (toc & 3) < 3 ? 2 : (packet[1] ?? 0) & 0x3f
  const ticks = count * frameTicks(toc >> 3)
  return ticks <= MAX_PACKET_TICKS ? ticks : 0
}

/** By configuration number: SILK has 10, 20, 40, 60 ms, hybrid 10, 20, CELT 2.5, 5, 10, 20. */
function frameTicks (config: number): number {
  if (config < 12) return [480, 960, 1920, 2880][config & 3]!
  if (config < 16) return [480, 960][config & 1]!
  return [120, 240, 480, 960][config & 3]!
}
