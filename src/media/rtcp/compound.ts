import { ByteReader, ByteWriter } from '../../lib/bytes.ts'
import { ProtocolError } from '../../lib/errors.ts'
import { readExtendedReport, writeExtendedReport } from './extended-report.ts'
import { readBitrateEstimate, readFullIntraRequest, readNack, readPictureLoss, writeBitrateEstimate, writeFullIntraRequest, writeNack } from './feedback.ts'
import { FeedbackType, HEADER_BYTES, MAX_COUNT, PacketType, type RtcpPacket, VERSION_2 } from './packet.ts'
import {
  readGoodbye, readReceiverReport, readSenderReport, readSourceDescription, writeGoodbye, writeReceiverReport, writeSenderReport, writeSourceDescription
} from './reports.ts'
import { readTransportFeedback, writeTransportFeedback } from './transport-cc.ts'

/** Whether these bytes are RTCP, among packets that are RTP or RTCP (RFC 5761 section 4). */
export const isRtcp = (bytes: Buffer): boolean => bytes.length >= HEADER_BYTES && bytes[1]! >= 192 && bytes[1]! <= 223

/**
 * Reads a compound packet (RFC 3550 section 6.1), also one of reduced size (RFC 5506). Packets of kinds nobody here reads
 * (APP, other feedback) are passed over.
 * @throws ProtocolError when a length does not fit.
 */
export function parseRtcp (bytes: Buffer): RtcpPacket[] {
  const packets: RtcpPacket[] = []
  const reader = new ByteReader(bytes)
  while (reader.left > 0) {
    const start = reader.offset
    const first = reader.u8()
    if (first >> 6 !== VERSION_2) throw new ProtocolError('RTCP: not version 2', start)
    const type = reader.u8()
    const body = withoutPadding(reader.view(reader.u16() * 4), first, start)
    const packet = readOne(new ByteReader(body), type, first & MAX_COUNT)
    if (packet) packets.push(packet)
  }
  return packets
}

function withoutPadding (body: Buffer, first: number, start: number): Buffer {
  if ((first & 0x20) === 0) return body
  const padding = body.at(-1) ?? 0
  if (padding === 0 || padding > body.length) throw new ProtocolError('RTCP: impossible padding', start)
  return body.subarray(0, body.length - padding)
}

/** @param count the header's five bits: number of items, or the kind of feedback. */
function readOne (body: ByteReader, type: number, count: number): RtcpPacket | undefined {
  switch (type) {
    case PacketType.sr: return readSenderReport(body, count)
    case PacketType.rr: return readReceiverReport(body, count)
    case PacketType.sdes: return readSourceDescription(body, count)
    case PacketType.bye: return readGoodbye(body, count)
    case PacketType.extended: return readExtendedReport(body)
    case PacketType.transport: case PacketType.payload: return readFeedback(body, type, count)
    default: return undefined
  }
}

function readFeedback (body: ByteReader, type: number, kind: number): RtcpPacket | undefined {
  const sender = body.u32()
  const media = body.u32()
  if (type === PacketType.transport) {
    if (kind === FeedbackType.nack) return readNack(body, sender, media)
    return kind === FeedbackType.transportCc ? readTransportFeedback(body, sender, media) : undefined
  }
  if (kind === FeedbackType.pli) return readPictureLoss(sender, media)
  if (kind === FeedbackType.fir) return readFullIntraRequest(body, sender)
  return kind === FeedbackType.application ? readBitrateEstimate(body, sender) : undefined
}

/** Prints packets one after another into one datagram. */
export function printRtcp (packets: readonly RtcpPacket[]): Buffer {
  const out = new ByteWriter()
  for (const packet of packets) writeOne(out, packet)
  return out.done()
}

function writeOne (out: ByteWriter, packet: RtcpPacket): void {
  const start = out.length
  out.zeros(HEADER_BYTES)
  const { type, count } = writeBody(out, packet)
  const words = (out.length - start) / 4 - 1
  out.patchU32(start, ((VERSION_2 << 30 | count << 24 | type << 16) >>> 0) + words)
}

function writeBody (out: ByteWriter, packet: RtcpPacket): { type: number, count: number } {
  switch (packet.type) {
    case 'sr': writeSenderReport(out, packet); return { type: PacketType.sr, count: packet.reports.length }
    case 'rr': writeReceiverReport(out, packet); return { type: PacketType.rr, count: packet.reports.length }
    case 'sdes': writeSourceDescription(out, packet); return { type: PacketType.sdes, count: packet.chunks.length }
    case 'bye': writeGoodbye(out, packet); return { type: PacketType.bye, count: packet.ssrcs.length }
    case 'xr': writeExtendedReport(out, packet); return { type: PacketType.extended, count: 0 }
    case 'nack': writeNack(out.u32(packet.sender).u32(packet.media), packet); return { type: PacketType.transport, count: FeedbackType.nack }
    case 'pli': out.u32(packet.sender).u32(packet.media); return { type: PacketType.payload, count: FeedbackType.pli }
    case 'fir': writeFullIntraRequest(out.u32(packet.sender).u32(0), packet); return { type: PacketType.payload, count: FeedbackType.fir }
    case 'remb': writeBitrateEstimate(out.u32(packet.sender).u32(0), packet); return { type: PacketType.payload, count: FeedbackType.application }
    case 'transport-cc': writeTransportFeedback(out.u32(packet.sender).u32(packet.media), packet); return { type: PacketType.transport, count: FeedbackType.transportCc }
  }
}
