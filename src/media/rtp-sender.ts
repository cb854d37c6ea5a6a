import type { Clock } from '../lib/clock.ts'
import { FrameNumbers } from './dependency-descriptor.ts'
import type { ExtensionBlock } from './header-extensions.ts'
import { ntpOf, roundTripMs as roundTrip } from './ntp.ts'
import { sharedPacketCache } from './packet-cache.ts'
import { PacketHistory, type SentPacket } from './packet-history.ts'
import type { Redundancy } from './redundancy.ts'
import { Rewriter } from './rewriter.ts'
import type { ReportBlock, SenderReport } from './rtcp/packet.ts'
import { type RtpPacket, timestampDistance } from './rtp-packet.ts'
import { type TimeReference, timestampAt } from './time-reference.ts'

const FIXED_HEADER_BYTES = 12
const VERSION_2 = 0x80
const HAS_EXTENSIONS = 0x10
/** Of a packet before it is encrypted: more than crosses a network in one piece. */
export const MAX_PACKET_BYTES = 2048
/** Answers to NACKs may add half of what is sent, and this many packets at once: a receiver cannot make us flood it. */
const RESENDS_PER_PACKET = 0.5
const MAX_RESEND_BURST = 512
/** Padding repeats so many of the latest packets, one after another. */
const PADDED_PACKETS = 16
/** A time reference further than this from what is being sent (s) is of another life of the publisher. */
const MAX_REFERENCE_DISTANCE_S = 10

export type SenderOptions = {
  readonly ssrc: number
  readonly payloadType: number
  readonly clockRate: number
  /** Answers to NACKs go out as a stream of their own (RFC 4588), where the receiver agreed to it. */
  readonly rtx?: { readonly ssrc: number, readonly payloadType: number } | undefined
  /** What packets repeat of those before them, where the receiver agreed to it. */
  readonly redundancy?: Redundancy | undefined
  /** What each packet says in its header, retransmissions included. */
  readonly extensions?: ExtensionBlock | undefined
  /** Numbers the packets of all streams of one transport together. */
  readonly numbers?: TransportNumbers | undefined
  readonly clock: Clock
  readonly target: PrintTarget
}

/** Where packets are printed, and leave from: on the way from a source to a receiver a payload is copied once. */
export interface PrintTarget {
  readonly memory: Buffer
  /** @returns where in `memory` the next packet may be printed: there is room for `MAX_PACKET_BYTES` */
  reserve (): number
  /** Sends what was printed at `at`, the place reserved last. @param length in bytes @returns false when it could not be sent */
  commit (at: number, length: number): boolean
}

/** Gives a packet of so many bytes, sent at `now` (ms), its place among all packets of its transport: 16 bits. */
export interface TransportNumbers { next (bytes: number, now: number): number }

/** What one receiver says of one stream, from its latest report. */
export type ReceptionQuality = { lossFraction: number, lost: number, jitterMs: number, roundTripMs: number | undefined }

/** One outgoing RTP stream to one receiver: its numbers, its reports, its answers to loss. No socket, no timer. */
export class RtpSender {
  readonly ssrc: number
  readonly rewriter: Rewriter
  packets = 0
  bytes = 0
  resent = 0
  nacked = 0
  /** Packets sent once more to find out what the path carries. */
  padded = 0
  refused = 0
  quality: ReceptionQuality | undefined
  /** The highest count of lost packets reported: late ones and duplicates may lower the report, not this. */
  mostLost = 0
  readonly #options: SenderOptions
  readonly #history = new PacketHistory(sharedPacketCache())
  readonly #frames = new FrameNumbers()
  #payloadBytes = 0
  #resendBudget = MAX_RESEND_BURST
  #rtxSequence = Math.floor(Math.random() * 0x10000)
  #lastSentAt = 0

  constructor (options: SenderOptions) {
    this.#options = options
    this.ssrc = options.ssrc
    this.rewriter = new Rewriter({ clockRate: options.clockRate })
  }

  /** Sends a packet of the source, numbered on from what went before. */
  write (packet: RtpPacket): void {
    const now = this.#options.clock.now()
    if (this.rewriter.accept(packet, now)) this.#sendNumbered(packet, this.rewriter.timestamp, now)
  }

