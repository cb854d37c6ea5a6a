/** Packets sent within this time (ms) of each other are one group: pictures leave in bursts. */
const BURST_MS = 5
/** Groups a trend is drawn through, and how much the newest of them weighs against the sum so far. */
const WINDOW = 20
const SMOOTHING = 0.9
/** The trend is scaled by the number of groups, up to so many, and by this gain, so that it can be compared with the threshold. */
const MAX_GROUPS_COUNTED = 60
const GAIN = 4
/** The threshold (ms) follows the trend, quickly up and slowly down, so that a path shared with a loss-based flow is not starved. */
const FIRST_THRESHOLD = 12.5
const MIN_THRESHOLD = 6
const MAX_THRESHOLD = 600
const THRESHOLD_UP = 0.0087
const THRESHOLD_DOWN = 0.039
const MAX_ABOVE_THRESHOLD = 15
const MAX_STEP_MS = 100
/** Only a trend that lasts this long (ms) means that a queue is filling. */
const OVERUSE_MS = 10
/** Clocks that part by more (ms) have been set. */
const RESET_MS = 10_000

export type Usage = 'normal' | 'overusing' | 'underusing'

type Group = { firstSentAt: number, sentAt: number, arrivedAt: number }

/** Whether a queue on the path fills or drains, by the trend of one-way delays (draft-ietf-rmcat-gcc-02 section 5). */
export class DelayTrend {
  usage: Usage = 'normal'
  #group: Group | undefined
  #previous: Group | undefined
  #delay = 0
  #smoothed = 0
  #groups = 0
  #points: { at: number, delay: number }[] = []
  #threshold = FIRST_THRESHOLD
  #updatedAt: number | undefined
  #overusedMs = 0
  #lastTrend = 0

  /** Packets that arrived, in the order they were sent; each side's clock in ms. */
  add (sentAt: number, arrivedAt: number): void {
    const group = this.#group
    if (group && sentAt - group.firstSentAt <= BURST_MS) {
      group.sentAt = Math.max(group.sentAt, sentAt)
      group.arrivedAt = Math.max(group.arrivedAt, arrivedAt)
      return
    }
    if (group && this.#previous) this.#compare(this.#previous, group)
    this.#previous = group
    this.#group = { firstSentAt: sentAt, sentAt, arrivedAt }
  }

  #compare (before: Group, after: Group): void {
    const sent = after.sentAt - before.sentAt
    const arrived = after.arrivedAt - before.arrivedAt
    if (Math.abs(arrived - sent) > RESET_MS) {
      this.#points = []
      this.#delay = this.#smoothed = this.#groups = 0
      return
    }
    this.#groups++
    this.#delay += arrived - sent
    this.#smoothed = SMOOTHING * this.#smoothed + (1 - SMOOTHING) * this.#delay
    this.#points.push({ at: after.arrivedAt, delay: this.#smoothed })
    if (this.#points.length > WINDOW) this.#points.shift()
    if (this.#points.length === WINDOW) this.#judge(slope(this.#points), sent, after.arrivedAt)
  }

  #judge (slope: number, sentMs: number, now: number): void {
    const trend = Math.min(this.#groups, MAX_GROUPS_COUNTED) * slope * GAIN
    if (trend > this.#threshold) {
      this.#overusedMs += sentMs
      if (this.#overusedMs > OVERUSE_MS && trend >= this.#lastTrend) this.usage = 'overusing'
    } else {
      this.#overusedMs = 0
      this.usage = trend < -this.#threshold ? 'underusing' : 'normal'
    }
    this.#lastTrend = trend
    this.#adapt(Math.abs(trend), now)
  }

  #adapt (trend: number, now: number): void {
    const passed = Math.min(now - (this.#updatedAt ?? now), MAX_STEP_MS)
    this.#updatedAt = now
    if (trend > this.#threshold + MAX_ABOVE_THRESHOLD) return // A jump says nothing of how this path behaves.
    const rate = trend > this.#threshold ? THRESHOLD_UP : THRESHOLD_DOWN
    this.#threshold = Math.min(MAX_THRESHOLD, Math.max(MIN_THRESHOLD, this.#threshold + rate * (trend - this.#threshold) * passed))
  }
}

/** Of the least-squares line. */
function slope (points: readonly { at: number, delay: number }[]): number {
  const count = points.length
  let at = 0
  let delay = 0
  for (const point of points) {
    at += point.at / count
    delay += point.delay / count
  }
  let numerator = 0
  let denominator = 0
  for (const point of points) {
    numerator += (point.at - at) * (point.delay - delay)
    denominator += (point.at - at) ** 2
  }
  return denominator === 0 ? 0 : numerator / denominator
}
