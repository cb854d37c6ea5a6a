import type { TransportFeedback } from '../rtcp/packet.ts'

/** A power of two: 8 s at 1,000 packets a second, longer than feedback takes. */
const CAPACITY = 8192
const ARRIVAL_TICKS_PER_MS = 4

/** What became of one packet; times in ms, each side's on its own clock. */
export type PacketFate = {
  readonly sentAt: number
  /** Undefined when it did not come. */
  readonly arrivedAt: number | undefined
  readonly bytes: number
  /** It came after it had been told to be lost. */
  readonly late?: true
}

/** Numbers the packets of a transport and keeps when each was sent, until the receiver says when it came. */
export class SendLedger {
  /** All that was sent. */
  bytes = 0
  readonly #sentAt = new Float64Array(CAPACITY)
  readonly #bytes = new Uint16Array(CAPACITY)
  readonly #numbers = new Int32Array(CAPACITY).fill(-1)
  readonly #missed = new Uint8Array(CAPACITY)
  #number = Math.floor(Math.random() * 0x8000)

  /** @param now milliseconds. @returns the packet's transport-wide sequence number */
  next (bytes: number, now: number): number {
    const number = this.#number
    this.#number = (number + 1) & 0xffff
    const slot = number & (CAPACITY - 1)
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
    for (const [index, arrival] of arrivals.entries()) {
      const number = (base + index) & 0xffff
      const slot = number & (CAPACITY - 1)
      if (this.#numbers[slot] !== number) continue
      const missed = this.#missed[slot] === 1
      if (arrival === undefined) {
        if (missed) continue
        this.#missed[slot] = 1
      } else this.#numbers[slot] = -1
      fates.push({ sentAt: this.#sentAt[slot]!, arrivedAt: arrival === undefined ? undefined : arrival / ARRIVAL_TICKS_PER_MS, bytes: this.#bytes[slot]!, ...missed ? { late: true } : {} })
    }
    return fates
  }
}