  /** As `write`, but the packet is shown at another time than its own: the fast-forward of a newcomer. */
  writeAt (packet: RtpPacket, timestamp: number): void {
    const now = this.#options.clock.now()
    if (this.rewriter.accept(packet, now)) this.#sendNumbered(packet, timestamp >>> 0, now)
  }

  /** The next packet is of another source, and begins with what can be decoded alone: nobody needs what was sent before. */
  startAnew (): void {
    this.rewriter.restart()
    this.#history.clear()
  }

  #sendNumbered (packet: RtpPacket, timestamp: number, now: number): void {
    const { sequenceNumber, sources } = this.rewriter
    const frameNumber = packet.descriptor ? this.#frames.next(packet.descriptor, sources) : 0
    const sent = { packet, sequenceNumber, timestamp, frameNumber, number: 0 }
    const at = this.#options.target.reserve()
    const bytes = (this.#printRed(sent, at) ?? this.#print(sent, at)) - at
    sent.number = this.#nextNumber(bytes, now)
    this.#history.add(sent, now)
    this.#send(at, bytes, sent.number)
    this.packets++
    this.#payloadBytes += bytes - this.#headerBytes(packet)
    this.#lastSentAt = now
    if (this.#resendBudget < MAX_RESEND_BURST) this.#resendBudget += RESENDS_PER_PACKET
  }

  /**
   * The publisher's CSRCs and header extensions are for its own hop, and stay there, but for the dependency descriptor.
   * @returns where the packet printed at `at` ends, as all that print one
   */
  #print (sent: SentPacket, at: number): number {
    const { ssrc, payloadType } = this.#options
    return this.#printPayload(sent.packet, at, this.#printHeader(sent, at, payloadType, sent.sequenceNumber, ssrc))
  }

  /** @returns undefined where the packet repeats nothing */
  #printRed (sent: SentPacket, at: number): number | undefined {
    const { redundancy, target: { memory } } = this.#options
    if (!redundancy) return undefined
    const end = redundancy.print(sent.packet, sent.timestamp, memory, at + this.#headerBytes(sent.packet))
    if (end !== undefined) this.#printHeader(sent, at, redundancy.payloadType, sent.sequenceNumber, this.ssrc)
    return end
  }

  /**
   * Answers a NACK, as far as history and budget allow. Without a stream for retransmissions a packet is sent again to the byte as it was:
   * SRTP encrypts it with the same keystream, which would give away the difference. With redundancy it was another packet, and repeats come anyway.
   */
  resend (lost: readonly number[]): void {
    this.nacked += lost.length
    const { clock, rtx, redundancy } = this.#options
    const now = clock.now()
    if (!rtx && redundancy) return
    for (const sequenceNumber of lost) {
      if (this.#resendBudget < 1) return
      const sent = this.#history.take(sequenceNumber, now, this.quality?.roundTripMs)
      if (!sent) continue
      this.#resendBudget--
      if (rtx) this.#sendRtx(sent, now)
      else this.#sendAgain(sent)
      this.resent++
    }
  }

  /**
   * Sends once more what the receiver has already, to find out what the path carries: it takes it for a retransmission that came
   * too late, and drops it.
   * @returns its bytes; 0 where there is no stream for retransmissions, or nothing to repeat
   */
  pad (): number {
    if (!this.#options.rtx) return 0
    const now = this.#options.clock.now()
    const sequenceNumber = (this.rewriter.sequenceNumber - this.padded % PADDED_PACKETS) & 0xffff
    const sent = this.#history.peek(sequenceNumber, now) ?? this.#history.peek(this.rewriter.sequenceNumber, now)
    if (!sent) return 0
    this.padded++
    return this.#sendRtx(sent, now)
  }

  /** Whether `pad` can do something. */
  get pads (): boolean { return this.#options.rtx !== undefined }

  #sendAgain (sent: SentPacket): void {
    const at = this.#options.target.reserve()
    this.#send(at, this.#print(sent, at) - at, sent.number)
  }

  /** @returns its bytes */
  #sendRtx (sent: SentPacket, now: number): number {
    const at = this.#options.target.reserve()
    const bytes = this.#printRtx(sent, at) - at
    this.#send(at, bytes, this.#nextNumber(bytes, now))
    return bytes
  }

  /** RFC 4588 section 4: the original sequence number, then the original payload. */
  #printRtx (sent: SentPacket, at: number): number {
    const { rtx, target: { memory } } = this.#options
    this.#rtxSequence = (this.#rtxSequence + 1) & 0xffff
    const begin = this.#printHeader(sent, at, rtx!.payloadType, this.#rtxSequence, rtx!.ssrc)
    memory.writeUInt16BE(sent.sequenceNumber, begin)
    return this.#printPayload(sent.packet, at, begin + 2)
  }

