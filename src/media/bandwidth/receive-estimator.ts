import { BandwidthEstimator } from './estimator.ts'

/** bit/s. As long as nothing limits the path, a publisher is told no less than this: most encoders begin with it. */
const FIRST_BITRATE = 1_000_000
/** While nothing limits it, it is told so much more than it sends, so that it may find out. */
const ROOM_FACTOR = 1.5
/** How often (ms) it is told, without need; and by how much the estimate must have fallen for it to be told at once. */
const TELL_INTERVAL_MS = 1000
const FALL = 0.97
/** What it sends is measured this long (ms) before it is told anything. */
const WARM_UP_MS = 1000
/** The absolute send time has 24 bits, 18 of them fractions of a second: it wraps after 64 s. */
const TICKS_PER_SECOND = 1 << 18
const SEND_TIME_MISSING_BITS = 8
/** Packets that were late and not lost (reordered) are set off against so many losses to come. */
const MAX_CREDIT = 20
const MAX_LOST = 1000

/** Unwraps a clock of the sender's into milliseconds, so that it agrees with ours at its first value. */
export class SenderClock {
  readonly #ticksPerMs: number
  readonly #shift: number
  #last: number | undefined
  #ms = 0

  /** @param ticksPerSecond the clock's rate @param missingBits how many of 32 bits it lacks */
  constructor (ticksPerSecond: number, missingBits = 0) {
    this.#ticksPerMs = ticksPerSecond / 1000
    this.#shift = missingBits
  }

  /** The clock of libwebrtc's abs-send-time. */
  static ofSendTime (): SenderClock { return new SenderClock(TICKS_PER_SECOND, SEND_TIME_MISSING_BITS) }

  at (value: number, now: number): number {
    if (this.#last === undefined) this.#ms = now
    else this.#ms += ((value - this.#last) << this.#shift >> this.#shift) / this.#ticksPerMs
    this.#last = value
    return this.#ms
  }
}

/**
 * What the path from a publisher carries, for one that does not find out itself: judged where its packets arrive, and told to it
 * as REMB (draft-alvestrand-rmcat-remb-03). Pure: time comes with each call, in milliseconds.
 */
export class ReceiveEstimator {
  readonly #estimator = new BandwidthEstimator()
  #came: { sentAt: number | undefined, arrivedAt: number, bytes: number }[] = []
  #lost = 0
  #uncounted = 0
  #begunAt: number | undefined
  #unlimited = FIRST_BITRATE
  #told: number | undefined
  #toldAt = -Infinity

  /** bit/s it was told last. */
  get told (): number | undefined { return this.#told }

  /** @param sentAt on the sender's clock; undefined where the packet does not say */
  add (sentAt: number | undefined, bytes: number, now: number): void {
    this.#begunAt ??= now
    this.#came.push({ sentAt, arrivedAt: now, bytes })
  }

  /**
   * Judges what came since the last time.
   * @param lost of all its packets so far; those that came late are taken back
   * @returns bit/s, when it is time to tell the publisher
   */
  take (lost: number, now: number): number | undefined {
    this.#judge(lost, now)
    if (this.#begunAt === undefined || now - this.#begunAt < WARM_UP_MS) return undefined
    const estimate = this.#estimate()
    const due = now - this.#toldAt >= TELL_INTERVAL_MS || estimate < this.#told! * FALL
    if (!due) return undefined
    this.#toldAt = now
    return this.#told = Math.round(estimate)
  }

  #judge (lost: number, now: number): void {
    this.#uncounted = Math.max(-MAX_CREDIT, Math.min(MAX_LOST, this.#uncounted + lost - this.#lost))
    this.#lost = lost
    const missing = Array.from({ length: Math.max(0, this.#uncounted) }, () => ({ sentAt: undefined, arrivedAt: undefined, bytes: 0 }))
    this.#uncounted = Math.min(0, this.#uncounted)
    this.#estimator.take([...missing, ...this.#came], now)
    this.#came = []
  }

  /** Until something limits the path, it grows with what is sent, and never falls: a still picture needs little, the next one may need much. */
  #estimate (): number {
    const { bitrate, received } = this.#estimator
    if (bitrate !== undefined) return bitrate
    return this.#unlimited = Math.max(this.#unlimited, received * ROOM_FACTOR)
  }
}
