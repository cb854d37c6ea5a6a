import { BOX_HEADER_BYTES, BoxWriter } from './box.ts'

/** tfhd: data offsets count from the start of the `moof` (ISO 14496-12 section 8.8.7). */
const DEFAULT_BASE_IS_MOOF = 0x020000
/** trun (section 8.8.8). */
export const TrunFlag = { dataOffset: 0x001, firstSampleFlags: 0x004, duration: 0x100, size: 0x200, flags: 0x400, compositionOffset: 0x800 } as const

/** sample_flags: depends on no other sample; or depends on others and is no place to start. */
const KEYFRAME_FLAGS = 0x02000000
const OTHER_FLAGS = 0x01010000
export const NON_SYNC = 0x00010000

/** The samples of one track in one fragment, column by column: filled by the writer, then used again. */
export class SampleRun {
  readonly trackId: number
  readonly durations: number[] = []
  readonly sizes: number[] = []
  readonly compositionOffsets: number[] = []
  readonly keyframes: boolean[] = []
  /** Decoding time of the first sample, in ticks. */
  baseDts = 0
  /** Bytes of all samples. */
  bytes = 0

  constructor (trackId: number) { this.trackId = trackId }

  get count (): number { return this.sizes.length }

  add (duration: number, size: number, compositionOffset: number, keyframe: boolean): void {
    this.durations.push(duration)
    this.sizes.push(size)
    this.compositionOffsets.push(compositionOffset)
    this.keyframes.push(keyframe)
    this.bytes += size
  }

  clear (): void {
    this.durations.length = this.sizes.length = this.compositionOffsets.length = this.keyframes.length = 0
    this.bytes = 0
  }
}

/**
 * Everything of a fragment but the samples: its `moof`, and the header of the `mdat` in which the samples must follow, run
 * after run.
 * @param sequence number of the fragment in the file, from 1
 */
export function printFragmentHead (sequence: number, runs: readonly SampleRun[]): Buffer {
  const writer = new BoxWriter(256 + runs.reduce((bytes, run) => bytes + run.count * 16, 0))
  const dataOffsetsAt: number[] = []
  writer.box('moof', () => {
    writer.fullBox('mfhd', 0, 0, () => writer.u32(sequence))
    for (const run of runs) dataOffsetsAt.push(printRun(writer, run))
  })
  let dataOffset = writer.length + BOX_HEADER_BYTES
  runs.forEach((run, index) => {
    writer.patchU32(dataOffsetsAt[index]!, dataOffset)
    dataOffset += run.bytes
  })
  writer.u32(dataOffset - writer.length).ascii('mdat')
  return writer.done()
}

/** @returns where the run's data offset must be filled in */
function printRun (writer: BoxWriter, run: SampleRun): number {
  const hasOffsets = run.compositionOffsets.some(offset => offset !== 0)
  const hasFlags = run.keyframes.includes(false) // Without, trex says: every sample is a keyframe.
  const flags = TrunFlag.dataOffset | TrunFlag.duration | TrunFlag.size | (hasFlags ? TrunFlag.flags : 0) | (hasOffsets ? TrunFlag.compositionOffset : 0)
  let dataOffsetAt = 0
  writer.box('traf', () => {
    writer.fullBox('tfhd', 0, DEFAULT_BASE_IS_MOOF, () => writer.u32(run.trackId))
    writer.fullBox('tfdt', 1, 0, () => writer.u64(BigInt(run.baseDts)))
    writer.fullBox('trun', 1, flags, () => {
      writer.u32(run.count)
      dataOffsetAt = writer.length
      writer.u32(0)
      for (let index = 0; index < run.count; index++) {
        writer.u32(run.durations[index]!).u32(run.sizes[index]!)
        if (hasFlags) writer.u32(run.keyframes[index] ? KEYFRAME_FLAGS : OTHER_FLAGS)
        if (hasOffsets) writer.i32(run.compositionOffsets[index]!)
      }
    })
  })
  return dataOffsetAt
}
