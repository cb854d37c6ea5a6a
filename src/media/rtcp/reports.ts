import type { ByteReader, ByteWriter } from '../../lib/bytes.ts'
import type { Goodbye, ReceiverReport, ReportBlock, SenderReport, SourceDescription } from './packet.ts'

const SDES_CNAME = 1
/** No honest CNAME or reason is longer, and the length field has eight bits. */
const MAX_TEXT_BYTES = 255

export function readSenderReport (body: ByteReader, count: number): SenderReport {
  const ssrc = body.u32()
  const ntpSeconds = body.u32()
  const ntpFraction = body.u32()
  const rtpTimestamp = body.u32()
  const packets = body.u32()
  const bytes = body.u32()
  return { type: 'sr', ssrc, ntpSeconds, ntpFraction, rtpTimestamp, packets, bytes, reports: readBlocks(body, count) }
}

export function writeSenderReport (out: ByteWriter, report: SenderReport): void {
  out.u32(report.ssrc).u32(report.ntpSeconds).u32(report.ntpFraction).u32(report.rtpTimestamp)
  out.u32(report.packets).u32(report.bytes)
  writeBlocks(out, report.reports)
}

export function readReceiverReport (body: ByteReader, count: number): ReceiverReport {
  return { type: 'rr', ssrc: body.u32(), reports: readBlocks(body, count) }
}

export function writeReceiverReport (out: ByteWriter, report: ReceiverReport): void {
  out.u32(report.ssrc)
  writeBlocks(out, report.reports)
}

function readBlocks (body: ByteReader, count: number): ReportBlock[] {
  const blocks: ReportBlock[] = []
  for (let i = 0; i < count; i++) {
    const ssrc = body.u32()
    const fractionLost = body.u8() / 256
    const cumulativeLost = body.i24()
    const highestSequence = body.u32()
    const jitter = body.u32()
    const lastSenderReport = body.u32()
    blocks.push({ ssrc, fractionLost, cumulativeLost, highestSequence, jitter, lastSenderReport, delaySinceLastReport: body.u32() })
  }
  return blocks
}

function writeBlocks (out: ByteWriter, blocks: readonly ReportBlock[]): void {
  for (const block of blocks) {
    out.u32(block.ssrc).u8(Math.min(255, Math.round(block.fractionLost * 256)))
    out.i24(Math.max(-0x800000, Math.min(0x7fffff, block.cumulativeLost)))
    out.u32(block.highestSequence).u32(block.jitter).u32(block.lastSenderReport).u32(block.delaySinceLastReport)
  }
}

/** RFC 3550 section 6.5: each chunk is padded with zeros to 32 bits, at least one of which ends its items. */
export function readSourceDescription (body: ByteReader, count: number): SourceDescription {
  const chunks: { ssrc: number, cname: string }[] = []
  for (let i = 0; i < count; i++) {
    const start = body.offset
    const ssrc = body.u32()
    let cname = ''
    for (let type = body.u8(); type !== 0; type = body.u8()) {
      const text = body.view(body.u8())
      if (type === SDES_CNAME) cname = text.toString('utf8')
    }
    body.skip(-(body.offset - start) & 3)
    chunks.push({ ssrc, cname })
  }
  return { type: 'sdes', chunks }
}

export function writeSourceDescription (out: ByteWriter, { chunks }: SourceDescription): void {
  for (const { ssrc, cname } of chunks) {
    const text = Buffer.from(cname).subarray(0, MAX_TEXT_BYTES)
    out.u32(ssrc).u8(SDES_CNAME).u8(text.length).bytes(text)
    out.zeros(4 - ((2 + text.length) & 3))
  }
}

export function readGoodbye (body: ByteReader, count: number): Goodbye {
  const ssrcs: number[] = []
  for (let i = 0; i < count; i++) ssrcs.push(body.u32())
  const reason = body.left > 0 ? body.view(body.u8()).toString('utf8') : ''
  return { type: 'bye', ssrcs, reason }
}

export function writeGoodbye (out: ByteWriter, { ssrcs, reason }: Goodbye): void {
  for (const ssrc of ssrcs) out.u32(ssrc)
  if (reason === '') return
  const text = Buffer.from(reason).subarray(0, MAX_TEXT_BYTES)
  out.u8(text.length).bytes(text).zeros(-(1 + text.length) & 3)
}
