import { MAX_REPEATED_FRAMES } from '../redundancy.ts'

/** Shares of packets lost. From the first on, a frame is repeated; from the second on, as many as may be. */
const SOME_LOSS = 0.01
const HEAVY_LOSS = 0.08
/** Loss comes back: what it asked for is kept so long (ms). */
const HOLD_MS = 10_000

/** Decides how many earlier frames each packet of a sound repeats: none on a path that loses nothing. */
export class RedundancyChooser {
  /** Frames. */
  depth = 0
  #heldUntil = -Infinity

  /** @param lossFraction 0 to 1, of late. @param now milliseconds */
  update (lossFraction: number, now: number): void {
    const wanted = lossFraction >= HEAVY_LOSS ? MAX_REPEATED_FRAMES : lossFraction >= SOME_LOSS ? 1 : 0
    if (wanted < this.depth && now < this.#heldUntil) return
    this.depth = wanted
    this.#heldUntil = now + HOLD_MS
  }
}
