import type { TransportFeedback } from './rtcp/packet.ts'
import { sequenceDistance } from './rtp-packet.ts'

/** Arrival times count in units of 250 µs. */
const TICKS_PER_MS = 4
/** The reference time has 24 bits of 64 ms, one of them the sign; taken modulo that, it never overflows. */
const TICKS_MODULO = 2 ** 24 * 256
/** One feedback tells of at most this many packets: 8 s at 4,000 packets a second is far more than any interval between two. */
const MAX_PACKETS = 2000
/** A packet that comes after it was told to be lost is told anew, with those around it, if so many packets or fewer overtook it. */
const MAX_OVERTAKEN = 500
/** Arrivals are remembered so long (ms) for that. */
const REMEMBERED_MS = 500
/** Within one feedback, arrivals lie at most this far apart (ms): the deltas have 16 bits. */
const MAX_SPAN_MS = 8000

/** Notes when each packet of a transport arrived, for the sender's congestion control (draft-holmer-rmcat-transport-wide-cc-extensions-01). */
export class TransportArrivals {
  readonly #arrivals = new Map<number, number>()
  /** What the next feedback begins with. */
  #base: number | undefined
  #news = false
  #highest = 0
  #feedback = 0

  /** @param sequenceNumber transport-wide. @param now milliseconds. */
  add (sequenceNumber: number, now: number): void {
    if (this.#base === undefined) this.#base = this.#highest = sequenceNumber
    if (this.#arrivals.has(sequenceNumber)) return
    const ahead = sequenceDistance(sequenceNumber, this.#base)
    if (ahead < -MAX_OVERTAKEN) return
    if (ahead < 0) this.#base = sequenceNumber
    if (sequenceDistance(sequenceNumber, this.#highest) > 0) this.#highest = sequenceNumber
    this.#arrivals.set(sequenceNumber, now)
    this.#news = true
  }

  /** What came since the last one; undefined if nothing did. */
  take (sender: number, media: number): TransportFeedback | undefined {
    const base = this.#base
    if (base === undefined || !this.#news) return undefined
    const count = sequenceDistance(this.#highest, base) + 1
    const times = count > 0 && count <= MAX_PACKETS ? this.#times(base, count) : undefined
    this.#forget()
    this.#news = false
    this.#base = (this.#highest + 1) & 0xffff
    if (!times) return undefined
    const feedback = this.#feedback
    this.#feedback = (feedback + 1) & 0xff
    return { type: 'transport-cc', sender, media, feedback, base, arrivals: times }
  }

  /** Told arrivals are kept for a moment: a late packet is told together with them, or they would seem lost. */
  #forget (): void {
    let newest = -Infinity
    for (const time of this.#arrivals.values()) newest = Math.max(newest, time)
    for (const [number, time] of this.#arrivals) if (newest - time > REMEMBERED_MS) this.#arrivals.delete(number)
  }

  #times (base: number, count: number): (number | undefined)[] | undefined {
    const times: (number | undefined)[] = []
    let earliest = Infinity
    let latest = -Infinity
    for (let i = 0; i < count; i++) {
      const time = this.#arrivals.get((base + i) & 0xffff)
      times.push(time)
      if (time === undefined) continue
      earliest = Math.min(earliest, time)
      latest = Math.max(latest, time)
    }
    if (latest - earliest > MAX_SPAN_MS) return undefined
    const shift = Math.round(earliest * TICKS_PER_MS / TICKS_MODULO) * TICKS_MODULO
    return times.map(time => time === undefined ? undefined : Math.round(time * TICKS_PER_MS) - shift)
  }
}
