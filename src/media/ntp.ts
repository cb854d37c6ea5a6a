/** Seconds from 1900, where NTP begins, to 1970. */
const NTP_TO_UNIX_SECONDS = 2_208_988_800

/** 64 bits of NTP time (RFC 5905 section 6) in two halves: seconds since 1900, and 2^-32 s. */
export type NtpTime = { readonly seconds: number, readonly fraction: number }

/** @param wallMs milliseconds since 1970, with a fraction. */
export function ntpOf (wallMs: number): NtpTime {
  const whole = Math.floor(wallMs / 1000)
  return { seconds: (whole + NTP_TO_UNIX_SECONDS) >>> 0, fraction: Math.floor((wallMs / 1000 - whole) * 0x1_0000_0000) >>> 0 }
}

/** Milliseconds since 1970; right until 2036. */
export const wallOf = ({ seconds, fraction }: NtpTime): number => (seconds - NTP_TO_UNIX_SECONDS + fraction / 0x1_0000_0000) * 1000

/** The middle 32 bits, in which RTCP measures round trips: units of 1/65536 s. */
export const ntpMiddle = ({ seconds, fraction }: NtpTime): number => ((seconds & 0xffff) * 0x10000 + (fraction >>> 16)) >>> 0

/**
 * The time a report and its answer took on the way (RFC 3550 section 6.4.1, figure 2; RFC 3611 section 4.5).
 * @param last the middle of the NTP time in our report that is answered @param delay how long the answer took, in units of 1/65536 s
 */
export const roundTripMs = (wallMs: number, last: number, delay: number): number => Math.max(0, ((ntpMiddle(ntpOf(wallMs)) - last - delay) | 0) / 65.536)
