/** Long enough to even out one keyframe among its followers. */
const WINDOW_MS = 2000

/** Frames and bits a second of media time, over the last full window. */
export class Meter {
  framesPerSecond = 0
  bitsPerSecond = 0
  #frames = 0
  #bytes = 0
  #startedMs: number | undefined

  add (mediaMs: number, bytes: number): void {
    this.#startedMs ??= mediaMs
    const ms = mediaMs - this.#startedMs
    if (ms >= WINDOW_MS) {
      this.framesPerSecond = Math.round(this.#frames / ms * 10_000) / 10
      this.bitsPerSecond = Math.round(this.#bytes * 8000 / ms)
      this.#startedMs = mediaMs
      this.#frames = 0
      this.#bytes = 0
    }
    this.#frames++
    this.#bytes += bytes
  }
}
