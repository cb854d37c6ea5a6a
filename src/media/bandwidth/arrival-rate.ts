/** Over which the rate is measured (ms); in a quarter of it there is none yet. */
const WINDOW_MS = 500
/** Packets there is room for at first; a power of two. */
const FIRST_CAPACITY = 128

/**
 * How fast packets arrived lately. Its memory is used again and again: thousands of packets a second, each kept as an object for
 * half a second, are what garbage collectors are worst at.
 */
export class ArrivalRate {
  #at = new Float64Array(FIRST_CAPACITY)
  #bytes = new Uint32Array(FIRST_CAPACITY)
  #disturbed = new Uint8Array(FIRST_CAPACITY)
  /** Counts of packets: of all ever added, and of those forgotten. */
  #end = 0
  #begin = 0

  /** @param at ms, almost in order @param disturbed whether a probe pushed it */
  add (at: number, bytes: number, disturbed: boolean): void {
    if (this.#end - this.#begin === this.#at.length) this.#grow()
    const slot = this.#end++ & (this.#at.length - 1)
    this.#at[slot] = at
    this.#bytes[slot] = bytes
    this.#disturbed[slot] = disturbed ? 1 : 0
  }

  /** Forgets what is too long ago, by the packet added last; or too far ahead of it: its clock was set. */
  trim (): void {
    const mask = this.#at.length - 1
    const newest = this.#at[this.#end - 1 & mask]!
    while (this.#begin < this.#end && Math.abs(newest - this.#at[this.#begin & mask]!) > WINDOW_MS) this.#begin++
  }

  /** bit/s; 0 while there is too little to tell. @param undisturbed whether packets that a probe pushed are left out */
  measure (undisturbed = false): number {
    const mask = this.#at.length - 1
    let bytes = 0
    let first: number | undefined
    let last = 0
    for (let n = this.#begin; n < this.#end; n++) {
      const slot = n & mask
      if (undisturbed && this.#disturbed[slot] === 1) continue
      if (first === undefined) first = this.#at[slot]!
      else bytes += this.#bytes[slot]! // What came first came in the time before.
      last = this.#at[slot]!
    }
    return first === undefined || last - first < WINDOW_MS / 4 ? 0 : bytes * 8000 / (last - first)
  }

  #grow (): void {
    const size = this.#at.length
    const order = Array.from({ length: size }, (_, n) => this.#begin + n & (size - 1))
    const twice = <Numbers extends Float64Array | Uint32Array | Uint8Array>(bigger: Numbers, old: Numbers): Numbers => {
      for (const [n, slot] of order.entries()) bigger[n] = old[slot]!
      return bigger
    }
    this.#at = twice(new Float64Array(size * 2), this.#at)
    this.#bytes = twice(new Uint32Array(size * 2), this.#bytes)
    this.#disturbed = twice(new Uint8Array(size * 2), this.#disturbed)
    this.#begin = 0
    this.#end = size
  }
}
