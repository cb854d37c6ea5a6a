/** Where time comes from. Handed in, so that a test can live a week in a second (`test/manual-clock.ts`). */
export interface Clock {
  /** Milliseconds from an arbitrary start; never goes back. */
  now (): number
  /** Milliseconds since 1970, as the world counts them. */
  wall (): number
  /** Calls `then` once, `ms` milliseconds from now. Disposing before that cancels it. */
  after (ms: number, then: () => void): Disposable
  /** Calls `tick` every `ms` milliseconds until disposed. Never keeps the process alive. */
  every (ms: number, tick: () => void): Disposable
}

export const systemClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  after (ms, then) {
    const timer = setTimeout(then, ms)
    return { [Symbol.dispose]: () => clearTimeout(timer) }
  },
  every (ms, tick) {
    const timer = setInterval(tick, ms).unref()
    return { [Symbol.dispose]: () => clearInterval(timer) }
  }
}
