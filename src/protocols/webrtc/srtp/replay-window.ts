const WORD_BITS = 32

/**
 * Which of the latest packets of a stream were received (RFC 3711 section 3.3.2). One bit per index in a ring of words: as the
 * highest index moves on, the words it enters are cleared, so nothing is ever shifted.
 */
export class ReplayWindow {
  /** -1 before the first packet. */
  #highest = -1
  readonly #words: Int32Array
  /** How far behind the highest an index may be. The word that is being filled covers part of one ring's length. */
  readonly #reach: number

  /** @param bits a power of 2, 64 or more; reaches 32 less than that far back. */
  constructor (bits: number) {
    this.#words = new Int32Array(bits / WORD_BITS)
    this.#reach = bits - WORD_BITS
  }

  get highest (): number { return this.#highest }

  /** Neither received before nor too far back to know. */
  isFresh (index: number): boolean {
    const behind = this.#highest - index
    if (behind < 0) return true
    return behind < this.#reach && (this.#words[this.#wordOf(index)]! & 1 << (index & 31)) === 0
  }

  /** To be said only of packets that are fresh and authentic. */
  accept (index: number): void {
    if (index > this.#highest) this.#advance(index)
    this.#words[this.#wordOf(index)]! |= 1 << (index & 31)
  }

  #advance (index: number): void {
    const from = Math.floor(this.#highest / WORD_BITS)
    const entered = Math.min(Math.floor(index / WORD_BITS) - from, this.#words.length)
    for (let i = 1; i <= entered; i++) this.#words[(from + i) & (this.#words.length - 1)] = 0
    this.#highest = index
  }

  /** Indexes have 48 bits; of those only the low ones matter here, and `&` takes the low 32 also of negative ones. */
  #wordOf (index: number): number { return (index & (this.#words.length * WORD_BITS - 1)) >>> 5 }
}
