/** bit/s: what receivers say is believed between these. */
const MIN_BITRATE = 30_000
const MAX_BITRATE = 100_000_000
/** Shares of packets lost: below the first the path is fine, above the second it is full (draft-ietf-rmcat-gcc-02 section 6). */
const LOW_LOSS = 0.02
const HIGH_LOSS = 0.1
/** Loss is acted upon at most every so many ms: a report tells of the last second. */
const LOSS_INTERVAL_MS = 500
const GROWTH_PER_SECOND = 1.08
/** After more is sent, a receiver needs so long (ms) to say whether it fits. */
const ANSWER_MS = 3000

/**
 * What a path can carry, for receivers that report no arrivals: as much as they say (REMB, draft-alvestrand-rmcat-remb-03), and no more
 * than their reports of loss suggest (RFC 3550 section 6.4.1). Pure: time comes with each call, in milliseconds.
 */
export class ToldBandwidth {
  /** 0 to 1, as reported last. */
  lossFraction = 0
  #said: number | undefined
  #falling = false
  #roseAt = -Infinity
  #limit: number | undefined
  #lossAt = -Infinity

  /** bit/s; undefined where the receiver says nothing and loses little. */
  get bitrate (): number | undefined {
    return this.#said === undefined ? this.#limit : Math.min(this.#said, this.#limit ?? Infinity)
  }

  hear (bitrate: number, now: number): void {
    const said = Math.min(MAX_BITRATE, Math.max(MIN_BITRATE, bitrate))
    const before = this.#said ?? said
    this.#falling = said < before
    if (said > before) this.#roseAt = now
    this.#said = said
  }

  /** @param fraction of its packets, as a receiver reports it @param sent bit/s that it was sent */
  hearLoss (fraction: number, sent: number, now: number): void {
    this.lossFraction = fraction
    const passed = now - this.#lossAt
    if (passed < LOSS_INTERVAL_MS) return
    this.#lossAt = now
    if (fraction > HIGH_LOSS) this.#limit = Math.max(MIN_BITRATE, Math.min(this.#limit ?? sent, sent) * (1 - fraction / 2))
    else if (fraction < LOW_LOSS && this.#limit !== undefined) this.#grow(Math.min(passed, 2000))
  }

  #grow (passedMs: number): void {
    this.#limit = Math.min(MAX_BITRATE, this.#limit! * GROWTH_PER_SECOND ** (passedMs / 1000))
  }

  /**
   * Whether a receiver that gets more than it has said may yet say more: what it was sent limits what it can know. One that is sent
   * more is given a moment, and one that says more each time is heard out.
   * @param raisedAt when more was sent than before, last
   */
  mayGrow (raisedAt: number, now: number): boolean {
    return this.#said === undefined || (!this.#falling && now - Math.max(raisedAt, this.#roseAt) < ANSWER_MS)
  }
}
