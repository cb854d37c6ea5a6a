import { ProtocolError } from '../lib/errors.ts'
import { BitReader } from './bit-reader.ts'
import { withoutEmulationPrevention } from './h264-sps.ts'

const NAL_HEADER_BYTES = 2
const SPS = 33
/** profile_tier_level: what concerns all layers, from the profile to the level (H.265 section 7.3.3). */
const GENERAL_BYTES = 12
const SUB_LAYER_PROFILE_BITS = 88
const SUB_LAYER_LEVEL_BITS = 8
const MAX_SUB_LAYERS = 7
/** Level 7.2 allows no side longer (table A.8). */
const MAX_SIDE = 33_782

/** What a sequence parameter set says about the pictures that follow it (H.265 section 7.3.2.2). */
export type H265Sps = {
  /** Profile, tier, compatibility, constraints and level, in the bytes in which hvcC wants them. */
  readonly general: Uint8Array
  readonly profileIdc: number
  /** Thirty times the level: 93 is level 3.1. */
  readonly levelIdc: number
  readonly temporalLayers: number
  readonly temporalNesting: boolean
  readonly chromaFormat: number
  readonly bitDepthLuma: number
  readonly bitDepthChroma: number
  /** Pixels, after cropping. */
  readonly width: number
  readonly height: number
}

/** @param nal a whole SPS NAL unit, its two-byte header included. @throws ProtocolError */
export function parseH265Sps (nal: Uint8Array): H265Sps {
  if (nal.length <= NAL_HEADER_BYTES || (nal[0]! >> 1 & 0x3f) !== SPS) throw new ProtocolError('not a sequence parameter set')
  const bytes = withoutEmulationPrevention(nal.subarray(NAL_HEADER_BYTES))
  const bits = new BitReader(bytes)
  bits.skip(4) // sps_video_parameter_set_id
  const subLayers = bits.bits(3)
  if (subLayers >= MAX_SUB_LAYERS) throw new ProtocolError(`sps_max_sub_layers_minus1 ${subLayers}`)
  const temporalNesting = bits.flag()
  bits.skip(GENERAL_BYTES * 8)
  const general = bytes.slice(1, 1 + GENERAL_BYTES)
  skipSubLayers(bits, subLayers)
  bits.ue() // sps_seq_parameter_set_id
  const chromaFormat = bits.ue()
  if (chromaFormat > 3) throw new ProtocolError(`chroma_format_idc ${chromaFormat}`)
  if (chromaFormat === 3) bits.skip(1) // separate_colour_plane_flag
  const size = pictureSize(bits, chromaFormat)
  const bitDepthLuma = 8 + bits.ue()
  const bitDepthChroma = 8 + bits.ue()
  if (bitDepthLuma > 15 || bitDepthChroma > 15) throw new ProtocolError('a bit depth above 15')
  return { general, profileIdc: general[0]! & 0x1f, levelIdc: general[11]!, temporalLayers: subLayers + 1, temporalNesting, chromaFormat, bitDepthLuma, bitDepthChroma, ...size }
}

/** sub_layer_profile_present_flag and sub_layer_level_present_flag of each, then what they announce. */
function skipSubLayers (bits: BitReader, count: number): void {
  if (count === 0) return
  let announced = 0
  for (let layer = 0; layer < count; layer++) {
    if (bits.flag()) announced += SUB_LAYER_PROFILE_BITS
    if (bits.flag()) announced += SUB_LAYER_LEVEL_BITS
  }
  bits.skip(2 * (8 - count) + announced)
}

function pictureSize (bits: BitReader, chromaFormat: number): { width: number, height: number } {
  let width = bits.ue()
  let height = bits.ue()
  if (bits.flag()) { // conformance_window_flag: left, right, top, bottom, in chroma samples.
    width -= (chromaFormat === 1 || chromaFormat === 2 ? 2 : 1) * (bits.ue() + bits.ue())
    height -= (chromaFormat === 1 ? 2 : 1) * (bits.ue() + bits.ue())
  }
  if (width <= 0 || height <= 0 || width > MAX_SIDE || height > MAX_SIDE) throw new ProtocolError(`a picture of ${width} by ${height}`)
  return { width, height }
}
