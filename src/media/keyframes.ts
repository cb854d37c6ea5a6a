import type { CodecName } from './codec.ts'
import { startsVp9KeyPicture } from './payload/vp9-descriptor.ts'
import type { RtpPacket } from './rtp-packet.ts'

/**
 * Whether a decoder that knows nothing can begin with the access unit this packet starts. H.264: a packet with an SPS or the
 * start of an IDR (RFC 6184 sections 5.6 to 5.8). Our publishers put SPS and PPS before every IDR.
 */
function h264 (payload: Buffer): boolean {
  if (payload.length < 2) return false
  const type = payload[0]! & 0x1f
  if (type === 5 || type === 7) return true
  if (type === 28) return (payload[1]! & 0x80) !== 0 && startsPicture(payload[1]! & 0x1f) // FU-A, start bit.
  if (type !== 24) return false
  for (let at = 1; at + 2 < payload.length;) { // STAP-A: 16-bit size, then a NAL unit, and again.
    if (startsPicture(payload[at + 2]! & 0x1f)) return true
    at += 2 + payload.readUInt16BE(at)
  }
  return false
}

const startsPicture = (nalType: number): boolean => nalType === 5 || nalType === 7

/** RFC 7798 section 4.4: a VPS, an SPS or an IRAP picture, also inside an aggregation packet (48) or a fragment's start (49). */
function h265 (payload: Buffer): boolean {
  if (payload.length < 3) return false
  const type = payload[0]! >> 1 & 0x3f
  if (type === 49) return (payload[2]! & 0x80) !== 0 && randomAccess(payload[2]! & 0x3f)
  if (type !== 48) return randomAccess(type)
  for (let at = 2; at + 3 < payload.length;) {
    if (randomAccess(payload[at + 2]! >> 1 & 0x3f)) return true
    at += 2 + payload.readUInt16BE(at)
  }
  return false
}

const randomAccess = (nalType: number): boolean => (nalType >= 16 && nalType <= 21) || nalType === 32 || nalType === 33

/** RFC 7741 sections 4.2, 4.3: start of partition 0, and the inverse key frame flag of the VP8 header is 0. */
function vp8 (payload: Buffer): boolean {
  if (payload.length < 2 || (payload[0]! & 0x17) !== 0x10) return false
  let at = 1
  if ((payload[0]! & 0x80) !== 0) {
    const flags = payload[1]!
    at = 2
    if ((flags & 0x80) !== 0) at += ((payload[at] ?? 0) & 0x80) !== 0 ? 2 : 1
    if ((flags & 0x40) !== 0) at++
    if ((flags & 0x30) !== 0) at++
  }
  return at < payload.length && (payload[at]! & 1) === 0
}

/** AV1 RTP specification, section 4.4: the N bit starts a new coded video sequence. */
const av1 = (payload: Buffer): boolean => payload.length > 0 && (payload[0]! & 0x88) === 0x08

const detectors: Partial<Record<CodecName, (payload: Buffer) => boolean>> = { H264: h264, H265: h265, VP8: vp8, VP9: startsVp9KeyPicture, AV1: av1 }

/** Whether decoding can begin with this packet. Always true for audio. */
export function startsKeyframe (codec: CodecName, packet: RtpPacket): boolean {
  const detect = detectors[codec]
  return detect === undefined || detect(packet.payload)
}
