import { ProtocolError } from '../../lib/errors.ts'
import { parseAacConfig } from '../../media/aac.ts'
import type { Codec } from '../../media/codec.ts'
import type { Frame } from '../../media/frame.ts'
import * as h264 from '../../media/h264.ts'
import { parseH265Sps } from '../../media/h265-sps.ts'
import * as h265 from '../../media/h265.ts'
import { printAvc1, printHvc1, printMp4a, printOpus } from '../../media/mp4/sample-entry.ts'
import type { TrackFormat } from '../../media/mp4/track-writer.ts'
import { OPUS_CLOCK, opusDuration } from '../../media/opus.ts'

const USUAL_FRAME_RATE = 30
const OPUS_FRAME_TICKS = 960
const LENGTH_SIZE = 4

/** What a file can take as it comes. */
export const isRecordable = ({ name, config }: Codec): boolean => name === 'H264' || name === 'H265' || name === 'opus' || (name === 'AAC' && config !== undefined)

/** Says in which form the frames of one track go into a file. */
export interface FormatReader {
  /** The form as of this frame; undefined as long as it is not known. The same object as long as nothing changes. */
  read (frame: Frame): TrackFormat | undefined
  /** What of the frame is written: parameter sets stand in the file's head. */
  unitsOf (frame: Frame): readonly Buffer[]
  /** Ticks that the frame lasts by itself; undefined where only the next one tells. */
  durationOf (frame: Frame): number | undefined
}

export function formatReader (codec: Codec): FormatReader {
  if (codec.name === 'H264') return new H264Format(codec)
  if (codec.name === 'H265') return new H265Format(codec)
  return codec.name === 'opus' ? new OpusFormat(codec) : new AacFormat(codec)
}

class AacFormat implements FormatReader {
  readonly #format: TrackFormat

  constructor ({ config, clockRate, channels }: Codec) {
    const parsed = parseAacConfig(config!)
    const sampleEntry = printMp4a(config!, channels ?? parsed.channels, clockRate)
    this.#format = { kind: 'audio', codec: 'AAC', timescale: clockRate, sampleEntry, width: 0, height: 0, usualDuration: parsed.frameLength }
  }

  read (): TrackFormat { return this.#format }
  unitsOf ({ units }: Frame): readonly Buffer[] { return units }
  durationOf (): number { return this.#format.usualDuration }
}

class OpusFormat implements FormatReader {
  readonly #format: TrackFormat

  constructor ({ channels = 2 }: Codec) {
    this.#format = { kind: 'audio', codec: 'opus', timescale: OPUS_CLOCK, sampleEntry: printOpus(channels), width: 0, height: 0, usualDuration: OPUS_FRAME_TICKS }
  }

  read (): TrackFormat { return this.#format }
  unitsOf ({ units }: Frame): readonly Buffer[] { return units }
  durationOf ({ units }: Frame): number { return opusDuration(units[0]!) || OPUS_FRAME_TICKS }
}

/** What two codecs made of NAL units have in common: their pictures wait for parameter sets, which stand in the file's head. */
abstract class NalFormat implements FormatReader {
  readonly #codec: Codec
  readonly #parameterSets: readonly number[]
  #known: readonly Buffer[] = []
  #format: TrackFormat | undefined

  /** @param parameterSets the types of unit that must all be there */
  constructor (codec: Codec, parameterSets: readonly number[]) {
    this.#codec = codec
    this.#parameterSets = parameterSets
  }

  abstract typeOf (unit: Buffer): number
  /** Parameter sets belong in the sample entry; delimiters and filler say nothing in a file (ISO 14496-15 sections 5.3.2 and 8.3.2). */
  abstract isLeftOut (type: number): boolean
  /** @param sets by type, in the order of the types given. @throws ProtocolError */
  abstract describe (sets: readonly (readonly Buffer[])[]): { sampleEntry: Buffer, width: number, height: number, frameRate: number | undefined }

  read (frame: Frame): TrackFormat | undefined {
    if (!frame.keyframe) return this.#format
    const sets = this.#parameterSets.map(type => frame.units.filter(unit => this.typeOf(unit) === type))
    if (sets.some(ofType => ofType.length === 0)) return this.#format
    const all = sets.flat()
    if (same(all, this.#known)) return this.#format
    this.#known = all.map(set => Buffer.from(set))
    this.#format = this.#tryDescribe(sets)
    return this.#format
  }

  unitsOf ({ units }: Frame): readonly Buffer[] {
    const isLeftOut = (unit: Buffer): boolean => this.isLeftOut(this.typeOf(unit))
    return units.some(isLeftOut) ? units.filter(unit => !isLeftOut(unit)) : units
  }

  durationOf (): undefined {}

  /** @returns undefined for parameter sets that cannot be read: what needs them is left out */
  #tryDescribe (sets: readonly (readonly Buffer[])[]): TrackFormat | undefined {
    const { name, clockRate } = this.#codec
    try {
      const { frameRate = USUAL_FRAME_RATE, ...described } = this.describe(sets)
      return { kind: 'video', codec: name, timescale: clockRate, ...described, usualDuration: Math.round(clockRate / frameRate) }
    } catch (error) {
      if (error instanceof ProtocolError) return undefined
      throw error
    }
  }
}

class H264Format extends NalFormat {
  constructor (codec: Codec) { super(codec, [h264.NalType.sps, h264.NalType.pps]) }

  typeOf (unit: Buffer): number { return h264.nalTypeOf(unit) }
  isLeftOut (type: number): boolean { return type >= h264.NalType.sps && type <= h264.NalType.filler }

  describe ([sps, pps]: readonly (readonly Buffer[])[]): ReturnType<NalFormat['describe']> {
    const { width, height, frameRate } = h264.parseSps(sps![0]!)
    return { width, height, frameRate, sampleEntry: printAvc1({ lengthSize: LENGTH_SIZE, sps: sps!, pps: pps! }, width, height) }
  }
}

class H265Format extends NalFormat {
  constructor (codec: Codec) { super(codec, [h265.NalType.vps, h265.NalType.sps, h265.NalType.pps]) }

  typeOf (unit: Buffer): number { return h265.nalTypeOf(unit) }
  isLeftOut (type: number): boolean { return type >= h265.NalType.vps && type <= h265.NalType.filler }

  describe ([vps, sps, pps]: readonly (readonly Buffer[])[]): ReturnType<NalFormat['describe']> {
    const { width, height } = parseH265Sps(sps![0]!)
    return { width, height, frameRate: undefined, sampleEntry: printHvc1({ vps: vps!, sps: sps!, pps: pps! }, width, height) }
  }
}

const same = (a: readonly Buffer[], b: readonly Buffer[]): boolean => a.length === b.length && a.every((buffer, index) => buffer.equals(b[index]!))
