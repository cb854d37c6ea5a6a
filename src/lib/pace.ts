/**
 * How often to do what could be done after each single change: at once while changes come now and then, and every so often, for all
 * that have come meanwhile, while they come all the time. A leaky bucket (ITU-T I.371, Annex A: the GCRA). Pure: time is handed in.
 */
export class Pace {
  readonly #everyMs: number
  readonly #toleranceMs: number
  /** When the next turn would be, had all turns come evenly. */
  #due = -Infinity

  /** @param atOnce turns that may follow one another without a wait, after a quiet time */
  constructor (everyMs: number, atOnce: number) {
    this.#everyMs = everyMs
    this.#toleranceMs = everyMs * (atOnce - 1)
  }

  /** Takes the next turn. @returns how long to wait for it, ms */
  next (now: number): number {
    const due = Math.max(this.#due, now)
    this.#due = due + this.#everyMs
    return Math.max(0, due - this.#toleranceMs - now)
  }
}
