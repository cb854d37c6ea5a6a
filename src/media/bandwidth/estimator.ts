import { ArrivalRate } from './arrival-rate.ts'
import { DelayTrend, type Usage } from './delay-trend.ts'

/** bit/s: below the first, nothing that moves can be shown; the other is more than anybody sends one viewer. */
const MIN_BITRATE = 30_000
const MAX_BITRATE = 100_000_000
/** After a queue was found filling: a little below what came through, so that it drains. */
const BACK_OFF = 0.85
const GROWTH_PER_SECOND = 1.08
/** What is sent proves no more than this about what could be. */
const PROVEN_FACTOR = 1.5
const PROVEN_EXTRA = 10_000
/** Shares of packets lost: below the first the path is fine, above the second it is full (draft-ietf-rmcat-gcc-02 section 6). */
const LOW_LOSS = 0.02
const HIGH_LOSS = 0.1
/** Loss is judged over at least so many packets, and acted upon at most every so many ms. */
const LOSS_WINDOW = 30
const LOSS_INTERVAL_MS = 300
const BACK_OFF_INTERVAL_MS = 300
/** What has come through for so long (ms) without a sign of trouble does fit. */
const CALM_MS = 2000

/** What became of one packet; each side's clock in ms. */
type Fate = {
  /** Undefined where it is not known, or says nothing of the path. */
  readonly sentAt: number | undefined
  /** Undefined when it did not come. */
  readonly arrivedAt: number | undefined
  readonly bytes: number
  /** It came after it had been told to be lost. */
  readonly late?: boolean
}

/**
 * What a path can carry, from what became of the packets sent on it: a queue that fills, by the trend of delays, or packets
 * that are lost. Pure: time comes with each call.
 */
export class BandwidthEstimator {
  /** bit/s. Undefined until something limits it: as long as all goes well, nobody knows how much would. */
  bitrate: number | undefined
  readonly #trend = new DelayTrend()
  readonly #arrivals = new ArrivalRate()
  #seen = 0
  #lost = 0
  #lossFraction = 0
  #lossAt = -Infinity
  #backedOffAt = -Infinity
  #updatedAt: number | undefined

  get usage (): Usage { return this.#trend.usage }
  /** 0 to 1, of the latest packets judged. */
  get lossFraction (): number { return this.#lossFraction }

  /** bit/s that arrived lately. */
  get received (): number { return this.#arrivals.measure() }

  /** A probe has shown that so much fits (bit/s). */
  prove (bitrate: number): void { if (this.bitrate !== undefined) this.#set(Math.max(this.bitrate, bitrate)) }

  /** @param now milliseconds @param disturbed whether the delay of a packet sent at a time says nothing of the path */
  take (fates: readonly Fate[], now: number, disturbed: (sentAt: number) => boolean = () => false): void {
    for (const { sentAt, arrivedAt, bytes, late } of fates) {
      if (late) { this.#lost = Math.max(0, this.#lost - 1); continue }
      this.#seen++
      if (arrivedAt === undefined) { this.#lost++; continue }
      const isDisturbed = sentAt !== undefined && disturbed(sentAt)
      if (sentAt !== undefined && !isDisturbed) this.#trend.add(sentAt, arrivedAt)
      this.#arrivals.add(arrivedAt, bytes, isDisturbed)
    }
    this.#arrivals.trim()
    this.#judgeLoss(now)
    this.#judgeDelay(now)
    this.#grow(now)
  }

  #judgeLoss (now: number): void {
    if (this.#seen < LOSS_WINDOW || now - this.#lossAt < LOSS_INTERVAL_MS) return
    this.#lossFraction = this.#lost / this.#seen
    this.#seen = this.#lost = 0
    this.#lossAt = now
    if (this.#lossFraction <= HIGH_LOSS || this.received === 0) return // So much is lost; of how much, nobody knows yet.
    // What came through did come through: who sends more than this says is not told to send ever less.
    this.#set(Math.min(this.bitrate ?? Infinity, Math.max((this.bitrate ?? 0) * (1 - this.#lossFraction / 2), this.received * BACK_OFF)))
  }

  #judgeDelay (now: number): void {
    if (this.usage !== 'overusing' || now - this.#backedOffAt < BACK_OFF_INTERVAL_MS || this.received === 0) return
    this.#backedOffAt = now
    this.#set(Math.min(this.bitrate ?? Infinity, this.received * BACK_OFF))
  }

  #grow (now: number): void {
    const passed = Math.min(1000, now - (this.#updatedAt ?? now))
    this.#updatedAt = now
    if (this.bitrate === undefined || this.usage !== 'normal' || this.#lossFraction > LOW_LOSS) return
    const proven = this.#arrivals.measure(true) * PROVEN_FACTOR + PROVEN_EXTRA // A probe proves what it finds, no more.
    const grown = Math.min(this.bitrate * GROWTH_PER_SECOND ** (passed / 1000), proven)
    const fits = now - this.#backedOffAt > CALM_MS ? this.received * BACK_OFF : 0
    this.#set(Math.max(this.bitrate, grown, fits))
  }

  #set (bitrate: number): void { this.bitrate = Math.min(MAX_BITRATE, Math.max(MIN_BITRATE, bitrate)) }
}
