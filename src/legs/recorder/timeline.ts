import type { Clock } from '../../lib/clock.ts'
import type { Codec } from '../../media/codec.ts'
import { timestampDistance } from '../../media/rtp-packet.ts'
import { type TimeReference, wallTimeOf } from '../../media/time-reference.ts'

/** A reference that moves a track by less is rounding or jitter; by more, the clocks have drifted apart, and lips would show it. */
const TOLERATED_DRIFT_MS = 10
/** A track that jumps by more has not been captured then: somebody's clock was set, or an encoder began anew. */
const MAX_JUMP_MS = 5000
/** RTMP states times in whole milliseconds: sounds this close to where the last one ended follow it without a seam. */
const SEAM_MS = 2

/** What a clock needs to know of the track it is for: set, and kept up to date, by the publisher. */
export interface TimedTrack {
  readonly codec: Codec
  readonly timeReference: TimeReference | undefined
}

/**
 * The time of one recording. It begins with the first frame, and follows the sender's wall clock, which is one for all tracks
 * of a participant; as long as that is not known, the time of arrival has to do.
 */
export class Timeline {
  readonly #clock: Clock
  /** The sender's wall time at which the recording begins; undefined until a track states its time. */
  #zeroWallMs: number | undefined
  #zeroIsOld = false
  #newestMs = 0
  #newestAt: number | undefined

  constructor (clock: Clock) { this.#clock = clock }

  get begun (): boolean { return this.#newestAt !== undefined }
  /** Of the newest frame. */
  get newestMs (): number { return this.#newestMs }
  /** The time it is now, going on from the newest frame. */
  get nowMs (): number { return this.#newestAt === undefined ? 0 : this.#newestMs + this.#clock.now() - this.#newestAt }

  trackClock (track: TimedTrack): TrackClock { return new TrackClock(track, this, this.#clock) }

  /** The participant went and may come back from elsewhere: what its wall clock says is compared before it is believed. */
  newSource (): void { this.#zeroIsOld = true }

  /** @param wallMs what the sender's clock said @param guessMs where on the timeline we would put that */
  timeOf (wallMs: number, guessMs: number): number {
    if (this.#zeroWallMs === undefined || (this.#zeroIsOld && Math.abs(wallMs - this.#zeroWallMs - guessMs) > MAX_JUMP_MS)) this.#zeroWallMs = wallMs - guessMs
    this.#zeroIsOld = false
    return wallMs - this.#zeroWallMs
  }

  saw (ms: number): void {
    if (this.#newestAt !== undefined && ms < this.#newestMs) return
    this.#newestMs = ms
    this.#newestAt = this.#clock.now()
  }
}

/** Puts the RTP timestamps of one track on the timeline. */
export class TrackClock {
  readonly #track: TimedTrack
  readonly #timeline: Timeline
  readonly #clock: Clock
  readonly #ticksPerMs: number
  #reference: TimeReference | undefined
  /** The last timestamp, and the same without its wrap at 32 bits. */
  #timestamp = 0
  #unwrapped = 0
  /** Ticks to add to the latter. */
  #offset: number | undefined
  #lastMs: number | undefined
  #lastAt = 0
  #followsAt: number | undefined

  constructor (track: TimedTrack, timeline: Timeline, clock: Clock) {
    this.#track = track
    this.#timeline = timeline
    this.#clock = clock
    this.#ticksPerMs = track.codec.clockRate / 1000
  }

  /**
   * @param timestamp of a frame, in the order of decoding
   * @param duration ticks that it lasts, if it says so by itself
   * @returns ticks since the recording began; negative for what was captured before
   */
  place (timestamp: number, duration: number | undefined): number {
    this.#unwrapped += this.#offset === undefined ? 0 : timestampDistance(timestamp, this.#timestamp)
    this.#timestamp = timestamp
    if (this.#offset === undefined || this.#track.timeReference !== this.#reference) this.#align()
    const ticks = this.#withoutJump(this.#unwrapped + this.#offset!)
    const follows = this.#followsAt !== undefined && Math.abs(ticks - this.#followsAt) <= SEAM_MS * this.#ticksPerMs
    const placed = follows ? this.#followsAt! : ticks
    this.#followsAt = duration === undefined ? undefined : placed + duration
    this.#lastMs = placed / this.#ticksPerMs
    this.#lastAt = this.#clock.now()
    this.#timeline.saw(this.#lastMs)
    return placed
  }

  #align (): void {
    const reference = this.#reference = this.#track.timeReference
    const current = this.#offset === undefined ? this.#timeline.nowMs : (this.#unwrapped + this.#offset) / this.#ticksPerMs
    const ms = reference ? this.#timeline.timeOf(wallTimeOf(this.#timestamp, reference, this.#track.codec.clockRate), current) : current
    const drift = Math.abs(ms - current)
    if (this.#offset !== undefined && (drift < TOLERATED_DRIFT_MS || drift > MAX_JUMP_MS)) return
    this.#offset = Math.round(ms * this.#ticksPerMs) - this.#unwrapped
  }

  /** A track that jumps goes on where it would be if it had not, by the time that has passed here. */
  #withoutJump (ticks: number): number {
    if (this.#lastMs === undefined) return ticks
    const expected = this.#lastMs + this.#clock.now() - this.#lastAt
    const ms = ticks / this.#ticksPerMs
    if (ms <= expected + MAX_JUMP_MS && ms >= this.#lastMs - MAX_JUMP_MS) return ticks
    const instead = Math.round(expected * this.#ticksPerMs)
    this.#offset = instead - this.#unwrapped
    return instead
  }
}
