import { printRtcp } from '../../src/media/rtcp/compound.ts'
import type { RtcpPacket } from '../../src/media/rtcp/packet.ts'
import { ntpOf } from '../../src/media/ntp.ts'

const FPS = 30
const CLOCK_RATE = 90_000
/** Browsers send what is due in steps of this length, rather than a picture at a time. */
const PACE_MS = 5
const REPORT_MS = 1000
const HEADER_BYTES = 12
/** A one-byte header extension (RFC 8285) with one element of two bytes. */
const EXTENSION_BYTES = 8
const STAMP_BYTES = 8
/** SPS and PPS of some 720p stream, aggregated (RFC 6184 section 5.7.1): a picture can be begun with here. Nobody decodes it. */
const PARAMETER_SETS = Buffer.from('78000f6742c01f8c8d40501ed00f1226a0000468ce3c80', 'hex')
const FU_INDICATOR = 0x7c
const FU_START = 0x80
const FU_END = 0x40
const IDR = 5
const SLICE = 1

export type VideoOptions = {
  readonly payloadType: number
  /** Under which header extension packets have their transport-wide number, if they do. */
  readonly numberId?: number | undefined
  /** Of each packet, header included. */
  readonly packetBytes: number
  /** May not keep the bytes. */
  readonly send: (bytes: Buffer) => void
  readonly stopped?: () => void
}

/**
 * A stream that has the form of an encoder's: 30 pictures a second, in as many H.264 packets as make the rate, evenly paced, a
 * keyframe whenever one is asked for. Each packet ends with the moment at which it was sent.
 */
export class PacedVideo implements Disposable {
  /** Packets per second. */
  rate: number
  sent = 0
  readonly #options: VideoOptions
  readonly #ssrc = Math.floor(Math.random() * 2 ** 32)
  readonly #bytes: Buffer
  readonly #payloadAt: number
  readonly #timers: NodeJS.Timeout[]
  #sequence = 0
  #number = 0
  #due = 0
  #pacedAt = performance.now()
  #keyframe = true
  /** Of the picture being sent: its packets, and how many of them are gone. */
  #picture = { packets: 0, gone: 0, keyframe: false, timestamp: 0 }

  constructor (rate: number, options: VideoOptions) {
    this.rate = rate
    this.#options = options
    this.#bytes = Buffer.alloc(options.packetBytes, 0x55)
    this.#payloadAt = HEADER_BYTES + (options.numberId === undefined ? 0 : EXTENSION_BYTES)
    this.#timers = [setInterval(() => this.#pace(), PACE_MS), setInterval(() => this.#report(), REPORT_MS)]
  }

  /** What came back: requests for a picture are granted with the next one. */
  hear (packets: readonly RtcpPacket[]): void {
    if (packets.some(({ type }) => type === 'pli' || type === 'fir')) this.#keyframe = true
  }

  [Symbol.dispose] (): void {
    for (const timer of this.#timers) clearInterval(timer)
    this.#options.stopped?.()
  }

  #pace (): void {
    const now = performance.now()
    this.#due += (now - this.#pacedAt) * this.rate / 1000
    this.#pacedAt = now
    for (; this.#due >= 1; this.#due--) this.#sendNext(now)
  }

  #sendNext (now: number): void {
    if (this.#picture.gone === this.#picture.packets) {
      this.#picture = { packets: Math.max(1, Math.round(this.rate / FPS)) + (this.#keyframe ? 1 : 0), gone: 0, keyframe: this.#keyframe, timestamp: Math.round(now * CLOCK_RATE / 1000) >>> 0 }
      this.#keyframe = false
    }
    const picture = this.#picture
    picture.gone++
    this.#printHeader(picture.gone === picture.packets, picture.timestamp)
    const end = picture.keyframe && picture.gone === 1 ? this.#printParameterSets() : this.#printPiece()
    this.sent++
    this.#options.send(this.#bytes.subarray(0, end))
  }

  #printHeader (marker: boolean, timestamp: number): void {
    const { payloadType, numberId } = this.#options
    this.#bytes[0] = numberId === undefined ? 0x80 : 0x90
    this.#bytes[1] = (marker ? 0x80 : 0) | payloadType
    this.#bytes.writeUInt16BE(this.#sequence = (this.#sequence + 1) & 0xffff, 2)
    this.#bytes.writeUInt32BE(timestamp, 4)
    this.#bytes.writeUInt32BE(this.#ssrc, 8)
    if (numberId === undefined) return
    this.#bytes.writeUInt32BE(0xbede0001, HEADER_BYTES)
    this.#bytes.writeUInt32BE((numberId << 4 | 1) * 2 ** 24 + (this.#number = (this.#number + 1) & 0xffff) * 2 ** 8, HEADER_BYTES + 4)
  }

  #printParameterSets (): number { return this.#payloadAt + PARAMETER_SETS.copy(this.#bytes, this.#payloadAt) }

  /** A fragment of a slice (RFC 6184 section 5.8), or all of it where it has one packet. */
  #printPiece (): number {
    const { keyframe, packets, gone } = this.#picture
    const type = keyframe ? IDR : SLICE
    const first = gone === (keyframe ? 2 : 1)
    const last = gone === packets
    this.#bytes[this.#payloadAt] = first && last ? 0x60 | type : FU_INDICATOR
    this.#bytes[this.#payloadAt + 1] = (first && last ? FU_START : (first ? FU_START : 0) | (last ? FU_END : 0)) | type
    this.#bytes.writeDoubleBE(performance.now(), this.#bytes.length - STAMP_BYTES)
    return this.#bytes.length
  }

  #report (): void {
    const { seconds, fraction } = ntpOf(Date.now())
    const rtpTimestamp = Math.round(performance.now() * CLOCK_RATE / 1000) >>> 0
    this.#options.send(printRtcp([
      { type: 'sr', ssrc: this.#ssrc, ntpSeconds: seconds, ntpFraction: fraction, rtpTimestamp, packets: this.sent, bytes: (this.sent * this.#bytes.length) >>> 0, reports: [] },
      { type: 'sdes', chunks: [{ ssrc: this.#ssrc, cname: 'bench' }] }
    ]))
  }
}

/** When the sender sent a packet of this payload, on its own clock (ms). */
export const sentAt = (packet: Buffer): number => packet.readDoubleBE(packet.length - STAMP_BYTES)
