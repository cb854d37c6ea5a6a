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

/** Slots for so many packets, by the last bits of their sequence numbers. A viewer of 400 packets a second has a thousand: what most never need is made when it is. */
class Ring {
  readonly mask: number
  readonly packets: (RtpPacket | undefined)[]
  readonly sequenceNumbers: Uint16Array
  readonly timestamps: Uint32Array
  readonly frameNumbers: Uint16Array
  readonly numbers: Uint16Array
  /** Milliseconds, whole ones, of which the last 32 bits suffice. */
  readonly sentAt: Uint32Array
  /** Milliseconds; undefined while nothing was sent again. */
  resentAt: Float64Array | undefined

  constructor (capacity: number) {
    this.mask = capacity - 1
    this.packets = Array.from({ length: capacity })
    this.sequenceNumbers = new Uint16Array(capacity)
    this.timestamps = new Uint32Array(capacity)
    this.frameNumbers = new Uint16Array(capacity)
    this.numbers = new Uint16Array(capacity)
    this.sentAt = new Uint32Array(capacity)
  }

  put ({ packet, sequenceNumber, timestamp, frameNumber, number }: SentPacket, sentAt: number): void {
    const slot = sequenceNumber & this.mask
    this.packets[slot] = packet
    this.sequenceNumbers[slot] = sequenceNumber
    this.timestamps[slot] = timestamp
    this.frameNumbers[slot] = frameNumber
    this.numbers[slot] = number
    this.sentAt[slot] = sentAt
    if (this.resentAt) this.resentAt[slot] = -Infinity
  }

  /** How long ago the packet in a slot was sent. */
  age (slot: number, now: number): number { return (now - this.sentAt[slot]!) >>> 0 }

  at (slot: number): SentPacket | undefined {
    const packet = this.packets[slot]
    return packet && { packet, sequenceNumber: this.sequenceNumbers[slot]!, timestamp: this.timestamps[slot]!, frameNumber: this.frameNumbers[slot]!, number: this.numbers[slot]! }
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
    const { mask, sequenceNumbers } = this.#ring
    const slot = sequenceNumber & mask
    return sequenceNumbers[slot] === sequenceNumber && this.#ring.age(slot, now) <= this.#limits.ms ? this.#ring.at(slot) : undefined
  }

  clear (): void { this.#ring.packets.fill(undefined) }

  #grow (): void {
    const { mask, sentAt, resentAt } = this.#ring
    const bigger = new Ring(2 * (mask + 1))
    if (resentAt) bigger.resentAt = new Float64Array(2 * (mask + 1)).fill(-Infinity)
    for (let slot = 0; slot <= mask; slot++) {
      const sent = this.#ring.at(slot)
      if (!sent) continue
      bigger.put(sent, sentAt[slot]!)
      if (bigger.resentAt) bigger.resentAt[sent.sequenceNumber & bigger.mask] = resentAt![slot]!
    }
    this.#ring = bigger
  }
}
