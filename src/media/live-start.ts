/** Packets this close (ms) behind one another come out of a queue, not from a microphone: no codec here has shorter frames. */
const BURST_GAP_MS = 8
/** However they come, packets are let through after so long (ms). */
const PATIENCE_MS = 3000

/**
 * Finds the moment from which on a sound is live. What waited for its transcoder to start comes in a burst; a receiver would
 * play all of it, and stay behind by as much: jitter buffers give back a delay slowly, since it is heard when they do.
 */
export class LiveStart {
  readonly #maxAgeMs: number
  readonly #begunAt: number
  #lastAt: number
  #found = false

  /** @param maxAgeMs older packets do not begin a stream, where their age is known. @param now milliseconds */
  constructor (maxAgeMs: number, now: number) {
    this.#maxAgeMs = maxAgeMs
    this.#begunAt = this.#lastAt = now
  }

  /** @param ageMs since it was captured; undefined if nobody knows. @returns whether the packet belongs to the live stream */
  accepts (ageMs: number | undefined, now: number): boolean {
    if (this.#found) return true
    const gap = now - this.#lastAt
    this.#lastAt = now
    const fresh = gap >= BURST_GAP_MS && (ageMs ?? 0) <= this.#maxAgeMs
    this.#found = fresh || now - this.#begunAt >= PATIENCE_MS
    return this.#found
  }
}
