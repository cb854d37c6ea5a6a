import { ProtocolError } from '../lib/errors.ts'

const FIXED_HEADER_BYTES = 12
const VERSION_2 = 0x80
const ONE_BYTE_PROFILE = 0xbede

export type RtpFields = { payloadType: number, marker: boolean, sequenceNumber: number, timestamp: number, ssrc: number }

/**
 * A view over one RTP packet (RFC 3550 section 5.1). Reading a field costs one buffer read; nothing is copied.
 *
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * |V=2|P|X|  CC   |M|     PT      |       sequence number         |
 * |                           timestamp                           |
 * |           synchronization source (SSRC) identifier            |
 * |            contributing source (CSRC) identifiers             |
 *
 * The bytes belong to the packet: whoever writes into them writes into what every subscriber of the track holds.
 */
export class RtpPacket {
  readonly bytes: Buffer
  /**
   * Presentation minus decoding time, in units of the RTP clock: known only where the publisher's protocol says it (RTMP,
   * MPEG-TS), otherwise 0. RTP itself carries presentation time alone (RFC 6184 section 5.1).
   */
  readonly compositionOffset: number
  /** AV1's dependency descriptor, where the publisher sends it and somebody may read it: of its header extensions the one that is passed on. */
  descriptor: Buffer | undefined
  /** Where a `PacketCache` keeps it; 0 for nowhere. */
  place = 0

  /** @param bytes a packet that `isRtp` accepted, or that we wrote. */
  constructor (bytes: Buffer, compositionOffset = 0, descriptor?: Buffer) {
    this.bytes = bytes
    this.compositionOffset = compositionOffset
    this.descriptor = descriptor
  }

  /** Prints a packet without CSRCs or extensions. */
  static build (fields: RtpFields, payload: Uint8Array, compositionOffset = 0): RtpPacket {
    const bytes = Buffer.allocUnsafe(FIXED_HEADER_BYTES + payload.length)
    bytes[0] = VERSION_2
    bytes[1] = (fields.marker ? 0x80 : 0) | fields.payloadType
    bytes.writeUInt16BE(fields.sequenceNumber, 2)
    bytes.writeUInt32BE(fields.timestamp, 4)
    bytes.writeUInt32BE(fields.ssrc, 8)
    bytes.set(payload, FIXED_HEADER_BYTES)
    return new RtpPacket(bytes, compositionOffset)
  }

  /** Checks every length in the header, so that no getter below can read past the end. */
  static parse (bytes: Buffer): RtpPacket {
    const problem = headerProblem(bytes)
    if (problem) throw new ProtocolError(`RTP: ${problem}`)
    return new RtpPacket(bytes)
  }

  get marker (): boolean { return (this.bytes[1]! & 0x80) !== 0 }
  get payloadType (): number { return this.bytes[1]! & 0x7f }
  get sequenceNumber (): number { return this.bytes[2]! << 8 | this.bytes[3]! }
  get timestamp (): number { return this.bytes.readUInt32BE(4) }
  get ssrc (): number { return this.bytes.readUInt32BE(8) }
  get hasExtensions (): boolean { return (this.bytes[0]! & 0x10) !== 0 }

  /** Bytes before the payload: fixed header, CSRCs, extensions. */
  get headerLength (): number {
    const first = this.bytes[0]!
    const length = FIXED_HEADER_BYTES + (first & 0x0f) * 4
    return (first & 0x10) === 0 ? length : length + 4 + this.bytes.readUInt16BE(length + 2) * 4
  }

  get paddingLength (): number { return (this.bytes[0]! & 0x20) === 0 ? 0 : this.bytes[this.bytes.length - 1]! }

  /** A view on the payload, padding left out. Empty for a packet that is only padding (a bandwidth probe). */
  get payload (): Buffer { return this.bytes.subarray(this.headerLength, this.bytes.length - this.paddingLength) }

  /** The value of a header extension, one-byte or two-byte form (RFC 8285 sections 4.2, 4.3). */
  extension (id: number): Buffer | undefined {
    if (!this.hasExtensions) return undefined
    const start = FIXED_HEADER_BYTES + (this.bytes[0]! & 0x0f) * 4
    const profile = this.bytes.readUInt16BE(start)
    const oneByte = profile === ONE_BYTE_PROFILE
    if (!oneByte && (profile & 0xfff0) !== 0x1000) return undefined
    const end = start + 4 + this.bytes.readUInt16BE(start + 2) * 4
    for (let at = start + 4; at < end;) {
      const head = this.bytes[at]!
      if (head === 0) { at++; continue } // Padding between elements.
      const elementId = oneByte ? head >> 4 : head
      if (oneByte && (elementId === 15 || elementId === 0)) return undefined // RFC 8285 section 4.2: stop here; padding has no length.
      const length = oneByte ? (head & 0x0f) + 1 : this.bytes[at + 1] ?? 0
      const value = at + (oneByte ? 1 : 2)
      if (value + length > end) return undefined
      if (elementId === id) return this.bytes.subarray(value, value + length)
      at = value + length
    }
    return undefined
  }

  /** A copy with some fields replaced. */
  rewrite (fields: Partial<RtpFields>): RtpPacket {
    const bytes = Buffer.from(this.bytes)
    if (fields.payloadType !== undefined) bytes[1] = (bytes[1]! & 0x80) | fields.payloadType
    if (fields.marker !== undefined) bytes[1] = (bytes[1]! & 0x7f) | (fields.marker ? 0x80 : 0)
    if (fields.sequenceNumber !== undefined) bytes.writeUInt16BE(fields.sequenceNumber & 0xffff, 2)
    if (fields.timestamp !== undefined) bytes.writeUInt32BE(fields.timestamp >>> 0, 4)
    if (fields.ssrc !== undefined) bytes.writeUInt32BE(fields.ssrc >>> 0, 8)
    return new RtpPacket(bytes, this.compositionOffset, this.descriptor)
  }
}

/** What is wrong with the header's lengths, if anything is. */
function headerProblem (bytes: Buffer): string | undefined {
  if (bytes.length < FIXED_HEADER_BYTES) return 'shorter than its fixed header'
  const first = bytes[0]!
  if ((first & 0xc0) !== VERSION_2) return 'not version 2'
  let header = FIXED_HEADER_BYTES + (first & 0x0f) * 4
  if ((first & 0x10) !== 0) {
    if (bytes.length < header + 4) return 'ends inside its extension header'
    header += 4 + bytes.readUInt16BE(header + 2) * 4
  }
  if (bytes.length < header) return 'ends inside its header'
  if ((first & 0x20) === 0) return undefined
  const padding = bytes[bytes.length - 1]!
  return padding === 0 || header + padding > bytes.length ? 'has an impossible padding length' : undefined
}

/** Whether the bytes are one well-formed RTP packet: all lengths fit. */
export const isRtp = (bytes: Buffer): boolean => headerProblem(bytes) === undefined

/** `a - b` on the circle of 16-bit sequence numbers: -32768..32767. */
export const sequenceDistance = (a: number, b: number): number => (a - b) << 16 >> 16

/** `a - b` on the circle of 32-bit timestamps: -2^31..2^31-1. */
export const timestampDistance = (a: number, b: number): number => (a - b) | 0
