import { sequenceDistance } from './rtp-packet.ts'

export type NackLimits = {
  /** A packet may only be late: it is asked for after this long. */
  readonly patienceMs: number
  /** Between two requests for the same packet. */
  readonly retryMs: number
  readonly tries: number
  /** A larger gap is no loss to repair. */
  readonly maxMissing: number
}

export const defaultNackLimits: NackLimits = { patienceMs: 10, retryMs: 80, tries: 8, maxMissing: 500 }

/** What a packet is to those before it: newer than all, one that was missed, or one that nobody misses. */
export type Novelty = 'newest' | 'missed' | 'known'

type Missing = { readonly sequenceNumber: number, readonly since: number, tries: number, askedAt: number }

/** Finds the gaps in one source's sequence numbers and says when to ask for what is missing (RFC 4585 section 6.2.1). */
export class NackGenerator {
  /** Packets given up: what they belonged to cannot be decoded. */
  abandoned = 0
  readonly #limits: NackLimits
  readonly #missing = new Map<number, Missing>()
  #highest: number | undefined

  constructor (limits: NackLimits = defaultNackLimits) { this.#limits = limits }

  get missing (): number { return this.#missing.size }

  add (sequenceNumber: number, now: number): Novelty {
    const highest = this.#highest ?? (sequenceNumber - 1) & 0xffff
    const distance = sequenceDistance(sequenceNumber, highest)
    if (distance <= 0) return this.#missing.delete(sequenceNumber) ? 'missed' : 'known'
    this.#highest = sequenceNumber
    if (distance > 1) this.#note(highest, distance - 1, now)
    return 'newest'
  }

  #note (highest: number, count: number, now: number): void {
    if (this.#missing.size + count > this.#limits.maxMissing) {
      this.abandoned += this.#missing.size + count
      this.#missing.clear()
      return
    }
    for (let i = 1; i <= count; i++) {
      const sequenceNumber = (highest + i) & 0xffff
      this.#missing.set(sequenceNumber, { sequenceNumber, since: now, tries: 0, askedAt: -Infinity })
    }
  }

  /** What to ask for now, in the order it was sent. */
  due (now: number): number[] {
    const { patienceMs, retryMs, tries } = this.#limits
    const due: number[] = []
    for (const missing of this.#missing.values()) {
      if (now - missing.since < patienceMs || now - missing.askedAt < retryMs) continue
      if (missing.tries++ >= tries) {
        this.#missing.delete(missing.sequenceNumber)
        this.abandoned++
        continue
      }
      missing.askedAt = now
      due.push(missing.sequenceNumber)
    }
    return due
  }
}
