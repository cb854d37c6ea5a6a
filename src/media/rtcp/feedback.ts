import type { ByteReader, ByteWriter } from '../../lib/bytes.ts'
import type { BitrateEstimate, FullIntraRequest, Nack, PictureLoss } from './packet.ts'

const REMB = 0x52454d42 // “REMB” in ASCII.
/** A mask covers the 16 sequence numbers after its first. */
const MASK_BITS = 16
const REMB_MANTISSA_BITS = 18

/** Generic NACK: pairs of a packet id and a bitmask of the lost packets that follow it. */
export function readNack (body: ByteReader, sender: number, media: number): Nack {
  const lost: number[] = []
  while (body.left >= 4) {
    const first = body.u16()
    lost.push(first)
    for (let mask = body.u16(), next = first + 1; mask !== 0; mask >>= 1, next++) {
      if ((mask & 1) !== 0) lost.push(next & 0xffff)
    }
  }
  return { type: 'nack', sender, media, lost }
}

/** Sequence numbers in circular order pack best, but any order is printed right. */
export function writeNack (out: ByteWriter, { lost }: Nack): void {
  for (let at = 0; at < lost.length;) {
    const first = lost[at++]!
    let mask = 0
    for (; at < lost.length; at++) {
      const distance = (lost[at]! - first) & 0xffff
      if (distance === 0 || distance > MASK_BITS) break
      mask |= 1 << (distance - 1)
    }
    out.u16(first).u16(mask)
  }
}

export const readPictureLoss = (sender: number, media: number): PictureLoss => ({ type: 'pli', sender, media })

export function readFullIntraRequest (body: ByteReader, sender: number): FullIntraRequest {
  const requests: { ssrc: number, sequence: number }[] = []
  while (body.left >= 8) {
    requests.push({ ssrc: body.u32(), sequence: body.u8() })
    body.skip(3)
  }
  return { type: 'fir', sender, requests }
}

export function writeFullIntraRequest (out: ByteWriter, { requests }: FullIntraRequest): void {
  for (const { ssrc, sequence } of requests) out.u32(ssrc).u8(sequence).zeros(3)
}

/** @returns undefined for another application's message: the payload type is shared. */
export function readBitrateEstimate (body: ByteReader, sender: number): BitrateEstimate | undefined {
  if (body.left < 8 || body.u32() !== REMB) return undefined
  const count = body.u8()
  const coded = body.u24()
  const bitrate = (coded & (1 << REMB_MANTISSA_BITS) - 1) * 2 ** (coded >> REMB_MANTISSA_BITS)
  const ssrcs: number[] = []
  for (let i = 0; i < count; i++) ssrcs.push(body.u32())
  return { type: 'remb', sender, bitrate, ssrcs }
}

export function writeBitrateEstimate (out: ByteWriter, { bitrate, ssrcs }: BitrateEstimate): void {
  let exponent = 0
  let mantissa = Math.floor(bitrate)
  while (mantissa >= 1 << REMB_MANTISSA_BITS) {
    mantissa = Math.floor(mantissa / 2)
    exponent++
  }
  out.u32(REMB).u8(ssrcs.length).u24(exponent << REMB_MANTISSA_BITS | mantissa)
  for (const ssrc of ssrcs) out.u32(ssrc)
}
