import { ByteReader, ByteWriter } from '../lib/bytes.ts'
import { ProtocolError } from '../lib/errors.ts'
import { parseH265Sps } from './h265-sps.ts'

/** nal_unit_type (H.265 table 7-1), as far as anybody here looks at it. */
export const NalType = { firstIrap: 16, lastIrap: 21, vps: 32, sps: 33, pps: 34, accessUnitDelimiter: 35, endOfSequence: 36, endOfBitstream: 37, filler: 38 } as const

/** In 16-bit form, the parameter sets have up to 255 fellows; no encoder has more than a few. */
const MAX_PARAMETER_SETS = 64
const LENGTH_SIZE = 4

export const nalTypeOf = (nal: Uint8Array): number => nal[0]! >> 1 & 0x3f

/** Slice segments: what is decoded into pixels. */
export const isPicture = (type: number): boolean => type < NalType.vps

/** IDR, BLA and CRA: pictures that refer to none before them. */
export const isIrap = (type: number): boolean => type >= NalType.firstIrap && type <= NalType.lastIrap

export const isParameterSet = (type: number): boolean => type >= NalType.vps && type <= NalType.pps

/** first_slice_segment_in_pic_flag, the first bit behind the header (H.265 section 7.3.6.1). */
export const isFirstSliceSegment = (nal: Uint8Array): boolean => nal.length > 2 && (nal[2]! & 0x80) !== 0

/** The parameter sets of a stream: what HEVCDecoderConfigurationRecord (`hvcC`) holds besides what the SPS says. */
export type HevcConfig = { readonly vps: readonly Buffer[], readonly sps: readonly Buffer[], readonly pps: readonly Buffer[] }

/**
 * HEVCDecoderConfigurationRecord (ISO 14496-15 section 8.3.3.1), with lengths of 4 bytes. All parameter sets are in it: the
 * arrays say so, as `hvc1` demands.
 * @throws ProtocolError when the first SPS cannot be read
 */
export function printHevcConfig ({ vps, sps, pps }: HevcConfig): Buffer {
  const first = sps[0]
  if (!first) throw new ProtocolError('hvcC needs an SPS')
  const { general, chromaFormat, bitDepthLuma, bitDepthChroma, temporalLayers, temporalNesting } = parseH265Sps(first)
  const writer = new ByteWriter()
  writer.u8(1).bytes(general)
  writer.u16(0xf000).u8(0xfc) // Spatial segmentation and parallelism: unknown.
  writer.u8(0xfc | chromaFormat).u8(0xf8 | (bitDepthLuma - 8)).u8(0xf8 | (bitDepthChroma - 8))
  writer.u16(0) // The average frame rate: unknown.
  writer.u8(temporalLayers << 3 | (temporalNesting ? 4 : 0) | (LENGTH_SIZE - 1))
  const arrays = ([[NalType.vps, vps], [NalType.sps, sps], [NalType.pps, pps]] as const).filter(([, sets]) => sets.length > 0)
  writer.u8(arrays.length)
  for (const [type, sets] of arrays) {
    writer.u8(0x80 | type).u16(sets.length)
    for (const set of sets) writer.u16(set.length).bytes(set)
  }
  return Buffer.from(writer.done())
}

/** The parameter sets are views. @throws ProtocolError */
export function parseHevcConfig (bytes: Buffer): HevcConfig {
  const reader = new ByteReader(bytes)
  if (reader.u8() !== 1) throw new ProtocolError('hvcC of an unknown version', 0)
  reader.skip(20)
  if ((reader.u8() & 3) !== LENGTH_SIZE - 1) throw new ProtocolError('hvcC with lengths of other than 4 bytes', 21)
  const found: Record<number, Buffer[]> = { [NalType.vps]: [], [NalType.sps]: [], [NalType.pps]: [] }
  for (let arrays = reader.u8(); arrays > 0; arrays--) {
    const type = reader.u8() & 0x3f
    const count = reader.u16()
    if (count > MAX_PARAMETER_SETS) throw new ProtocolError(`hvcC with ${count} parameter sets of one type`)
    for (let left = count; left > 0; left--) {
      const set = reader.view(reader.u16())
      if (set.length > 2 && nalTypeOf(set) === type) found[type]?.push(set)
    }
  }
  return { vps: found[NalType.vps]!, sps: found[NalType.sps]!, pps: found[NalType.pps]! }
}
