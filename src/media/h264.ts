import { ByteReader, ByteWriter } from '../lib/bytes.ts'
import { ProtocolError } from '../lib/errors.ts'
import { hasChromaFields, parseSps } from './h264-sps.ts'

export { mayReorder, parseSps, type Sps, withoutEmulationPrevention } from './h264-sps.ts'

/** nal_unit_type (H.264 table 7-1), as far as anybody here looks at it. */
export const NalType = {
  slice: 1,
  idr: 5,
  sei: 6,
  sps: 7,
  pps: 8,
  accessUnitDelimiter: 9,
  endOfSequence: 10,
  endOfStream: 11,
  filler: 12
} as const

/** More NAL units than any encoder makes of one picture, even one slice a row. */
const MAX_UNITS = 1024
const START_CODE = Buffer.from([0, 0, 0, 1])

export const nalTypeOf = (nal: Uint8Array): number => nal[0]! & 0x1f

/** Slices and their partitions: what is decoded into pixels. */
export const isPicture = (nal: Uint8Array): boolean => { const type = nalTypeOf(nal); return type >= 1 && type <= 5 }

/**
 * Whether this slice is the first of its picture: first_mb_in_slice, the first field of the slice header, is ue(0), a single
 * set bit (H.264 section 7.3.3).
 */
export const isFirstSlice = (nal: Uint8Array): boolean => nal.length > 1 && (nal[1]! & 0x80) !== 0

/**
 * Views on the NAL units of a sample whose units have their length before them (ISO 14496-15 section 5.3.4.2); empty ones are
 * left out. @throws ProtocolError when a length points past the end.
 */
export function splitAvcc (sample: Buffer, lengthSize: number): Buffer[] {
  const units: Buffer[] = []
  for (let at = 0; at < sample.length;) {
    if (sample.length - at < lengthSize) throw new ProtocolError('H.264 sample ends inside a length', at)
    const length = sample.readUIntBE(at, lengthSize)
    at += lengthSize
    if (length > sample.length - at) throw new ProtocolError(`H.264 unit of ${length} bytes, ${sample.length - at} are left`, at)
    if (length > 0) units.push(sample.subarray(at, at + length))
    if (units.length > MAX_UNITS) throw new ProtocolError(`more than ${MAX_UNITS} NAL units in one picture`)
    at += length
  }
  return units
}

/** The opposite of `splitAvcc`, with lengths of 4 bytes. */
export function joinAvcc (units: readonly Uint8Array[]): Buffer {
  let length = 0
  for (const unit of units) length += 4 + unit.length
  const sample = Buffer.allocUnsafe(length)
  let at = 0
  for (const unit of units) {
    sample.writeUInt32BE(unit.length, at)
    sample.set(unit, at + 4)
    at += 4 + unit.length
  }
  return sample
}

/** Views on the NAL units of a byte stream with start codes (H.264 annex B); zeros between units are left out. */
export function splitAnnexB (stream: Buffer): Buffer[] {
  const units: Buffer[] = []
  let start = afterStartCode(stream, 0)
  while (start >= 0) {
    const next = afterStartCode(stream, start)
    let end = next < 0 ? stream.length : next - 3
    while (end > start && stream[end - 1] === 0) end-- // trailing_zero_8bits, and the zero of a four-byte start code.
    if (end > start) units.push(stream.subarray(start, end))
    if (units.length > MAX_UNITS) throw new ProtocolError(`more than ${MAX_UNITS} NAL units in one picture`)
    start = next
  }
  return units
}

const THREE_BYTE_START_CODE = START_CODE.subarray(1)

function afterStartCode (stream: Buffer, from: number): number {
  const at = stream.indexOf(THREE_BYTE_START_CODE, from)
  return at < 0 ? -1 : at + 3
}

/** The opposite of `splitAnnexB`, with start codes of 4 bytes. */
export const joinAnnexB = (units: readonly Uint8Array[]): Buffer => Buffer.concat(units.flatMap(unit => [START_CODE, unit]))

/** AVCDecoderConfigurationRecord (ISO 14496-15 section 5.3.3.1.2): `avcC` in MP4, the sequence header in FLV. */
export type AvcConfig = {
  /** Bytes of the length before each NAL unit: 1, 2 or 4. */
  readonly lengthSize: number
  readonly sps: readonly Buffer[]
  readonly pps: readonly Buffer[]
}

/** The parameter sets are views. The last part, which repeats what the SPS says, is optional in practice. @throws ProtocolError */
export function parseAvcConfig (bytes: Buffer): AvcConfig {
  const reader = new ByteReader(bytes)
  if (reader.u8() !== 1) throw new ProtocolError('avcC of an unknown version', 0)
  reader.skip(3) // Profile, constraints and level stand in the SPS, too.
  const lengthSize = (reader.u8() & 0x03) + 1
  if (lengthSize === 3) throw new ProtocolError('avcC with lengths of 3 bytes', 4)
  const sps = parameterSets(reader, reader.u8() & 0x1f, NalType.sps)
  const pps = parameterSets(reader, reader.u8(), NalType.pps)
  if (sps.length === 0 || pps.length === 0) throw new ProtocolError('avcC without an SPS and a PPS')
  return { lengthSize, sps, pps }
}

function parameterSets (reader: ByteReader, count: number, type: number): Buffer[] {
  const sets: Buffer[] = []
  for (let left = count; left > 0; left--) {
    const set = reader.view(reader.u16())
    if (set.length > 0 && nalTypeOf(set) === type) sets.push(set)
  }
  return sets
}

/** @throws ProtocolError when the first SPS cannot be read. */
export function printAvcConfig ({ lengthSize, sps, pps }: AvcConfig): Buffer {
  const first = sps[0]
  if (!first) throw new ProtocolError('avcC needs an SPS')
  const writer = new ByteWriter()
  writer.u8(1).bytes(first.subarray(1, 4)).u8(0xfc | (lengthSize - 1))
  writer.u8(0xe0 | sps.length)
  for (const set of sps) writer.u16(set.length).bytes(set)
  writer.u8(pps.length)
  for (const set of pps) writer.u16(set.length).bytes(set)
  const { profileIdc, chromaFormat, bitDepthLuma, bitDepthChroma } = parseSps(first)
  if (hasChromaFields(profileIdc)) writer.u8(0xfc | chromaFormat).u8(0xf8 | (bitDepthLuma - 8)).u8(0xf8 | (bitDepthChroma - 8)).u8(0)
  return Buffer.from(writer.done())
}

/** The `profile-level-id` of SDP (RFC 6184 section 8.1): profile_idc, constraint flags, level_idc, in hex. */
export const profileLevelId = (sps: Uint8Array): string => Buffer.from(sps.subarray(1, 4)).toString('hex')
