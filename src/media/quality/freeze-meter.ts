/** Frames whose mean duration says what is usual (webrtc-stats, freezeCount), and how many it takes to say it. */
const WINDOW_FRAMES = 30
const MIN_FRAMES = 5
/** A frame that lasts this much longer than usual (ms), and this many times as long, is a freeze. */
const LONGER_MS = 150
const TIMES_LONGER = 3

export type FreezeFigures = { readonly count: number, readonly totalMs: number }

/**
 * Counts the freezes of a picture as webrtc-stats defines freezeCount and totalFreezesDuration: a frame that lasts longer than
 * max(3 x mean, mean + 150 ms), where the mean is that of the 30 frames before it.
 */
export class FreezeMeter implements FreezeFigures {
  count = 0
  totalMs = 0
  readonly #durations = new Float64Array(WINDOW_FRAMES)
  #frames = 0
  #sum = 0
  #shownAt: number | undefined

  /** A frame that can be shown has come. @param now milliseconds */
  frame (now: number): void {
    if (this.#shownAt !== undefined) this.#add(now - this.#shownAt)
    this.#shownAt = now
  }

  #add (duration: number): void {
    const known = Math.min(this.#frames, WINDOW_FRAMES)
    const mean = this.#sum / Math.max(1, known)
    if (known >= MIN_FRAMES && duration > Math.max(TIMES_LONGER * mean, mean + LONGER_MS)) {
      this.count++
      this.totalMs += duration
    }
    const slot = this.#frames++ % WINDOW_FRAMES
    this.#sum += duration - this.#durations[slot]!
    this.#durations[slot] = duration
  }
}
