import type { NtpTime } from '../ntp.ts'

/** What is known of one source's reception (RFC 3550 section 6.4.1). */
export type ReportBlock = {
  readonly ssrc: number
  /** Of the packets expected since the last report, the part that did not come: 0 to 1. */
  readonly fractionLost: number
  /** Since the start; negative when duplicates outnumber losses. */
  readonly cumulativeLost: number
  /** The 16-bit sequence number, with the count of its wraps above it. */
  readonly highestSequence: number
  /** In ticks of the source's RTP clock. */
  readonly jitter: number
  /** The middle 32 bits of the NTP time in the last sender report received; 0 if none was. */
  readonly lastSenderReport: number
  /** Since that report, in units of 1/65536 s. */
  readonly delaySinceLastReport: number
}

/** The sender's clock and counters (RFC 3550 section 6.4.1). */
export type SenderReport = {
  readonly type: 'sr'
  readonly ssrc: number
  /** Seconds since 1900, and the fraction of one in units of 2^-32 s. */
  readonly ntpSeconds: number
  readonly ntpFraction: number
  /** The same instant on the stream's RTP clock. */
  readonly rtpTimestamp: number
  readonly packets: number
  readonly bytes: number
  readonly reports: readonly ReportBlock[]
}

export type ReceiverReport = { readonly type: 'rr', readonly ssrc: number, readonly reports: readonly ReportBlock[] }
/** Section 6.5; of the items only CNAME is kept. */
export type SourceDescription = { readonly type: 'sdes', readonly chunks: readonly { readonly ssrc: number, readonly cname: string }[] }
export type Goodbye = { readonly type: 'bye', readonly ssrcs: readonly number[], readonly reason: string }
/** RFC 4585 section 6.2.1. */
export type Nack = { readonly type: 'nack', readonly sender: number, readonly media: number, readonly lost: readonly number[] }
/** RFC 4585 section 6.3.1. */
export type PictureLoss = { readonly type: 'pli', readonly sender: number, readonly media: number }
/** RFC 5104 section 4.3.1. */
export type FullIntraRequest = { readonly type: 'fir', readonly sender: number, readonly requests: readonly { readonly ssrc: number, readonly sequence: number }[] }
/** draft-alvestrand-rmcat-remb-03: what the receiver believes the path can carry, in bit/s. */
export type BitrateEstimate = { readonly type: 'remb', readonly sender: number, readonly bitrate: number, readonly ssrcs: readonly number[] }
/** draft-holmer-rmcat-transport-wide-cc-extensions-01: when each packet of the whole transport arrived. */
export type TransportFeedback = {
  readonly type: 'transport-cc'
  readonly sender: number
  readonly media: number
  /** Counts feedback packets, 8 bits. */
  readonly feedback: number
  /** Transport-wide sequence number of the first packet told about. */
  readonly base: number
  /** Arrival time of each from `base` on, in units of 250 µs on the receiver's clock; undefined for what did not come. */
  readonly arrivals: readonly (number | undefined)[]
}

/**
 * RFC 3611, as far as it lets a receiver measure the round trip: its own clock (section 4.4), which the other side gives back
 * with the time it kept it (section 4.5).
 */
export type ExtendedReport = {
  readonly type: 'xr'
  readonly ssrc: number
  readonly referenceTime: NtpTime | undefined
  /** What others asked, by their SSRC: the middle 32 bits of their NTP time, and since when, in units of 1/65536 s. */
  readonly delays: readonly { readonly ssrc: number, readonly lastReferenceTime: number, readonly delay: number }[]
}

export type RtcpPacket = SenderReport | ReceiverReport | SourceDescription | Goodbye | Nack | PictureLoss | FullIntraRequest |
  BitrateEstimate | TransportFeedback | ExtendedReport

/** RTCP packet types (RFC 3550 section 12.1, RFC 4585 section 6.1, RFC 3611 section 2). */
export const PacketType = { sr: 200, rr: 201, sdes: 202, bye: 203, transport: 205, payload: 206, extended: 207 } as const
/** Feedback message types within `PacketType.transport` and `PacketType.payload`. */
export const FeedbackType = { nack: 1, transportCc: 15, pli: 1, fir: 4, application: 15 } as const

export const VERSION_2 = 2
export const HEADER_BYTES = 4
/** A count field has five bits. */
export const MAX_COUNT = 31
