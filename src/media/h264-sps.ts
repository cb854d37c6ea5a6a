import { ProtocolError } from '../lib/errors.ts'
import { BitReader } from './bit-reader.ts'

/** Level 6.2 allows 139,264 macroblocks, and no side longer than the square root of eight times that (H.264 table A-1). */
const MAX_SIDE_MACROBLOCKS = 1055
const MAX_POC_CYCLE = 255
const MAX_CPB_COUNT = 32
const EXTENDED_SAR = 255

/** Profiles whose SPS and avcC carry chroma format and bit depths (H.264 section 7.3.2.1.1). */
const highProfiles: ReadonlySet<number> = new Set([100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135])
export const hasChromaFields = (profileIdc: number): boolean => highProfiles.has(profileIdc)

/** What a sequence parameter set says about the pictures that follow it (H.264 section 7.3.2.1). */
export type Sps = {
  readonly profileIdc: number
  /** constraint_set0_flag is the highest bit. */
  readonly constraints: number
  /** Ten times the level: 31 is level 3.1. */
  readonly levelIdc: number
  readonly chromaFormat: number
  readonly bitDepthLuma: number
  readonly bitDepthChroma: number
  /** Pixels, after cropping. */
  readonly width: number
  readonly height: number
  readonly interlaced: boolean
  /** 2 means that pictures are shown in the order in which they are decoded (section 8.2.1.3). */
  readonly pictureOrderType: number
  readonly referenceFrames: number
  readonly sampleAspectRatio: readonly [number, number] | undefined
  /** Frames per second; undefined where the stream does not say. */
  readonly frameRate: number | undefined
  /** max_num_reorder_frames: how many pictures may wait for one that is decoded later. Undefined where the stream does not say. */
  readonly reorderFrames: number | undefined
}

/** @param nal a whole SPS NAL unit, its one-byte header included. @throws ProtocolError */
export function parseSps (nal: Uint8Array): Sps {
  if (nal.length < 4 || (nal[0]! & 0x1f) !== 7) throw new ProtocolError('not a sequence parameter set')
  const bits = new BitReader(withoutEmulationPrevention(nal.subarray(1)))
  const profileIdc = bits.bits(8)
  const constraints = bits.bits(8)
  const levelIdc = bits.bits(8)
  bits.ue() // seq_parameter_set_id
  const chroma = hasChromaFields(profileIdc) ? chromaFields(bits) : { chromaFormat: 1, bitDepthLuma: 8, bitDepthChroma: 8 }
  bits.ue() // log2_max_frame_num_minus4
  const pictureOrderType = pictureOrder(bits)
  const referenceFrames = bits.ue()
  bits.skip(1) // gaps_in_frame_num_value_allowed_flag
  const size = pictureSize(bits, chroma.chromaFormat)
  const vui = bits.flag() ? readVui(bits) : noVui
  return { profileIdc, constraints, levelIdc, ...chroma, ...size, pictureOrderType, referenceFrames, ...vui }
}

/**
 * Whether the stream may show pictures in another order than it decodes them (B-frames). Undefined where the SPS leaves it
 * open; then only composition times tell.
 */
export function mayReorder ({ profileIdc, constraints, pictureOrderType, reorderFrames }: Sps): boolean | undefined {
  if (profileIdc === 66 || pictureOrderType === 2) return false
  if (profileIdc === 44 || (profileIdc >= 100 && (constraints & 0x10) !== 0)) return false // Intra profiles: constraint_set3_flag.
  return reorderFrames === undefined ? undefined : reorderFrames > 0
}

/** Removes the 03 of every 00 00 03 (H.264 section 7.4.1.1). Copies only if there is one. */
export function withoutEmulationPrevention (bytes: Uint8Array): Uint8Array {
  let out: Uint8Array | undefined
  let length = 0
  let zeros = 0
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]!
    if (zeros >= 2 && byte === 3) {
      if (!out) {
        out = new Uint8Array(bytes.length)
        out.set(bytes.subarray(0, at))
      }
      zeros = 0
      continue
    }
    zeros = byte === 0 ? zeros + 1 : 0
    if (out) out[length] = byte
    length++
  }
  return out ? out.subarray(0, length) : bytes
}

function chromaFields (bits: BitReader): Pick<Sps, 'chromaFormat' | 'bitDepthLuma' | 'bitDepthChroma'> {
  const chromaFormat = bits.ue()
  if (chromaFormat > 3) throw new ProtocolError(`chroma_format_idc ${chromaFormat}`)
  if (chromaFormat === 3) bits.skip(1) // separate_colour_plane_flag
  const bitDepthLuma = 8 + bits.ue()
  const bitDepthChroma = 8 + bits.ue()
  if (bitDepthLuma > 14 || bitDepthChroma > 14) throw new ProtocolError('a bit depth above 14')
  bits.skip(1) // qpprime_y_zero_transform_bypass_flag
  if (bits.flag()) for (let list = 0; list < (chromaFormat === 3 ? 12 : 8); list++) if (bits.flag()) skipScalingList(bits, list < 6 ? 16 : 64)
  return { chromaFormat, bitDepthLuma, bitDepthChroma }
}

