import { ProtocolError } from '../../lib/errors.ts'
import { parseAacConfig } from '../../media/aac.ts'
import type { Codec } from '../../media/codec.ts'
import type { Frame } from '../../media/frame.ts'
import { NalType, nalTypeOf, parseSps } from '../../media/h264.ts'
import { printAvc1, printMp4a, printOpus } from '../../media/mp4/sample-entry.ts'
import type { TrackFormat } from '../../media/mp4/track-writer.ts'
import { OPUS_CLOCK, opusDuration } from '../../media/opus.ts'

const USUAL_FRAME_RATE = 30
const OPUS_FRAME_TICKS = 960
const LENGTH_SIZE = 4

/** What a file can take as it comes. */
export const isRecordable = ({ name, config }: Codec): boolean => name === 'H264' || name === 'opus' || (name === 'AAC' && config !== undefined)

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

class H264Format implements FormatReader {
  readonly #timescale: number
  #sps: Buffer[] = []
  #pps: Buffer[] = []
  #format: TrackFormat | undefined

  constructor ({ clockRate }: Codec) { this.#timescale = clockRate }

  read (frame: Frame): TrackFormat | undefined {
    if (!frame.keyframe) return this.#format
    const sps = frame.units.filter(unit => nalTypeOf(unit) === NalType.sps)
    const pps = frame.units.filter(unit => nalTypeOf(unit) === NalType.pps)
    if (sps.length === 0 || pps.length === 0 || (same(sps, this.#sps) && same(pps, this.#pps))) return this.#format
    this.#sps = sps.map(set => Buffer.from(set))
    this.#pps = pps.map(set => Buffer.from(set))
    this.#format = this.#describe()
    return this.#format
  }

  unitsOf ({ units }: Frame): readonly Buffer[] { return units.some(isLeftOut) ? units.filter(unit => !isLeftOut(unit)) : units }

  durationOf (): undefined {}

  /** @returns undefined for parameter sets that cannot be read: what needs them is left out */
  #describe (): TrackFormat | undefined {
    try {
      const { width, height, frameRate } = parseSps(this.#sps[0]!)
      const sampleEntry = printAvc1({ lengthSize: LENGTH_SIZE, sps: this.#sps, pps: this.#pps }, width, height)
      const usualDuration = Math.round(this.#timescale / (frameRate ?? USUAL_FRAME_RATE))
      return { kind: 'video', codec: 'H264', timescale: this.#timescale, sampleEntry, width, height, usualDuration }
    } catch (error) {
      if (error instanceof ProtocolError) return undefined
      throw error
    }
  }
}

const same = (a: readonly Buffer[], b: readonly Buffer[]): boolean => a.length === b.length && a.every((buffer, index) => buffer.equals(b[index]!))

/** ISO 14496-15 section 5.3.2: parameter sets belong in the sample entry; delimiters and filler say nothing in a file. */
function isLeftOut (unit: Buffer): boolean {
  const type = nalTypeOf(unit)
  return type >= NalType.sps && type <= NalType.filler
}
