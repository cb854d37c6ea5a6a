import { ProtocolError } from '../lib/errors.ts'
import { BitReader } from './bit-reader.ts'

/** samplingFrequencyIndex (ISO 14496-3 table 1.18). */
const samplingRates = [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350] as const
const EXPLICIT_RATE = 15
const MAX_RATE = 192_000
/** Channels by channelConfiguration (table 1.19); 0 is told by a program config element. */
const channelCounts = [undefined, 1, 2, 3, 4, 5, 6, 8, undefined, undefined, undefined, 7, 8, 24, 8] as const

/** audioObjectType (table 1.17), as far as anybody here looks at it. */
export const AudioObjectType = { main: 1, lc: 2, ssr: 3, ltp: 4, sbr: 5, scalable: 6, er: 17, ps: 29 } as const
/** The object types whose configuration is a GASpecificConfig (section 1.6.2.1). */
const generalAudio: ReadonlySet<number> = new Set([1, 2, 3, 4, 6, 7, 17, 19, 20, 21, 22, 23])
const SYNC_EXTENSION = 0x2b7
const PS_SYNC_EXTENSION = 0x548

/** AudioSpecificConfig (ISO 14496-3 section 1.6.2.1): what a decoder must know before the first frame. */
export type AacConfig = {
  /** Of the core coder: 2 is AAC-LC, also under SBR and PS. */
  readonly objectType: number
  /** Hz, of the core coder. An RTP timestamp of AAC counts in these. */
  readonly samplingRate: number
  readonly channels: number
  /** Samples of the core coder in a frame: 1024 or 960. */
  readonly frameLength: number
  /** Hz after spectral band replication (HE-AAC); undefined where it is not signalled. */
  readonly sbrRate: number | undefined
  /** Parametric stereo (HE-AAC v2): one channel is coded, two are heard. */
  readonly parametricStereo: boolean
}

/** @throws ProtocolError, also for object types that are not AAC. */
export function parseAacConfig (bytes: Uint8Array): AacConfig {
  const bits = new BitReader(bytes)
  let objectType = readObjectType(bits)
  const samplingRate = readRate(bits)
  const channelConfig = bits.bits(4)
  let sbrRate: number | undefined
  let parametricStereo = false
  if (objectType === AudioObjectType.sbr || objectType === AudioObjectType.ps) {
    parametricStereo = objectType === AudioObjectType.ps
    sbrRate = readRate(bits)
    objectType = readObjectType(bits)
  }
  if (!generalAudio.has(objectType)) throw new ProtocolError(`audio object type ${objectType} is not AAC`)
  const { frameLength, channels } = readGeneralAudio(bits, objectType, channelConfig)
  if (sbrRate === undefined) ({ sbrRate, parametricStereo } = readSyncExtension(bits))
  return { objectType, samplingRate, channels, frameLength, sbrRate, parametricStereo }
}

/** Prints the plain form: no SBR signalling, no program config element. */
export function printAacConfig (config: Pick<AacConfig, 'objectType' | 'samplingRate' | 'channels' | 'frameLength'>): Buffer {
  const { objectType, samplingRate, channels, frameLength } = config
  const rateIndex = samplingRates.findIndex(rate => rate === samplingRate)
  const channelConfig = channelCounts.findIndex(count => count === channels)
  if (channelConfig < 0 || objectType >= 31) throw new ProtocolError('this AAC configuration has no plain form')
  let value = BigInt(objectType)
  let length = 5
  const put = (field: number, width: number): void => { value = value << BigInt(width) | BigInt(field); length += width }
  if (rateIndex >= 0) put(rateIndex, 4)
  else { put(EXPLICIT_RATE, 4); put(samplingRate, 24) }
  put(channelConfig, 4)
  put(frameLength === 960 ? 4 : 0, 3) // frameLengthFlag, dependsOnCoreCoder, extensionFlag
  const bytes = Math.ceil(length / 8)
  return Buffer.from((value << BigInt(bytes * 8 - length)).toString(16).padStart(bytes * 2, '0'), 'hex')
}

function readObjectType (bits: BitReader): number {
  const type = bits.bits(5)
  return type === 31 ? 32 + bits.bits(6) : type
}

function readRate (bits: BitReader): number {
  const index = bits.bits(4)
  const rate = index === EXPLICIT_RATE ? bits.bits(24) : samplingRates[index]
  if (rate === undefined || rate === 0 || rate > MAX_RATE) throw new ProtocolError('a sampling rate that AAC does not have')
  return rate
}

/** GASpecificConfig (section 4.4.1). */
function readGeneralAudio (bits: BitReader, objectType: number, channelConfig: number): { frameLength: number, channels: number } {
  const frameLength = bits.flag() ? 960 : 1024
  if (bits.flag()) bits.skip(14) // coreCoderDelay
  const extension = bits.flag()
  const channels = channelConfig === 0 ? readProgramConfig(bits) : channelCounts[channelConfig]
  if (channels === undefined || channels === 0) throw new ProtocolError(`channel configuration ${channelConfig}`)
  if (objectType === 6 || objectType === 20) bits.skip(3) // layerNr
  if (extension) {
    if (objectType === 22) bits.skip(16)
    if (objectType === 17 || objectType === 19 || objectType === 20 || objectType === 23) bits.skip(3)
    bits.skip(1) // extensionFlag3
  }
  return { frameLength, channels }
}

/** @returns the channels of a program config element (section 4.4.1.1): single elements count one, pairs two. */
function readProgramConfig (bits: BitReader): number {
  bits.skip(4 + 2 + 4) // tag, object type, rate
  const [front, side, back, lfe, data, coupling] = [bits.bits(4), bits.bits(4), bits.bits(4), bits.bits(2), bits.bits(3), bits.bits(4)]
  if (bits.flag()) bits.skip(4) // mono mixdown
  if (bits.flag()) bits.skip(4) // stereo mixdown
  if (bits.flag()) bits.skip(3) // matrix mixdown
  let channels = lfe
  for (let element = front + side + back; element > 0; element--) {
    channels += bits.flag() ? 2 : 1
    bits.skip(4)
  }
  bits.skip(lfe * 4 + data * 4 + coupling * 5)
  bits.align()
  bits.skip(bits.bits(8) * 8) // comment
  return channels
}

/** The backward compatible signalling of SBR and PS, after everything an old decoder reads (section 1.6.5). */
function readSyncExtension (bits: BitReader): { sbrRate: number | undefined, parametricStereo: boolean } {
  const none = { sbrRate: undefined, parametricStereo: false }
  if (bits.left < 16 || bits.bits(11) !== SYNC_EXTENSION || readObjectType(bits) !== AudioObjectType.sbr) return none
  if (bits.left < 1 || !bits.flag() || bits.left < 4) return none
  const sbrRate = readRate(bits)
  const parametricStereo = bits.left >= 12 && bits.bits(11) === PS_SYNC_EXTENSION && bits.flag()
  return { sbrRate, parametricStereo }
}
