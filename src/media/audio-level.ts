import type { RtpPacket } from './rtp-packet.ts'

/** -dBov: what a packet of digital silence says (RFC 6464 section 3). 0 is the loudest there is. */
export const SILENT_LEVEL = 127

/**
 * How loud the sound in a packet is, in -dBov, without decoding it (RFC 6464). What the sender thinks is voice, its top bit, is
 * left out: few senders look.
 * @param id under which the extension was agreed on
 * @returns undefined where the packet does not say
 */
export function audioLevelOf (packet: RtpPacket, id: number): number | undefined {
  const value = packet.extension(id)
  return value === undefined || value.length === 0 ? undefined : value[0]! & 0x7f
}
