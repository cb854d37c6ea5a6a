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

/** Nothing is to be told of the packet in this slot: it is known to have come, or there was none. */
const SETTLED = 0xffff_ffff
/** Beside the bytes of a packet: it has been told to be lost. */
const MISSED = 0x1_0000

/** Slots for so many packets, by the last bits of their numbers. What belongs to one packet lies together, in one line of the processor's cache. */
class Ledger {
  readonly capacity: number
  /** Two for each slot, of which the first is when it was sent, in ms. */
  readonly #times: Float64Array
  /** The second of them in two halves: the packet's number, and its bytes with what has been told of it. */
  readonly #words: Uint32Array

  constructor (capacity: number) {
    this.capacity = capacity
    this.#times = new Float64Array(capacity * 2)
    this.#words = new Uint32Array(this.#times.buffer)
    for (let slot = 0; slot < capacity; slot++) this.#words[slot * 4 + 2] = SETTLED
  }

  put (number: number, sentAt: number, bytesAndFate: number): void {
    const slot = number & (this.capacity - 1)
    this.#times[slot * 2] = sentAt
    this.#words[slot * 4 + 2] = number
    this.#words[slot * 4 + 3] = bytesAndFate
  }

  slotOf (number: number): number { return number & (this.capacity - 1) }
  numberIn (slot: number): number { return this.#words[slot * 4 + 2]! }
  sentAt (slot: number): number { return this.#times[slot * 2]! }
  bytesAndFate (slot: number): number { return this.#words[slot * 4 + 3]! }
  bytesOf (slot: number): number { return this.bytesAndFate(slot) & 0xffff }
  isMissed (slot: number): boolean { return this.bytesAndFate(slot) >= MISSED }
  miss (slot: number): void { this.#words[slot * 4 + 3] = this.bytesOf(slot) | MISSED }
  settle (slot: number): void { this.#words[slot * 4 + 2] = SETTLED }
  /** Whether nothing has been told of the packet in this slot. */
  isOpen (slot: number): boolean { return this.numberIn(slot) !== SETTLED && !this.isMissed(slot) }

  /** With more room, and the same in it. */
  grown (): Ledger {
    const bigger = new Ledger(this.capacity * 2)
    for (let slot = 0; slot < this.capacity; slot++) {
      const number = this.numberIn(slot)
      if (number !== SETTLED) bigger.put(number, this.sentAt(slot), this.bytesAndFate(slot))
    }
    return bigger
  }
}

/** Numbers the packets of a transport and keeps when each was sent, until the receiver says when it came. */
export class SendLedger {
  /** All that was sent. */
  bytes = 0
  #ledger = new Ledger(FIRST_CAPACITY)
  #number = Math.floor(Math.random() * 0x8000)

  /** @param bytes less than 64 KiB @param now milliseconds. @returns the packet's transport-wide sequence number */
  next (bytes: number, now: number): number {
    const number = this.#number
    this.#number = (number + 1) & 0xffff
    if (this.#ledger.isOpen(this.#ledger.slotOf(number)) && this.#ledger.capacity < MAX_CAPACITY) this.#ledger = this.#ledger.grown()
    this.#ledger.put(number, now, bytes)
    this.bytes += bytes
    return number
  }

  /**
   * Each packet is told about once, in the order it was sent; one that is lost a second time if it comes after all, overtaken by
   * others. Numbers never sent are passed over.
   */
  settle ({ base, arrivals }: TransportFeedback): PacketFate[] {
    const ledger = this.#ledger
    const fates: PacketFate[] = []
    for (let index = 0; index < arrivals.length; index++) { // Some ten thousand a second: an iterator would be felt.
      const arrival = arrivals[index]
      const number = (base + index) & 0xffff
      const slot = ledger.slotOf(number)
      if (ledger.numberIn(slot) !== number) continue
      const missed = ledger.isMissed(slot)
      if (arrival === undefined) {
        if (missed) continue
        ledger.miss(slot)
      } else ledger.settle(slot)
      fates.push({ sentAt: ledger.sentAt(slot), arrivedAt: arrival === undefined ? undefined : arrival / ARRIVAL_TICKS_PER_MS, bytes: ledger.bytesOf(slot), late: missed })
    }
    return fates
  }
}
