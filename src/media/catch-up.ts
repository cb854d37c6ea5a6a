import type { Clock } from '../lib/clock.ts'
import type { RtpPacket } from './rtp-packet.ts'
import { timestampDistance } from './rtp-packet.ts'
import type { RtpSender } from './rtp-sender.ts'

export type CatchUpPace = {
  /** Bytes sent in each tick: 4,000 a ms are 32 Mbit/s, which most last miles carry for a fraction of a second. */
  readonly bytesPerMs: number
  readonly tickMs: number
  /** A busy machine wakes up late: what was missed is made up for, up to so many ms of it at once. */
  readonly maxBurstMs: number
  /** How far apart (ms) cached frames are shown: as little as makes them distinct, so that the newest is shown live. */
  readonly frameSpacingMs: number
}

export const defaultPace: CatchUpPace = { bytesPerMs: 4000, tickMs: 1, maxBurstMs: 8, frameSpacingMs: 0.1 }

/**
 * Shows a newcomer everything since the last keyframe in a moment, instead of nothing until the next. The cached packets leave
 * as fast as the pace allows, and what is live queues behind them until all are gone.
 *
 * Each frame is dated with the moment it leaves. Receivers draw a line through the arrivals of all they have seen, to know when
 * the next is due: a second of frames that say they belong to one instant, and take a tenth of a second to come, would tilt that
 * line, and with it the picture's delay, for minutes. No frame is dated later than the newest one that waits, whose date is true.
 */
export class CatchUp implements Disposable {
  readonly frames: number
  readonly #sender: RtpSender
  readonly #clock: Clock
  readonly #pace: CatchUpPace
  readonly #ticksPerMs: number
  readonly #queue: RtpPacket[]
  readonly #begunAt: number
  /** Where the stream is at `#begunAt`. */
  readonly #begin: number
  #next = 0
  #sentAt: number
  #timer: Disposable | undefined
  /** The source timestamps of the frame that leaves, of the one that came last, and of the newest. */
  #leaving: number | undefined
  #latest: number
  #newest: number
  /** Frames that wait. */
  #waiting: number
  #timestamp: number

  /** @param packets what `Backlog.packets()` gave: not empty, from a keyframe on. */
  constructor (packets: RtpPacket[], sender: RtpSender, clock: Clock, clockRate: number, pace: CatchUpPace = defaultPace) {
    this.#sender = sender
    this.#clock = clock
    this.#pace = pace
    this.#ticksPerMs = clockRate / 1000
    this.#queue = packets
    this.#latest = packets.at(-1)!.timestamp
    this.#newest = packets.reduce((newest, { timestamp }) => later(timestamp, newest), packets[0]!.timestamp)
    this.frames = this.#waiting = new Set(packets.map(({ timestamp }) => timestamp)).size
    const { rewriter } = sender
    const live = rewriter.following ? rewriter.timestampOf(this.#newest) : rewriter.nextTimestamp(clock.now())
    const soonest = (rewriter.newestTimestamp + this.frames * this.#spacing) >>> 0
    this.#begin = later(live, soonest)
    this.#timestamp = this.#begin - this.frames * this.#spacing
    rewriter.follow(packets[0]!, this.#newest, this.#begin)
    this.#begunAt = clock.now()
    this.#sentAt = this.#begunAt - pace.tickMs
    this.#send()
  }

  get done (): boolean { return this.#next >= this.#queue.length }

  /** A live packet, while this is not done. */
  push (packet: RtpPacket): void {
    this.#queue.push(packet)
    if (packet.timestamp === this.#latest) return
    this.#latest = packet.timestamp
    this.#newest = later(this.#newest, packet.timestamp)
    this.#waiting++
  }

  get #spacing (): number { return Math.max(1, Math.round(this.#pace.frameSpacingMs * this.#ticksPerMs)) }

  #send (): void {
    const { bytesPerMs, tickMs, maxBurstMs } = this.#pace
    const now = this.#clock.now()
    let budget = bytesPerMs * Math.min(now - this.#sentAt, maxBurstMs)
    this.#sentAt = now
    while (budget > 0 && !this.done) {
      const packet = this.#queue[this.#next++]!
      if (packet.timestamp !== this.#leaving) this.#date(packet.timestamp, now)
      this.#sender.writeAt(packet, this.#timestamp)
      budget -= packet.bytes.length
    }
    this.#timer = this.done ? undefined : this.#clock.after(tickMs, () => this.#send())
  }

  /** The next frame begins to leave. */
  #date (source: number, now: number): void {
    this.#leaving = source
    this.#waiting--
    const latest = this.#sender.rewriter.timestampOf(this.#newest) - this.#waiting * this.#spacing
    const wanted = this.#begin + Math.round((now - this.#begunAt) * this.#ticksPerMs)
    this.#timestamp = later(this.#timestamp + this.#spacing, timestampDistance(wanted, latest) < 0 ? wanted : latest) >>> 0
  }

  [Symbol.dispose] (): void {
    this.#timer?.[Symbol.dispose]()
    this.#next = this.#queue.length
  }
}

const later = (a: number, b: number): number => timestampDistance(a, b) > 0 ? a : b
