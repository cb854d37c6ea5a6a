import { timestampDistance } from './rtp-packet.ts'

/**
 * One instant on two clocks: a track's RTP timestamp and the wall clock of whoever captured it. Set by the publisher (from
 * RTMP's shared timeline, or from RTCP sender reports), the same wall clock for all tracks of one participant. It is what
 * keeps lips and words together in a recording and in the sender reports to a viewer.
 */
export type TimeReference = {
  readonly rtpTimestamp: number
  /** Milliseconds since 1970, with a fraction. */
  readonly wallMs: number
}

/** The wall time (ms since 1970) of an RTP timestamp less than 2^31 ticks away from the reference. */
export const wallTimeOf = (timestamp: number, reference: TimeReference, clockRate: number): number =>
  reference.wallMs + timestampDistance(timestamp, reference.rtpTimestamp) / clockRate * 1000

/** The RTP timestamp at a wall time (ms since 1970). */
export const timestampAt = (wallMs: number, reference: TimeReference, clockRate: number): number =>
  (reference.rtpTimestamp + Math.round((wallMs - reference.wallMs) * clockRate / 1000)) >>> 0
