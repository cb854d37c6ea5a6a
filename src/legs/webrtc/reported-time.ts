import { timestampDistance } from '../../media/rtp-packet.ts'
import type { TimeReference } from '../../media/time-reference.ts'

/** No encoder holds one stream back longer than another (ms), and no network. */
const MAX_DISAGREEMENT_MS = 2000
/** Between two reports a stream's timestamps and its sender's clock go on together: within what a busy sender errs, and a share of the time between. */
const MAX_ERROR_MS = 200
const MAX_ERROR_SHARE = 0.25
/** In a row; then the reports are not believed. */
const MAX_CONTRADICTIONS = 2

/**
 * How much the publisher's wall clock is behind ours: found at its first report, and kept, so that all its streams agree. Found
 * anew when a report contradicts the arrival of packets: clocks are set.
 */
export class ClockSkew {
  #ms: number | undefined

  /** @param ourWallMs when a packet of that instant came, or would have */
  toOurs (theirWallMs: number, ourWallMs: number): number {
    const found = ourWallMs - theirWallMs
    if (this.#ms === undefined || Math.abs(this.#ms - found) > MAX_DISAGREEMENT_MS) this.#ms = found
    return theirWallMs + this.#ms
  }
}

/**
 * What the sender reports of one stream say of its time, on our clock, as far as they can be believed. Some cannot: a `webrtcbin`
 * whose program does not handle latency messages (Meetecho's WHIP client is one) gives timestamps that run twice as fast as its
 * clock. Then packets are of when they came: the same measure for all streams of such a publisher. A report that contradicts the
 * one before is no proof of that: a sender may begin anew, and go on from there.
 */
export class ReportedTime {
  readonly #skew: ClockSkew
  readonly #clockRate: number
  #last: TimeReference | undefined
  #reference: TimeReference | undefined
  #contradictions = 0

  constructor (skew: ClockSkew, clockRate: number) {
    this.#skew = skew
    this.#clockRate = clockRate
  }

  /** @param reported as the publisher's clock has it @param ourWallMs when a packet of that timestamp came, or would have */
  take (reported: TimeReference, ourWallMs: number): TimeReference {
    this.#contradictions = this.#continues(reported) ? 0 : this.#contradictions + 1
    this.#last = reported
    const { rtpTimestamp, wallMs } = reported
    if (this.#reference === undefined || this.#contradictions === 0) this.#reference = { rtpTimestamp, wallMs: this.#skew.toOurs(wallMs, ourWallMs) }
    else if (this.#contradictions >= MAX_CONTRADICTIONS) this.#reference = { rtpTimestamp, wallMs: ourWallMs }
    return this.#reference
  }

  #continues ({ rtpTimestamp, wallMs }: TimeReference): boolean {
    if (!this.#last) return true
    const byClock = wallMs - this.#last.wallMs
    const byTimestamp = timestampDistance(rtpTimestamp, this.#last.rtpTimestamp) / this.#clockRate * 1000
    return Math.abs(byTimestamp - byClock) <= MAX_ERROR_MS + Math.abs(byClock) * MAX_ERROR_SHARE
  }
}
