import type { PacketCache } from './packet-cache.ts'
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
  /** Older packets would come too late for any jitter buffer; less than 65 s. */
  readonly ms: number
  /** A receiver may ask for the same packet again before the first answer can have arrived: at least so long is between two. */
  readonly resendGapMs: number
}

export const defaultHistoryLimits: HistoryLimits = { packets: 1024, ms: 2000, resendGapMs: 20 }

/** Packets there is room for at first: a second of sound. */
const FIRST_CAPACITY = 64

/** Words of a slot: what belongs to one packet lies together, in one line of the processor's cache. */
const WORDS = 4
const Word = { sequenceAndFrame: 0, numberAndSentAt: 1, timestamp: 2, place: 3 } as const
/** A slot that holds nothing: no packet has this place. */
const NOWHERE = 0

/** Numbers of so many packets, by the last bits of their sequence numbers. A viewer of 400 packets a second has a thousand: what most never need is made when it is. */
class Ring {
  readonly mask: number
  /** Milliseconds; undefined while nothing was sent again. */
  resentAt: Float64Array | undefined
  readonly #words: Uint32Array

  constructor (capacity: number) {
    this.mask = capacity - 1
    this.#words = new Uint32Array(capacity * WORDS)
  }

  /** @param place of the packet in the cache */
  put ({ sequenceNumber, timestamp, frameNumber, number }: Omit<SentPacket, 'packet'>, place: number, sentAt: number): void {
    const slot = sequenceNumber & this.mask
    const at = slot * WORDS
    this.#words[at + Word.sequenceAndFrame] = sequenceNumber | frameNumber << 16
    this.#words[at + Word.numberAndSentAt] = number | sentAt << 16
    this.#words[at + Word.timestamp] = timestamp
    this.#words[at + Word.place] = place
    if (this.resentAt) this.resentAt[slot] = -Infinity
  }

  isEmpty (slot: number): boolean { return this.placeIn(slot) === NOWHERE }
  sequenceNumberIn (slot: number): number { return this.#words[slot * WORDS + Word.sequenceAndFrame]! & 0xffff }
  placeIn (slot: number): number { return this.#words[slot * WORDS + Word.place]! }
  /** Whole milliseconds, the last 16 bits of them: what is older than they tell apart is no more in the cache. */
  sentAt (slot: number): number { return this.#words[slot * WORDS + Word.numberAndSentAt]! >>> 16 }
  /** How long ago the packet in a slot was sent. */
  age (slot: number, now: number): number { return (now - this.sentAt(slot)) & 0xffff }

  numbersIn (slot: number): Omit<SentPacket, 'packet'> {
    const at = slot * WORDS
    const numbers = this.#words[at + Word.sequenceAndFrame]!
    return { sequenceNumber: numbers & 0xffff, timestamp: this.#words[at + Word.timestamp]!, frameNumber: numbers >>> 16, number: this.#words[at + Word.numberAndSentAt]! & 0xffff }
  }

  clear (): void { this.#words.fill(0) }
}

/** What was sent lately, by sequence number: the answers to NACKs. It holds no packets, only where they are kept, and grows with what is sent. */
export class PacketHistory {
  readonly #cache: PacketCache
  readonly #limits: HistoryLimits
  #ring: Ring

  constructor (cache: PacketCache, limits: HistoryLimits = defaultHistoryLimits) {
    this.#cache = cache
    this.#limits = limits
    this.#ring = new Ring(Math.min(FIRST_CAPACITY, limits.packets))
  }

  /** @param now milliseconds. */
  add (sent: SentPacket, now: number): void {
    const { mask } = this.#ring
    const slot = sent.sequenceNumber & mask
    if (mask + 1 < this.#limits.packets && !this.#ring.isEmpty(slot) && this.#ring.age(slot, now) <= this.#limits.ms) this.#grow()
    this.#ring.put(sent, this.#cache.keep(sent.packet, now), now)
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

  /** As `take`, but for no one who asked: as often as wanted. The packet is valid until another one is added anywhere. */
  peek (sequenceNumber: number, now: number): SentPacket | undefined {
    const ring = this.#ring
    const slot = sequenceNumber & ring.mask
    if (ring.sequenceNumberIn(slot) !== sequenceNumber || ring.age(slot, now) > this.#limits.ms) return undefined
    const packet = this.#cache.at(ring.placeIn(slot))
    return packet && { packet, ...ring.numbersIn(slot) }
  }

  clear (): void { this.#ring.clear() }

  #grow (): void {
    const { mask, resentAt } = this.#ring
    const bigger = new Ring(2 * (mask + 1))
    if (resentAt) bigger.resentAt = new Float64Array(2 * (mask + 1)).fill(-Infinity)
    for (let slot = 0; slot <= mask; slot++) {
      if (this.#ring.isEmpty(slot)) continue
      const numbers = this.#ring.numbersIn(slot)
      bigger.put(numbers, this.#ring.placeIn(slot), this.#ring.sentAt(slot))
      if (bigger.resentAt) bigger.resentAt[numbers.sequenceNumber & bigger.mask] = resentAt![slot]!
    }
    this.#ring = bigger
  }
}
