import type { ByteReader, ByteWriter } from '../../lib/bytes.ts'
import type { ExtendedReport } from './packet.ts'

/** Report blocks (RFC 3611 section 4); others are passed over. */
const BlockType = { referenceTime: 4, delays: 5 } as const
/** In words of 32 bits, after the block's own header. */
const REFERENCE_TIME_WORDS = 2
const DELAY_WORDS = 3
const DELAY_BYTES = DELAY_WORDS * 4

export function readExtendedReport (body: ByteReader): ExtendedReport {
  const ssrc = body.u32()
  let referenceTime: ExtendedReport['referenceTime']
  const delays: { ssrc: number, lastReferenceTime: number, delay: number }[] = []
  while (body.left > 0) {
    const type = body.u8()
    body.skip(1)
    const words = body.u16()
    if (type === BlockType.referenceTime && words === REFERENCE_TIME_WORDS) referenceTime = { seconds: body.u32(), fraction: body.u32() }
    else if (type === BlockType.delays && words % DELAY_WORDS === 0)
      for (let left = words * 4; left > 0; left -= DELAY_BYTES) delays.push({ ssrc: body.u32(), lastReferenceTime: body.u32(), delay: body.u32() })
    else body.skip(words * 4)
  }
  return { type: 'xr', ssrc, referenceTime, delays }
}

export function writeExtendedReport (out: ByteWriter, { ssrc, referenceTime, delays }: ExtendedReport): void {
  out.u32(ssrc)
  if (referenceTime) out.u8(BlockType.referenceTime).u8(0).u16(REFERENCE_TIME_WORDS).u32(referenceTime.seconds).u32(referenceTime.fraction)
  if (delays.length === 0) return
  out.u8(BlockType.delays).u8(0).u16(delays.length * DELAY_WORDS)
  for (const { ssrc: from, lastReferenceTime, delay } of delays) out.u32(from).u32(lastReferenceTime).u32(delay)
}
