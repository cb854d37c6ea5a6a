import type { Clock } from '../../src/lib/clock.ts'

type Timer = { at: number, every: number, call: () => void }

/** A clock that stands still until told to advance; timers run in the order of their times. */
export class ManualClock implements Clock {
  #now = 0
  readonly #epoch: number
  readonly #timers = new Set<Timer>()

  constructor (epoch = Date.UTC(2026, 0, 1)) { this.#epoch = epoch }

  now (): number { return this.#now }
  wall (): number { return this.#epoch + this.#now }
  after (ms: number, then: () => void): Disposable { return this.#add({ at: this.#now + ms, every: 0, call: then }) }
  every (ms: number, tick: () => void): Disposable { return this.#add({ at: this.#now + ms, every: ms, call: tick }) }

  advance (ms: number): void {
    const end = this.#now + ms
    for (let next = this.#next(end); next; next = this.#next(end)) {
      this.#now = next.at
      if (next.every > 0) next.at += next.every
      else this.#timers.delete(next)
      next.call()
    }
    this.#now = end
  }

  #add (timer: Timer): Disposable {
    this.#timers.add(timer)
    return { [Symbol.dispose]: () => { this.#timers.delete(timer) } }
  }

  #next (end: number): Timer | undefined {
    return [...this.#timers].filter(t => t.at <= end).sort((a, b) => a.at - b.at)[0]
  }
}