  /** Bytes before the payload. */
  #headerBytes ({ descriptor }: RtpPacket): number { return FIXED_HEADER_BYTES + (this.#options.extensions?.sizeWith(descriptor) ?? 0) }

  /** @returns where the payload begins */
  #printHeader ({ packet, timestamp, frameNumber }: SentPacket, at: number, payloadType: number, sequenceNumber: number, ssrc: number): number {
    const { extensions, target: { memory } } = this.#options
    memory[at] = VERSION_2 | (extensions ? HAS_EXTENSIONS : 0)
    memory[at + 1] = (packet.marker ? 0x80 : 0) | payloadType
    memory[at + 2] = sequenceNumber >> 8
    memory[at + 3] = sequenceNumber & 0xff
    memory.writeUInt32BE(timestamp >>> 0, at + 4)
    memory.writeUInt32BE(ssrc, at + 8)
    extensions?.print(memory, at + FIXED_HEADER_BYTES, packet.descriptor, frameNumber)
    return at + this.#headerBytes(packet)
  }

  /** @param at where the packet begins @param begin where its payload does */
  #printPayload (packet: RtpPacket, at: number, begin: number): number {
    const start = packet.headerLength
    const end = Math.min(packet.bytes.length - packet.paddingLength, start + at + MAX_PACKET_BYTES - begin)
    packet.bytes.copy(this.#options.target.memory, begin, start, end)
    return begin + end - start
  }

  /** Its place among the packets of its transport, where they have one. */
  #nextNumber (bytes: number, now: number): number {
    const { extensions, numbers } = this.#options
    return extensions && numbers ? numbers.next(bytes, now) : 0
  }

  /** What is printed at `at` leaves. @param number its place in the transport's order */
  #send (at: number, bytes: number, number: number): void {
    const { extensions, numbers, target } = this.#options
    if (extensions && numbers) extensions.number(target.memory, at + FIXED_HEADER_BYTES, number)
    if (!target.commit(at, bytes)) this.refused++
    this.bytes += bytes
  }

  /**
   * This instant on the wall clock and on the stream's (RFC 3550 section 6.4.1). With the publisher's own reference, all its
   * streams meet on one wall clock: lips move with words.
   * @returns undefined as long as nothing was sent.
   */
  report (reference: TimeReference | undefined): SenderReport | undefined {
    if (this.packets === 0) return undefined
    const { clock, clockRate, ssrc } = this.#options
    const wallMs = clock.wall()
    const { seconds, fraction } = ntpOf(wallMs)
    const byArrival = this.rewriter.newestTimestamp + Math.round((clock.now() - this.#lastSentAt) * clockRate / 1000)
    const byReference = reference && this.rewriter.timestampOf(timestampAt(wallMs, reference, clockRate))
    const trusted = byReference !== undefined && Math.abs(timestampDistance(byReference, byArrival)) < MAX_REFERENCE_DISTANCE_S * clockRate
    const rtpTimestamp = (trusted ? byReference : byArrival) >>> 0
    return { type: 'sr', ssrc, ntpSeconds: seconds, ntpFraction: fraction, rtpTimestamp, packets: this.packets >>> 0, bytes: this.#payloadBytes >>> 0, reports: [] }
  }

  /** Takes what the receiver reports of this stream (RFC 3550 section 6.4.1). */
  receive (block: ReportBlock): void {
    const { clock, clockRate } = this.#options
    const { lastSenderReport, delaySinceLastReport } = block
    const roundTripMs = lastSenderReport === 0 ? this.quality?.roundTripMs : roundTrip(clock.wall(), lastSenderReport, delaySinceLastReport)
    this.mostLost = Math.max(this.mostLost, block.cumulativeLost)
    this.quality = { lossFraction: block.fractionLost, lost: block.cumulativeLost, jitterMs: block.jitter / clockRate * 1000, roundTripMs }
  }
}
