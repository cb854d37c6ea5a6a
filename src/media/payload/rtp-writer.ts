import { RtpPacket } from '../rtp-packet.ts'

/** Where the payload of a packet made here begins. */
export const HEADER_BYTES = 12
const VERSION_2 = 0x80

export type StreamIds = { readonly ssrc: number, readonly payloadType: number }

/** Starts the packets of one stream: numbers them, fills in the header, and leaves the payload to be written in place. */
export class RtpWriter {
  readonly #ids: StreamIds
  /** Of the next packet; the first is unpredictable (RFC 3550 section 5.1). */
  sequenceNumber = Math.floor(Math.random() * 0x10000)

  constructor (ids: StreamIds) { this.#ids = ids }

  skip (packets: number): void { this.sequenceNumber = (this.sequenceNumber + packets) & 0xffff }

  /** A packet whose payload, from byte `HEADER_BYTES` of `bytes` on, is not yet written. */
  packet (payloadLength: number, timestamp: number, marker: boolean, compositionOffset: number): RtpPacket {
    const { ssrc, payloadType } = this.#ids
    const sequenceNumber = this.sequenceNumber
    this.skip(1)
    const bytes = Buffer.allocUnsafe(HEADER_BYTES + payloadLength)
    bytes[0] = VERSION_2
    bytes[1] = (marker ? 0x80 : 0) | payloadType
    bytes[2] = sequenceNumber >> 8
    bytes[3] = sequenceNumber & 0xff
    bytes.writeUInt32BE(timestamp >>> 0, 4)
    bytes.writeUInt32BE(ssrc, 8)
    return new RtpPacket(bytes, compositionOffset)
  }
}
