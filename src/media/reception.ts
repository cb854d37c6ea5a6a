import { ntpMiddle } from './ntp.ts'
import { ArrivalBursts, type BurstFigures } from './quality/loss-bursts.ts'
import type { ReportBlock, SenderReport } from './rtcp/packet.ts'
import { type RtpPacket, sequenceDistance } from './rtp-packet.ts'

/** RFC 3550 appendix A.1: a jump beyond these is a source that started anew, if a second packet confirms it. */
const MAX_DROPOUT = 3000
const MAX_MISORDER = 100
/** The units of `delaySinceLastReport`. */
const UNITS_PER_MS = 65.536

/** Counts what comes of one source, for the reports sent back to it (RFC 3550 section 6.4.1, appendices A.1, A.3 and A.8). */
export class Reception {
  packets = 0
  bytes = 0
  readonly #clockRate: number
  readonly #bursts = new ArrivalBursts()
  #base = 0
  #highest = 0
  #cycles = 0
  #restartAt: number | undefined
  #jitter = 0
  #transit: number | undefined
  #transitTimestamp = 0
  #expectedBefore = 0
  #receivedBefore = 0
  #received = 0
  #lastReport = 0
  #lastReportAt = 0

  constructor (clockRate: number) { this.#clockRate = clockRate }

  get jitterMs (): number { return this.#jitter / this.#clockRate * 1000 }
  /** Since the last restart of the source; never negative. */
  get lost (): number { return Math.max(0, this.#expected - this.#received) }
  /** On the network: what was sent again counts as lost. */
  get bursts (): BurstFigures { return this.#bursts.describe() }
  get #expected (): number { return this.#received === 0 ? 0 : this.#cycles + this.#highest - this.#base + 1 }

  /** @param now milliseconds of a clock that does not jump. */
  add (packet: RtpPacket, now: number): void {
    this.packets++
    this.bytes += packet.bytes.length
    this.#bursts.add(packet.sequenceNumber)
    if (this.#follow(packet.sequenceNumber)) this.#measureJitter(packet.timestamp, now)
  }

  /** A packet that was lost and came as a retransmission: it is no longer missing, but says nothing of the network's jitter. */
  addRepaired (): void { this.#received++ }

  /** How long ago (ms) a packet of this timestamp came, or would have come, judged by the newest one; 0 before the first. */
  ageOf (timestamp: number, now: number): number {
    if (this.#transit === undefined) return 0
    return ((now * this.#clockRate / 1000 - this.#transit - timestamp) | 0) / this.#clockRate * 1000
  }

  addReport ({ ntpSeconds, ntpFraction }: SenderReport, now: number): void {
    this.#lastReport = ntpMiddle({ seconds: ntpSeconds, fraction: ntpFraction })
    this.#lastReportAt = now
  }

  /** Also begins the interval of the next report's `fractionLost`. */
  report (ssrc: number, now: number): ReportBlock {
    const expected = this.#expected
    const expectedNow = expected - this.#expectedBefore
    const lostNow = expectedNow - (this.#received - this.#receivedBefore)
    this.#expectedBefore = expected
    this.#receivedBefore = this.#received
    return {
      ssrc,
      fractionLost: expectedNow > 0 && lostNow > 0 ? lostNow / expectedNow : 0,
      cumulativeLost: expected - this.#received,
      highestSequence: (this.#cycles + this.#highest) >>> 0,
      jitter: Math.floor(this.#jitter),
      lastSenderReport: this.#lastReport,
      delaySinceLastReport: this.#lastReport === 0 ? 0 : Math.round((now - this.#lastReportAt) * UNITS_PER_MS) >>> 0
    }
  }

  /** @returns false for a packet out of any order. */
  #follow (sequenceNumber: number): boolean {
    if (this.#received === 0) return this.#begin(sequenceNumber)
    const distance = sequenceDistance(sequenceNumber, this.#highest)
    if (distance > 0 && distance < MAX_DROPOUT) {
      if (sequenceNumber < this.#highest) this.#cycles += 0x10000
      this.#highest = sequenceNumber
    } else if (distance > 0 || distance < -MAX_MISORDER) {
      if (sequenceNumber !== this.#restartAt) {
        this.#restartAt = (sequenceNumber + 1) & 0xffff
        return false
      }
      return this.#begin(sequenceNumber)
    }
    this.#received++
    return true
  }

  #begin (sequenceNumber: number): boolean {
    this.#base = this.#highest = sequenceNumber
    this.#cycles = this.#expectedBefore = this.#receivedBefore = 0
    this.#received = 1
    this.#restartAt = undefined
    this.#transit = undefined
    return true
  }

  /** Only between frames: packets of one picture share a timestamp, but not the moment they leave. */
  #measureJitter (timestamp: number, now: number): void {
    if (this.#transit !== undefined && timestamp === this.#transitTimestamp) return
    const transit = (now * this.#clockRate / 1000 - timestamp) % 0x1_0000_0000
    if (this.#transit !== undefined) {
      const difference = Math.abs((transit - this.#transit) | 0)
      if (difference < this.#clockRate * 10) this.#jitter += (difference - this.#jitter) / 16 // More is a jump of the source's clock.
    }
    this.#transit = transit
    this.#transitTimestamp = timestamp
  }
}
