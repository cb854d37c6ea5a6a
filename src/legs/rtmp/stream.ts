import { randomInt } from 'node:crypto'
import type { Clock } from '../../lib/clock.ts'
import { messageOf, ProtocolError } from '../../lib/errors.ts'
import type { Tally } from '../../lib/log.ts'
import type { TimeReference } from '../../media/time-reference.ts'
import type { Participant } from '../../room/room.ts'
import { Timeline } from './timeline.ts'

/** What the picture and the sound of one publisher share. */
export class Stream {
  readonly participant: Participant
  readonly timeline = new Timeline()
  /** Messages that could not be read and were left out. */
  malformed = 0
  readonly #clock: Clock
  readonly #tally: Tally
  readonly #live: () => void
  #wallAtZeroMs: number | undefined
  #alive = false

  /** @param live called with the first frame */
  constructor ({ participant, clock, tally, live }: { participant: Participant, clock: Clock, tally: Tally, live: () => void }) {
    this.participant = participant
    this.#clock = clock
    this.#tally = tally
    this.#live = live
  }

  nowMs (): number { return this.#clock.now() }

  /** Where media time stands on the wall clock; the same for every track. */
  reference (rtpTimestamp: number, mediaMs: number): TimeReference {
    this.#wallAtZeroMs ??= this.#clock.wall() - this.timeline.now
    return { rtpTimestamp: rtpTimestamp >>> 0, wallMs: this.#wallAtZeroMs + mediaMs }
  }

  started (): void {
    if (this.#alive) return
    this.#alive = true
    this.#live()
  }

  /** A message that breaks its format is left out and counted, since encoders send odd ones and go on. Throws everything else again. */
  tolerate (error: unknown): void {
    if (!(error instanceof ProtocolError)) throw error
    this.malformed++
    this.#tally.count('an audio or video message could not be read and was left out', { error: messageOf(error) })
  }
}

/** RFC 3550 section 5.1: SSRC and first timestamp are chosen at random. */
export const random32 = (): number => randomInt(2 ** 32)
