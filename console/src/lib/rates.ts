/** A rate over less than this is mostly the jitter of asking. */
const WINDOW_MS = 2_500
const HISTORY_POINTS = 60

type Sample = { readonly atMs: number, readonly bytes: number }

/** Turns a counter of bytes, read now and then, into bits per second and a short history of them. */
export class RateMeter {
  #samples: Sample[] = []
  #history: number[] = []

  push (atMs: number, bytes: number): void {
    const last = this.#samples.at(-1)
    if (last && bytes < last.bytes) this.#samples = [] // Another stream counts from zero.
    this.#samples.push({ atMs, bytes })
    while (this.#samples.length > 2 && atMs - this.#samples[1]!.atMs >= WINDOW_MS) this.#samples.shift()
    const rate = this.bitsPerSecond
    if (rate === undefined) return
    this.#history = [...this.#history.slice(1 - HISTORY_POINTS), rate]
  }

  /** Undefined until two readings lie apart in time. */
  get bitsPerSecond (): number | undefined {
    const first = this.#samples[0]
    const last = this.#samples.at(-1)
    if (!first || !last || last.atMs <= first.atMs) return undefined
    return (last.bytes - first.bytes) * 8000 / (last.atMs - first.atMs)
  }

  /** Oldest first, at most a minute or two of readings. */
  get history (): readonly number[] { return this.#history }
}

/** One meter for each name; those not read again are forgotten. */
export class RateMeters {
  #meters = new Map<string, RateMeter>()

  update (atMs: number, counters: Iterable<readonly [name: string, bytes: number]>): void {
    const kept = new Map<string, RateMeter>()
    for (const [name, bytes] of counters) {
      const meter = this.#meters.get(name) ?? new RateMeter()
      meter.push(atMs, bytes)
      kept.set(name, meter)
    }
    this.#meters = kept
  }

  get (name: string): RateMeter | undefined { return this.#meters.get(name) }
}
