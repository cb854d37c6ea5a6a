import { ProtocolError } from '../../lib/errors.ts'
import { type AvcConfig, printAvcConfig } from '../h264.ts'
import { type HevcConfig, printHevcConfig } from '../h265.ts'
import { BoxWriter } from './box.ts'

/** Longer than any AudioSpecificConfig, and short enough for descriptor lengths of one byte. */
const MAX_AAC_CONFIG_BYTES = 64
const DPI_72 = 72 << 16
const DEPTH_24 = 24
const ES_DESCRIPTOR = 3
const DECODER_CONFIG_DESCRIPTOR = 4
const DECODER_SPECIFIC_INFO = 5
const SL_CONFIG_DESCRIPTOR = 6
const OBJECT_TYPE_AAC = 0x40
const STREAM_TYPE_AUDIO = 0x15 // Audio stream (5), not upstream, reserved bit 1.

/** H.264 with its parameter sets in the entry, not in the samples (ISO 14496-15 section 5.4.2). */
export function printAvc1 (avc: AvcConfig, width: number, height: number): Buffer {
  return visualEntry('avc1', width, height, 'avcC', printAvcConfig(avc))
}

/** H.265 with its parameter sets in the entry, not in the samples (ISO 14496-15 section 8.4.1). */
export function printHvc1 (hevc: HevcConfig, width: number, height: number): Buffer {
  return visualEntry('hvc1', width, height, 'hvcC', printHevcConfig(hevc))
}

/** VisualSampleEntry (ISO 14496-12 section 12.1.3), with the codec's own box. */
function visualEntry (type: string, width: number, height: number, configType: string, config: Buffer): Buffer {
  const writer = new BoxWriter()
  writer.box(type, () => {
    beginEntry(writer)
    writer.zeros(16).u16(width).u16(height).u32(DPI_72).u32(DPI_72).u32(0)
    writer.u16(1) // Frames in a sample.
    writer.zeros(32) // Compressor name.
    writer.u16(DEPTH_24).u16(0xffff)
    writer.box(configType, () => writer.bytes(config))
  })
  return writer.done()
}

/** AAC (ISO 14496-14 section 5.6). @param config AudioSpecificConfig, as it came */
export function printMp4a (config: Buffer, channels: number, samplingRate: number): Buffer {
  if (config.length === 0 || config.length > MAX_AAC_CONFIG_BYTES) throw new ProtocolError(`an AudioSpecificConfig of ${config.length} bytes`)
  const writer = new BoxWriter()
  writer.box('mp4a', () => {
    audioEntry(writer, channels, samplingRate)
    writer.fullBox('esds', 0, 0, () => elementaryStream(writer, config))
  })
  return writer.done()
}

/** Opus (Encapsulation of Opus in ISO Base Media File Format, sections 4.3.1 and 4.3.2). Its media clock is always 48 kHz. */
export function printOpus (channels: number): Buffer {
  const writer = new BoxWriter()
  writer.box('Opus', () => {
    audioEntry(writer, channels, 48_000)
    // Not a full box. No pre-skip: a stream cut out of a running conversation has no encoder's silence at its start.
    writer.box('dOps', () => writer.u8(0).u8(channels).u16(0).u32(48_000).u16(0).u8(0))
  })
  return writer.done()
}

/** SampleEntry: six reserved bytes, and the first (only) data reference. */
function beginEntry (writer: BoxWriter): void { writer.zeros(6).u16(1) }

function audioEntry (writer: BoxWriter, channels: number, samplingRate: number): void {
  beginEntry(writer)
  writer.zeros(8).u16(channels).u16(16).zeros(4)
  writer.u16(samplingRate > 0xffff ? 0 : samplingRate).u16(0) // 16.16; a rate that does not fit stands in the codec's own box.
}

/** ES_Descriptor (ISO 14496-1 section 7.2.6.5). */
function elementaryStream (writer: BoxWriter, config: Buffer): void {
  const decoderConfigBytes = 13 + 2 + config.length
  writer.u8(ES_DESCRIPTOR).u8(3 + 2 + decoderConfigBytes + 2 + 1)
  writer.u16(0).u8(0) // ES_ID, flags: the track knows.
  writer.u8(DECODER_CONFIG_DESCRIPTOR).u8(decoderConfigBytes).u8(OBJECT_TYPE_AAC).u8(STREAM_TYPE_AUDIO)
  writer.u24(0).u32(0).u32(0) // Buffer size, greatest and average bitrate: unknown.
  writer.u8(DECODER_SPECIFIC_INFO).u8(config.length).bytes(config)
  writer.u8(SL_CONFIG_DESCRIPTOR).u8(1).u8(2) // Predefined: reserved for MP4 files.
}
