import type { TransportFeedback } from '../rtcp/packet.ts'

/** Powers of two. Feedback comes after a fraction of a second; 8 s at 1,000 packets a second are longer than it can take. */
const FIRST_CAPACITY = 512
const MAX_CAPACITY = 8192
const ARRIVAL_TICKS_PER_MS = 4

/** What became of one packet; times in ms, each side's on its own clock. */
export type PacketFate = {
  readonly sentAt: number
  /** Undefined when it did not come. */
  readonly arrivedAt: number | undefined
  readonly bytes: number
  /** It came after it had been told to be lost. */
  readonly late?: boolean
}

/** Numbers the packets of a transport and keeps when each was sent, until the receiver says when it came. */
export class SendLedger {
  /** All that was sent. */
  bytes = 0
  #sentAt = new Float64Array(FIRST_CAPACITY)
  #bytes = new Uint16Array(FIRST_CAPACITY)
  /** -1 once the packet is known to have come. */
  #numbers = new Int32Array(FIRST_CAPACITY).fill(-1)
  /** 1 once it has been told to be lost. */
  #missed = new Uint8Array(FIRST_CAPACITY)
  #number = Math.floor(Math.random() * 0x8000)

  /** @param now milliseconds. @returns the packet's transport-wide sequence number */
  next (bytes: number, now: number): number {
    const number = this.#number
    this.#number = (number + 1) & 0xffff
    if (this.#isOpen(number & (this.#numbers.length - 1)) && this.#numbers.length < MAX_CAPACITY) this.#grow()
    const slot = number & (this.#numbers.length - 1)
    this.#numbers[slot] = number
    this.#sentAt[slot] = now
    this.#bytes[slot] = bytes
    this.#missed[slot] = 0
    this.bytes += bytes
    return number
  }

  /**
   * Each packet is told about once, in the order it was sent; one that is lost a second time if it comes after all, overtaken by
   * others. Numbers never sent are passed over.
   */
  settle ({ base, arrivals }: TransportFeedback): PacketFate[] {
    const fates: PacketFate[] = []
    for (let index = 0; index < arrivals.length; index++) { // Some ten thousand a second: an iterator would be felt.
      const arrival = arrivals[index]
      const number = (base + index) & 0xffff
      const slot = number & (this.#numbers.length - 1)
      if (this.#numbers[slot] !== number) continue
      const missed = this.#missed[slot] === 1
      if (arrival === undefined) {
        if (missed) continue
        this.#missed[slot] = 1
      } else this.#numbers[slot] = -1
      fates.push({ sentAt: this.#sentAt[slot]!, arrivedAt: arrival === undefined ? undefined : arrival / ARRIVAL_TICKS_PER_MS, bytes: this.#bytes[slot]!, late: missed })
    }
    return fates
  }

  /** Whether nothing has been told of the packet in this slot. */
  #isOpen (slot: number): boolean { return this.#numbers[slot] !== -1 && this.#missed[slot] === 0 }

  #grow (): void {
    const [numbers, sentAt, bytes, missed] = [this.#numbers, this.#sentAt, this.#bytes, this.#missed]
    const capacity = numbers.length * 2
    this.#numbers = new Int32Array(capacity).fill(-1)
    this.#sentAt = new Float64Array(capacity)
    this.#bytes = new Uint16Array(capacity)
    this.#missed = new Uint8Array(capacity)
    for (const [old, number] of numbers.entries()) {
      if (number === -1) continue
      const slot = number & (capacity - 1)
      this.#numbers[slot] = number
      this.#sentAt[slot] = sentAt[old]!
      this.#bytes[slot] = bytes[old]!
      this.#missed[slot] = missed[old]!
    }
  }
}
