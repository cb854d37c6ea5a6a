import type { Codec } from '../../media/codec.ts'
import { ReceiveEstimator, SenderClock } from '../../media/bandwidth/receive-estimator.ts'
import type { RtcpPacket } from '../../media/rtcp/packet.ts'
import type { RtpPacket } from '../../media/rtp-packet.ts'
import { TransportArrivals } from '../../media/transport-arrivals.ts'
import { ExtensionUri } from '../../protocols/webrtc/sdp-types.ts'
import type { Intake } from './intake.ts'
import type { PublishedSection } from './publishing.ts'

/**
 * The way from one publisher to here: what it is told of it, so that it sends what its path carries and no more. Who numbers its
 * packets is told when each arrived; who cannot, what we believe fits (REMB).
 */
export class Uplink {
  readonly #arrivals = new TransportArrivals()
  readonly #numberId: number | undefined
  readonly #estimate: EstimatedStreams | undefined

  constructor (sections: readonly PublishedSection[]) {
    this.#numberId = idIn(sections, ExtensionUri.transportCc)
    const estimated = sections.filter(({ negotiated }) => negotiated.codec.feedback.includes('goog-remb'))
    this.#estimate = estimated.length > 0 ? new EstimatedStreams(estimated) : undefined
  }

  note (packet: RtpPacket, now: number): void {
    const number = this.#numberId === undefined ? undefined : packet.extension(this.#numberId)
    if (number?.length === 2) this.#arrivals.add(number.readUInt16BE(0), now)
    this.#estimate?.note(packet, now)
  }

  /** What there is to tell, a few times a second. @param sender our SSRC */
  report (sender: number, intakes: readonly Intake[], now: number): RtcpPacket[] {
    const arrivals = this.#arrivals.take(sender, intakes[0]?.ssrc ?? 0)
    const estimate = this.#estimate?.report(sender, intakes, now)
    return [arrivals, estimate].filter(report => report !== undefined)
  }

  /** For the session's status. */
  describe (): { uplink: { estimatedBitrate: number | null } } | undefined {
    return this.#estimate && { uplink: { estimatedBitrate: this.#estimate.told ?? null } }
  }
}

const idIn = (sections: readonly PublishedSection[], wanted: string): number | undefined => sections.flatMap(({ extensions }) => extensions).find(({ uri }) => uri === wanted)?.id

/** The streams whose bitrate we estimate. */
class EstimatedStreams {
  readonly #estimator = new ReceiveEstimator()
  readonly #codecs: ReadonlySet<Codec>
  readonly #sendTimeId: number | undefined
  readonly #sendTimes = SenderClock.ofSendTime()
  /** Of the RTP clock, where it is the picture's own that tells; undefined for retransmissions. */
  readonly #clockRates = new Map<number, number | undefined>()
  #pictures: PictureTimes | undefined

  constructor (sections: readonly PublishedSection[]) {
    this.#codecs = new Set(sections.map(({ codec }) => codec))
    this.#sendTimeId = idIn(sections, ExtensionUri.absoluteSendTime)
    for (const { codec: { kind, clockRate }, negotiated: { codec, rtx } } of sections) {
      this.#clockRates.set(codec.payloadType, kind === 'video' ? clockRate : undefined)
      if (rtx) this.#clockRates.set(rtx.payloadType, undefined)
    }
  }

  get told (): number | undefined { return this.#estimator.told }

  note (packet: RtpPacket, now: number): void {
    if (this.#clockRates.has(packet.payloadType)) this.#estimator.add(this.#sentAt(packet, now), packet.bytes.length, now)
  }

  report (sender: number, intakes: readonly Intake[], now: number): RtcpPacket | undefined {
    const estimated = intakes.filter(({ codec }) => this.#codecs.has(codec))
    let lost = 0
    for (const { reception, repaired } of estimated) lost += reception.lost + repaired
    const bitrate = this.#estimator.take(lost, now)
    return bitrate === undefined || estimated.length === 0 ? undefined : { type: 'remb', sender, bitrate, ssrcs: estimated.map(({ ssrc }) => ssrc) }
  }

  #sentAt (packet: RtpPacket, now: number): number | undefined {
    if (this.#sendTimeId !== undefined) {
      const value = packet.extension(this.#sendTimeId)
      return value?.length === 3 ? this.#sendTimes.at(value.readUIntBE(0, 3), now) : undefined
    }
    const clockRate = this.#clockRates.get(packet.payloadType)
    if (clockRate === undefined) return undefined
    if (!this.#pictures?.isOf(packet, now)) this.#pictures = new PictureTimes(packet.ssrc, clockRate)
    return this.#pictures.at(packet, now)
  }
}

/** Another stream tells the time when this one was silent for so long (ms). */
const SILENT_MS = 2000
/** A stream whose clock parts from ours by more (ms) has set it. */
const CLOCK_SET_MS = 10_000

/**
 * When the pictures of one stream were sent, as far as their timestamps say. Only the first packet of each tells of the path: the
 * others wait behind it, the longer the larger the picture.
 */
class PictureTimes {
  readonly #ssrc: number
  readonly #clockRate: number
  #clock: SenderClock
  #newest = -Infinity
  #heardAt = -Infinity

  constructor (ssrc: number, clockRate: number) {
    this.#ssrc = ssrc
    this.#clockRate = clockRate
    this.#clock = new SenderClock(clockRate)
  }

  /** Whether this packet leaves it the stream that tells the time. */
  isOf ({ ssrc }: RtpPacket, now: number): boolean { return ssrc === this.#ssrc || now - this.#heardAt < SILENT_MS }

  at ({ ssrc, timestamp }: RtpPacket, now: number): number | undefined {
    if (ssrc !== this.#ssrc) return undefined
    this.#heardAt = now
    const sentAt = this.#clock.at(timestamp, now)
    if (Math.abs(sentAt - now) > CLOCK_SET_MS) {
      this.#clock = new SenderClock(this.#clockRate)
      this.#newest = -Infinity
      return undefined
    }
    if (sentAt <= this.#newest) return undefined
    return this.#newest = sentAt
  }
}
