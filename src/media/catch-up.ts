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
 * as fast as the pace allows, with their timestamps pressed together so that they end at the live one: the decoder runs
 * through them, and no receiver takes their age for a delay it should keep. Live packets queue behind until all are gone.
 */
export class CatchUp implements Disposable {
  readonly frames: number
  readonly #sender: RtpSender
  readonly #clock: Clock
  readonly #pace: CatchUpPace
  readonly #queue: RtpPacket[]
  readonly #timestamps = new Map<number, number>()
  #next = 0
  #sentAt: number
  #timer: Disposable | undefined

  /** @param packets what `Backlog.packets()` gave: not empty, from a keyframe on. */
  constructor (packets: RtpPacket[], sender: RtpSender, clock: Clock, clockRate: number, pace: CatchUpPace = defaultPace) {
    this.#sender = sender
    this.#clock = clock
    this.#pace = pace
    this.#queue = packets
    const sources = [...new Set(packets.map(packet => packet.timestamp))].sort((a, b) => timestampDistance(a, b))
    this.frames = sources.length
    const spacing = Math.max(1, Math.round(pace.frameSpacingMs * clockRate / 1000))
    const { rewriter } = sender
    const newest = sources.at(-1)!
    const live = rewriter.following ? rewriter.timestampOf(newest) : rewriter.nextTimestamp(clock.now())
    const soonest = rewriter.newestTimestamp + sources.length * spacing
    const last = timestampDistance(live, soonest) > 0 ? live : soonest
    for (const [rank, source] of sources.entries()) this.#timestamps.set(source, last - (sources.length - 1 - rank) * spacing)
    rewriter.follow(packets[0]!, newest, last)
    this.#sentAt = clock.now() - pace.tickMs
    this.#send()
  }

  get done (): boolean { return this.#next >= this.#queue.length }

  /** A live packet, while this is not done. */
  push (packet: RtpPacket): void { this.#queue.push(packet) }

  #send (): void {
    const { bytesPerMs, tickMs, maxBurstMs } = this.#pace
    const now = this.#clock.now()
    let budget = bytesPerMs * Math.min(now - this.#sentAt, maxBurstMs)
    this.#sentAt = now
    while (budget > 0 && !this.done) {
      const packet = this.#queue[this.#next++]!
      const timestamp = this.#timestamps.get(packet.timestamp)
      if (timestamp === undefined) this.#sender.write(packet)
      else this.#sender.writeAt(packet, timestamp)
      budget -= packet.bytes.length
    }
    this.#timer = this.done ? undefined : this.#clock.after(tickMs, () => this.#send())
  }

  [Symbol.dispose] (): void {
    this.#timer?.[Symbol.dispose]()
    this.#next = this.#queue.length
  }
}
