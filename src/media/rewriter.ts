import { type RtpPacket, sequenceDistance, timestampDistance } from './rtp-packet.ts'

/** A source that jumps further than this has started anew: a receiver would take the gap for lost packets. */
const MAX_SEQUENCE_JUMP = 1000
/** So far may a timestamp jump (s) before the source counts as started anew. */
const MAX_TIMESTAMP_JUMP_S = 20
/** Runs of left-out packets whose effect on late ones is still known: of a layer of a scalable stream there is one in each picture. */
const REMEMBERED_SKIPS = 64

export type RewriterOptions = {
  /** Hz. */
  readonly clockRate: number
  readonly firstSequenceNumber?: number
  readonly firstTimestamp?: number
}

/** Packets left out one after another, and what was added to the numbers of those before them. */
type Skip = { readonly from: number, to: number, readonly offsetBefore: number }

const random = (below: number): number => Math.floor(Math.random() * below)

/**
 * Gives the packets of one source after another the numbers of one unbroken stream. Packets without payload are left out and leave
 * no gap; a packet that comes late gets the number it would have had, also one without payload: who waits for it shall not. Nothing is copied: the caller prints the
 * packet with the numbers found in `sequenceNumber` and `timestamp`.
 */
export class Rewriter {
  /** Of the packet accepted last. */
  sequenceNumber: number
  timestamp: number
  /** How many sources were followed so far. */
  sources = 0
  readonly #clockRate: number
  #sequenceOffset = 0
  #timestampOffset = 0
  #highestSource = 0
  #newestSourceTimestamp = 0
  #firstSource = 0
  #highest: number
  #newestTimestamp: number
  #lastAt: number | undefined
  #following = false
  #skips: Skip[] = []

  constructor ({ clockRate, firstSequenceNumber = random(0x8000), firstTimestamp = random(0x1_0000_0000) }: RewriterOptions) {
    this.#clockRate = clockRate
    this.sequenceNumber = this.#highest = (firstSequenceNumber - 1) & 0xffff // RFC 3550 section 5.1: both begin at random.
    this.timestamp = this.#newestTimestamp = firstTimestamp >>> 0
  }

  /** Whether packets of a source are being followed: then `timestampOf` means something. */
  get following (): boolean { return this.#following }

  /** The outgoing timestamp of a source's. */
  timestampOf (sourceTimestamp: number): number { return (sourceTimestamp + this.#timestampOffset) >>> 0 }

  /** The next packet is of another source: it follows the last one without a gap, later by the time that has passed. */
  restart (): void { this.#following = false }

  /**
   * Follows a source from here on such that its timestamp `source` goes out as `outgoing`.
   * @param packet the first one that will come.
   */
  follow (packet: RtpPacket, source: number, outgoing: number): void {
    this.#begin(packet)
    this.#timestampOffset = (outgoing - source) >>> 0
  }

  /** The newest timestamp that went out, or will be the first. */
  get newestTimestamp (): number { return this.#newestTimestamp }

  /** The timestamp of a packet of another source at this moment (ms): as much later as time has passed. */
  nextTimestamp (now: number): number {
    const passed = this.#lastAt === undefined ? 0 : Math.max(1, Math.round((now - this.#lastAt) * this.#clockRate / 1000))
    return (this.#newestTimestamp + passed) >>> 0
  }

  /** @param now milliseconds. @returns whether to send it; then `sequenceNumber` and `timestamp` are its new ones. */
  accept (packet: RtpPacket, now: number): boolean {
    if (this.#following && this.#jumps(packet)) this.#following = false
    if (!this.#following) this.follow(packet, packet.timestamp, this.nextTimestamp(now))
    const distance = sequenceDistance(packet.sequenceNumber, this.#highestSource)
    const offset = distance > 0 ? this.#sequenceOffset : this.#offsetOfLate(packet.sequenceNumber)
    if (offset === undefined) return false
    const empty = packet.bytes.length === packet.headerLength + packet.paddingLength
    if (distance > 0) this.#highestSource = packet.sequenceNumber
    if (empty && distance > 0) {
      this.#skip(packet.sequenceNumber)
      return false
    }
    this.#number(packet, offset, now)
    return true
  }

  #number (packet: RtpPacket, offset: number, now: number): void {
    this.sequenceNumber = (packet.sequenceNumber + offset) & 0xffff
    this.timestamp = this.timestampOf(packet.timestamp)
    if (sequenceDistance(this.sequenceNumber, this.#highest) > 0) this.#highest = this.sequenceNumber
    if (timestampDistance(packet.timestamp, this.#newestSourceTimestamp) > 0) this.#newestSourceTimestamp = packet.timestamp
    if (timestampDistance(this.timestamp, this.#newestTimestamp) > 0) this.#newestTimestamp = this.timestamp
    this.#lastAt = now
  }

  #jumps (packet: RtpPacket): boolean {
    return Math.abs(sequenceDistance(packet.sequenceNumber, this.#highestSource)) > MAX_SEQUENCE_JUMP ||
      Math.abs(timestampDistance(packet.timestamp, this.#newestSourceTimestamp)) > MAX_TIMESTAMP_JUMP_S * this.#clockRate
  }

  #begin (packet: RtpPacket): void {
    const source = packet.sequenceNumber
    this.#following = true
    this.sources++
    this.#firstSource = source
    this.#highestSource = (source - 1) & 0xffff
    this.#newestSourceTimestamp = packet.timestamp
    this.#sequenceOffset = (this.#highest + 1 - source) & 0xffff
    this.#skips = []
  }

  #skip (sourceSequence: number): void {
    const last = this.#skips.at(-1)
    if (last && sequenceDistance(sourceSequence, last.to) === 1) last.to = sourceSequence
    else this.#skips.push({ from: sourceSequence, to: sourceSequence, offsetBefore: this.#sequenceOffset })
    if (this.#skips.length > REMEMBERED_SKIPS) this.#skips.shift()
    this.#sequenceOffset = (this.#sequenceOffset - 1) & 0xffff
  }

  /** @returns undefined for one that was left out, or from before this source was followed: its number belongs to another one. */
  #offsetOfLate (sourceSequence: number): number | undefined {
    if (sequenceDistance(sourceSequence, this.#firstSource) < 0) return undefined
    for (const { from, to, offsetBefore } of this.#skips) {
      if (sequenceDistance(sourceSequence, from) < 0) return offsetBefore
      if (sequenceDistance(sourceSequence, to) <= 0) return undefined
    }
    return this.#sequenceOffset
  }
}
