import { systemClock } from '../../src/lib/clock.ts'
import type { Room } from '../../src/room/room.ts'
import { ClipPublisher, type ClipPublisherOptions } from './clip-publisher.ts'

const TICK_MS = 5

/** Plays a clip into a room in real time, as an encoder would. */
export class LiveClip implements Disposable {
  readonly publisher: ClipPublisher
  /** Wall time (ms since 1970) of the clip's start: flash and beep number n come n seconds later. */
  readonly startedAt = Date.now()
  readonly #timer: Disposable
  #playedMs = 0

  /** @param fromMs where in the clip to begin */
  constructor (room: Room, options: Omit<ClipPublisherOptions, 'wallMs'>) {
    this.publisher = new ClipPublisher(room, { ...options, wallMs: this.startedAt })
    this.#timer = systemClock.every(TICK_MS, () => {
      const now = Date.now() - this.startedAt
      if (now <= this.#playedMs) return
      this.publisher.play(this.#playedMs, now)
      this.#playedMs = now
    })
  }

  [Symbol.dispose] (): void {
    this.#timer[Symbol.dispose]()
    this.publisher[Symbol.dispose]()
  }
}