/** H.264 section 7.3.2.1.1.1: a delta for each entry until one makes the next scale zero. */
function skipScalingList (bits: BitReader, entries: number): void {
  let last = 8
  for (let entry = 0; entry < entries; entry++) {
    const next = (last + bits.se() + 256) % 256
    if (next === 0) return
    last = next
  }
}

function pictureOrder (bits: BitReader): number {
  const type = bits.ue()
  if (type > 2) throw new ProtocolError(`pic_order_cnt_type ${type}`)
  if (type === 0) bits.ue() // log2_max_pic_order_cnt_lsb_minus4
  if (type === 1) {
    bits.skip(1) // delta_pic_order_always_zero_flag
    bits.se() // offset_for_non_ref_pic
    bits.se() // offset_for_top_to_bottom_field
    const cycle = bits.ue()
    if (cycle > MAX_POC_CYCLE) throw new ProtocolError('too many reference frames in a picture order cycle')
    for (let frame = 0; frame < cycle; frame++) bits.se()
  }
  return type
}

function pictureSize (bits: BitReader, chromaFormat: number): Pick<Sps, 'width' | 'height' | 'interlaced'> {
  const columns = bits.ue() + 1
  const rows = bits.ue() + 1
  const interlaced = !bits.flag() // frame_mbs_only_flag
  const fields = interlaced ? 2 : 1
  if (columns > MAX_SIDE_MACROBLOCKS || rows * fields > MAX_SIDE_MACROBLOCKS) throw new ProtocolError('a picture larger than any level allows')
  if (interlaced) bits.skip(1) // mb_adaptive_frame_field_flag
  bits.skip(1) // direct_8x8_inference_flag
  let width = columns * 16
  let height = rows * fields * 16
  if (bits.flag()) {
    const [stepX, stepY] = [chromaFormat === 1 || chromaFormat === 2 ? 2 : 1, (chromaFormat === 1 ? 2 : 1) * fields]
    width -= stepX * (bits.ue() + bits.ue())
    height -= stepY * (bits.ue() + bits.ue())
    if (width <= 0 || height <= 0) throw new ProtocolError('a picture cropped to nothing')
  }
  return { width, height, interlaced }
}

type Vui = Pick<Sps, 'sampleAspectRatio' | 'frameRate' | 'reorderFrames'>
const noVui: Vui = { sampleAspectRatio: undefined, frameRate: undefined, reorderFrames: undefined }

/** H.264 table E-1, by aspect_ratio_idc. */
const aspectRatios = [
  undefined, [1, 1], [12, 11], [10, 11], [16, 11], [40, 33], [24, 11], [20, 11], [32, 11], [80, 33],
  [18, 11], [15, 11], [64, 33], [160, 99], [4, 3], [3, 2], [2, 1]
] as const

/** H.264 section E.1.1. */
function readVui (bits: BitReader): Vui {
  const sampleAspectRatio = bits.flag() ? readAspectRatio(bits) : undefined
  if (bits.flag()) bits.skip(1) // overscan_appropriate_flag
  if (bits.flag()) { // video_signal_type_present_flag
    bits.skip(4)
    if (bits.flag()) bits.skip(24) // colour description
  }
  if (bits.flag()) { // chroma_loc_info_present_flag
    bits.ue()
    bits.ue()
  }
  const frameRate = bits.flag() ? readFrameRate(bits) : undefined
  const nalHrd = skipHrd(bits)
  const vclHrd = skipHrd(bits)
  if (nalHrd || vclHrd) bits.skip(1) // low_delay_hrd_flag
  bits.skip(1) // pic_struct_present_flag
  return { sampleAspectRatio, frameRate, reorderFrames: bits.flag() ? readReorderFrames(bits) : undefined }
}

function readAspectRatio (bits: BitReader): readonly [number, number] | undefined {
  const index = bits.bits(8)
  return index === EXTENDED_SAR ? [bits.bits(16), bits.bits(16)] : aspectRatios[index]
}

/** A tick is a field's time, so that a frame takes two (section E.2.1, num_units_in_tick). */
function readFrameRate (bits: BitReader): number | undefined {
  const unitsInTick = bits.bits(32)
  const timeScale = bits.bits(32)
  bits.skip(1) // fixed_frame_rate_flag
  return unitsInTick > 0 && timeScale > 0 ? timeScale / unitsInTick / 2 : undefined
}

/** @returns whether there were HRD parameters (section E.1.2). */
function skipHrd (bits: BitReader): boolean {
  if (!bits.flag()) return false
  const count = bits.ue() + 1
  if (count > MAX_CPB_COUNT) throw new ProtocolError('too many coded picture buffers')
  bits.skip(8) // bit_rate_scale, cpb_size_scale
  for (let buffer = 0; buffer < count; buffer++) {
    bits.ue()
    bits.ue()
    bits.skip(1)
  }
  bits.skip(20) // delay lengths, time_offset_length
  return true
}

function readReorderFrames (bits: BitReader): number {
  bits.skip(1) // motion_vectors_over_pic_boundaries_flag
  for (let field = 0; field < 4; field++) bits.ue() // max_bytes_per_pic_denom .. log2_max_mv_length_vertical
  return bits.ue()
}
