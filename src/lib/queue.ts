/** A first-in first-out queue with a limit. What does not fit is refused and counted; the caller decides what that means. */
export class BoundedQueue<T> {
  readonly capacity: number
  #items: T[] = []
  #head = 0
  #dropped = 0

  constructor (capacity: number) { this.capacity = capacity }

  get length (): number { return this.#items.length - this.#head }
  get dropped (): number { return this.#dropped }

  /** @returns false, and counts a drop, when the queue is full. */
  push (item: T): boolean {
    if (this.length >= this.capacity) {
      this.#dropped++
      return false
    }
    this.#items.push(item)
    return true
  }

  shift (): T | undefined {
    if (this.#head === this.#items.length) return undefined
    const item = this.#items[this.#head++]
    if (this.#head > 64 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head)
      this.#head = 0
    }
    return item
  }

  /** Takes everything. */
  drain (): T[] {
    const items = this.#items.slice(this.#head)
    this.#items = []
    this.#head = 0
    return items
  }
}
