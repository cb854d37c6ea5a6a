import type { RtpPacket } from './rtp-packet.ts'

/** What was sent, enough of it to send it again: the source packet is shared by all subscribers, the numbers are this one's. */
export type SentPacket = {
  readonly packet: RtpPacket
  readonly sequenceNumber: number
  readonly timestamp: number
  /** Of its dependency descriptor, if it has one. */
  readonly frameNumber: number
  /** Its place among all packets of its transport, if they are numbered. */
  readonly number: number
}

export type HistoryLimits = {
  /** At most; a power of two. At 2.5 Mbit/s there are 260 packets in a second. */
  readonly packets: number
  /** Older packets would come too late for any jitter buffer. */
  readonly ms: number
  /** A receiver may ask for the same packet again before the first answer can have arrived: at least so long is between two. */
  readonly resendGapMs: number
}

export const defaultHistoryLimits: HistoryLimits = { packets: 1024, ms: 2000, resendGapMs: 20 }

/** Packets there is room for at first: a second of sound. */
const FIRST_CAPACITY = 64

/** Words of a slot: what belongs to one packet lies together, in one line of the processor's cache. */
const WORDS = 4
const Word = { sequenceAndFrame: 0, number: 1, timestamp: 2, sentAt: 3 } as const

/** Slots for so many packets, by the last bits of their sequence numbers. A viewer of 400 packets a second has a thousand: what most never need is made when it is. */
class Ring {
  readonly mask: number
  readonly packets: (RtpPacket | undefined)[]
  /** Milliseconds; undefined while nothing was sent again. */
  resentAt: Float64Array | undefined
  readonly #words: Uint32Array

  constructor (capacity: number) {
    this.mask = capacity - 1
    this.packets = Array.from({ length: capacity })
    this.#words = new Uint32Array(capacity * WORDS)
  }

  put ({ packet, sequenceNumber, timestamp, frameNumber, number }: SentPacket, sentAt: number): void {
    const slot = sequenceNumber & this.mask
    const at = slot * WORDS
    this.packets[slot] = packet
    this.#words[at + Word.sequenceAndFrame] = sequenceNumber | frameNumber << 16
    this.#words[at + Word.number] = number
    this.#words[at + Word.timestamp] = timestamp
    this.#words[at + Word.sentAt] = sentAt
    if (this.resentAt) this.resentAt[slot] = -Infinity
  }

  sequenceNumberIn (slot: number): number { return this.#words[slot * WORDS + Word.sequenceAndFrame]! & 0xffff }
  /** Whole milliseconds, of which the last 32 bits suffice. */
  sentAt (slot: number): number { return this.#words[slot * WORDS + Word.sentAt]! }
  /** How long ago the packet in a slot was sent. */
  age (slot: number, now: number): number { return (now - this.sentAt(slot)) >>> 0 }

  at (slot: number): SentPacket | undefined {
    const packet = this.packets[slot]
    const at = slot * WORDS
    const numbers = this.#words[at + Word.sequenceAndFrame]!
    return packet && { packet, sequenceNumber: numbers & 0xffff, timestamp: this.#words[at + Word.timestamp]!, frameNumber: numbers >>> 16, number: this.#words[at + Word.number]! }
  }
}

/** What was sent lately, by sequence number: the answers to NACKs. It holds references, no copies, and grows with what is sent. */
export class PacketHistory {
  readonly #limits: HistoryLimits
  #ring: Ring

  constructor (limits: HistoryLimits = defaultHistoryLimits) {
    this.#limits = limits
    this.#ring = new Ring(Math.min(FIRST_CAPACITY, limits.packets))
  }

  /** @param now milliseconds. */
  add (sent: SentPacket, now: number): void {
    const { mask, packets } = this.#ring
    const slot = sent.sequenceNumber & mask
    if (mask + 1 < this.#limits.packets && packets[slot] !== undefined && this.#ring.age(slot, now) <= this.#limits.ms) this.#grow()
    this.#ring.put(sent, now)
  }

  /**
   * @param roundTripMs how long an answer takes to be noticed
   * @returns undefined when it is gone, too old, or was sent again a moment ago.
   */
  take (sequenceNumber: number, now: number, roundTripMs = 0): SentPacket | undefined {
    const sent = this.peek(sequenceNumber, now)
    if (!sent) return undefined
    const { mask } = this.#ring
    const slot = sequenceNumber & mask
    const resentAt = this.#ring.resentAt ??= new Float64Array(mask + 1).fill(-Infinity)
    if (now - resentAt[slot]! < Math.max(this.#limits.resendGapMs, roundTripMs)) return undefined
    resentAt[slot] = now
    return sent
  }

  /** As `take`, but for no one who asked: as often as wanted. */
  peek (sequenceNumber: number, now: number): SentPacket | undefined {
    const slot = sequenceNumber & this.#ring.mask
    return this.#ring.sequenceNumberIn(slot) === sequenceNumber && this.#ring.age(slot, now) <= this.#limits.ms ? this.#ring.at(slot) : undefined
  }

  clear (): void { this.#ring.packets.fill(undefined) }

  #grow (): void {
    const { mask, resentAt } = this.#ring
    const bigger = new Ring(2 * (mask + 1))
    if (resentAt) bigger.resentAt = new Float64Array(2 * (mask + 1)).fill(-Infinity)
    for (let slot = 0; slot <= mask; slot++) {
      const sent = this.#ring.at(slot)
      if (!sent) continue
      bigger.put(sent, this.#ring.sentAt(slot))
      if (bigger.resentAt) bigger.resentAt[sent.sequenceNumber & bigger.mask] = resentAt![slot]!
    }
    this.#ring = bigger
  }
}
