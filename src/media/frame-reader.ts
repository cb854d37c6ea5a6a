import type { Codec } from './codec.ts'
import type { Depacketizer, Frame } from './frame.ts'
import { depacketizerFor } from './payload/index.ts'
import { type RtpPacket, sequenceDistance, timestampDistance } from './rtp-packet.ts'

/** How far the reader looks ahead of a missing packet before it gives it up. */
export type FrameReaderOptions = {
  /** Packets held back: 512 are about two seconds of 720p. */
  readonly maxPackets?: number
  /** Media time held back, in ms: a retransmission that takes longer comes too late. */
  readonly maxDelayMs?: number
  /** Give on video frames after a loss at once, although they refer to what is missing, instead of waiting for a keyframe. */
  readonly undecodable?: boolean
}

const DEFAULT_MAX_PACKETS = 512
const DEFAULT_MAX_DELAY_MS = 500
/** A distance on the circle of sequence numbers that no network makes: the sender began anew (RFC 3550 appendix A.1). */
const MAX_DROPOUT = 3000

export type FrameHandlers = {
  frame (frame: Frame): void
  /** Packets before the next frame are missing for good; 0 where nobody can count them, since the sender began anew. */
  gap? (lostPackets: number): void
}

/**
 * Puts the packets of one track back in order and makes frames of them. Video begins with a keyframe, and begins again with
 * one after a loss: what a decoder could not use is dropped and counted.
 */
export class FrameReader {
  /** Plain counters, read at any time. */
  lostPackets = 0
  latePackets = 0
  undecodableFrames = 0
  readonly #handlers: FrameHandlers
  readonly #depacketizer: Depacketizer
  readonly #maxPackets: number
  readonly #maxDelayTicks: number
  readonly #needsKeyframes: boolean
  /** Packets that came too early, by sequence number. Empty nearly always. */
  readonly #early = new Map<number, RtpPacket>()
  #ssrc: number | undefined
  #next: number | undefined
  /** The sequence number that would confirm a restart. */
  #restart: number | undefined
  #waitsForKeyframe: boolean

  constructor (codec: Codec, handlers: FrameHandlers, options: FrameReaderOptions = {}) {
    this.#handlers = handlers
    this.#depacketizer = depacketizerFor(codec)
    this.#maxPackets = options.maxPackets ?? DEFAULT_MAX_PACKETS
    this.#maxDelayTicks = (options.maxDelayMs ?? DEFAULT_MAX_DELAY_MS) * codec.clockRate / 1000
    this.#needsKeyframes = codec.kind === 'video' && options.undecodable !== true
    this.#waitsForKeyframe = this.#needsKeyframes
  }

  /** Video is lost or has not begun, and every frame until the next keyframe is dropped: a good moment to ask for one. */
  get waitsForKeyframe (): boolean { return this.#waitsForKeyframe }

  push (packet: RtpPacket): void {
    const { sequenceNumber } = packet
    if (this.#ssrc !== packet.ssrc) this.#begin(packet)
    const ahead = sequenceDistance(sequenceNumber, this.#next!)
    if (ahead === 0) {
      this.#restart = undefined
      this.#take(packet)
      if (this.#early.size > 0) this.#takeEarly()
    } else if (Math.abs(ahead) > MAX_DROPOUT) {
      this.#strange(packet)
    } else if (ahead < 0) {
      this.latePackets++
    } else {
      this.#hold(packet)
    }
  }

  /** Nothing more will come, or nobody will wait: gives up what is missing and reads the rest. */
  flush (): void {
    while (this.#early.size > 0) this.#skipToEarliest()
  }

  #begin (packet: RtpPacket): void {
    if (this.#ssrc !== undefined) this.#startAnew()
    this.#ssrc = packet.ssrc
    this.#next = packet.sequenceNumber
  }

  /** One packet from nowhere is a stray; two in a row are a sender that began anew. */
  #strange (packet: RtpPacket): void {
    if (packet.sequenceNumber !== this.#restart) {
      this.#restart = (packet.sequenceNumber + 1) & 0xffff
      this.latePackets++
      return
    }
    this.#startAnew()
    this.#next = packet.sequenceNumber
    this.#take(packet)
  }

  #startAnew (): void {
    this.flush()
    this.#restart = undefined
    this.#lost(0)
  }

  #hold (packet: RtpPacket): void {
    this.#early.set(packet.sequenceNumber, packet)
    while (this.#early.size > 0 && this.#waitedEnough(packet)) this.#skipToEarliest()
  }

  #waitedEnough (newest: RtpPacket): boolean {
    if (this.#early.size > this.#maxPackets) return true
    const longestHeld = this.#early.values().next().value! // A Map keeps the order in which they came.
    return timestampDistance(newest.timestamp, longestHeld.timestamp) > this.#maxDelayTicks
  }

  #skipToEarliest (): void {
    let missing = Infinity
    for (const sequenceNumber of this.#early.keys()) missing = Math.min(missing, sequenceDistance(sequenceNumber, this.#next!))
    this.#next = (this.#next! + missing) & 0xffff
    this.#lost(missing)
    this.#takeEarly()
  }

  #lost (packets: number): void {
    this.lostPackets += packets
    this.#depacketizer.reset()
    this.#waitsForKeyframe = this.#needsKeyframes
    this.#handlers.gap?.(packets)
  }

  #takeEarly (): void {
    for (let packet = this.#early.get(this.#next!); packet; packet = this.#early.get(this.#next!)) {
      this.#early.delete(packet.sequenceNumber)
      this.#take(packet)
    }
  }

  #take (packet: RtpPacket): void {
    this.#next = (packet.sequenceNumber + 1) & 0xffff
    for (const frame of this.#depacketizer.push(packet)) {
      if (this.#waitsForKeyframe && !frame.keyframe) {
        this.undecodableFrames++
        continue
      }
      this.#waitsForKeyframe = false
      this.#handlers.frame(frame)
    }
  }
}
