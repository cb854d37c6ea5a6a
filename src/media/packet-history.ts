import type { RtpPacket } from './rtp-packet.ts'

/** What was sent, enough of it to send it again: the source packet is shared by all subscribers, the numbers are this one's. */
export type SentPacket = {
  readonly packet: RtpPacket
  readonly sequenceNumber: number
  readonly timestamp: number
  /** Of its dependency descriptor, if it has one. */
  readonly frameNumber: number
}

export type HistoryLimits = {
  /** A power of two. At 2.5 Mbit/s there are 260 packets in a second. */
  readonly packets: number
  /** Older packets would come too late for any jitter buffer. */
  readonly ms: number
  /** A receiver may ask for the same packet again before the first answer can have arrived: at least so long is between two. */
  readonly resendGapMs: number
}

export const defaultHistoryLimits: HistoryLimits = { packets: 1024, ms: 2000, resendGapMs: 20 }

/** A ring of what was sent lately, by sequence number: the answers to NACKs. It holds references, no copies. */
export class PacketHistory {
  readonly #limits: HistoryLimits
  readonly #packets: (RtpPacket | undefined)[]
  readonly #sequenceNumbers: Uint16Array
  readonly #timestamps: Uint32Array
  readonly #frameNumbers: Uint16Array
  readonly #sentAt: Float64Array
  readonly #resentAt: Float64Array

  constructor (limits: HistoryLimits = defaultHistoryLimits) {
    this.#limits = limits
    this.#packets = Array.from({ length: limits.packets })
    this.#sequenceNumbers = new Uint16Array(limits.packets)
    this.#timestamps = new Uint32Array(limits.packets)
    this.#frameNumbers = new Uint16Array(limits.packets)
    this.#sentAt = new Float64Array(limits.packets)
    this.#resentAt = new Float64Array(limits.packets)
  }

  /** @param now milliseconds. */
  add ({ packet, sequenceNumber, timestamp, frameNumber }: SentPacket, now: number): void {
    const slot = sequenceNumber & (this.#limits.packets - 1)
    this.#packets[slot] = packet
    this.#sequenceNumbers[slot] = sequenceNumber
    this.#timestamps[slot] = timestamp
    this.#frameNumbers[slot] = frameNumber
    this.#sentAt[slot] = now
    this.#resentAt[slot] = -Infinity
  }

  /**
   * @param roundTripMs how long an answer takes to be noticed
   * @returns undefined when it is gone, too old, or was sent again a moment ago.
   */
  take (sequenceNumber: number, now: number, roundTripMs = 0): SentPacket | undefined {
    const slot = sequenceNumber & (this.#limits.packets - 1)
    const packet = this.#packets[slot]
    if (!packet || this.#sequenceNumbers[slot] !== sequenceNumber) return undefined
    if (now - this.#sentAt[slot]! > this.#limits.ms) {
      this.#packets[slot] = undefined
      return undefined
    }
    if (now - this.#resentAt[slot]! < Math.max(this.#limits.resendGapMs, roundTripMs)) return undefined
    this.#resentAt[slot] = now
    return { packet, sequenceNumber, timestamp: this.#timestamps[slot]!, frameNumber: this.#frameNumbers[slot]! }
  }

  /** As `take`, but for no one who asked: as often as wanted. */
  peek (sequenceNumber: number, now: number): SentPacket | undefined {
    const slot = sequenceNumber & (this.#limits.packets - 1)
    const packet = this.#packets[slot]
    if (!packet || this.#sequenceNumbers[slot] !== sequenceNumber || now - this.#sentAt[slot]! > this.#limits.ms) return undefined
    return { packet, sequenceNumber, timestamp: this.#timestamps[slot]!, frameNumber: this.#frameNumbers[slot]! }
  }

  clear (): void { this.#packets.fill(undefined) }
}
