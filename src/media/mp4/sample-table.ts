import { ByteWriter } from '../../lib/bytes.ts'
import type { BoxWriter } from './box.ts'
import type { SampleRun } from './fragment.ts'

/** Equal values in a row, as (count, value) pairs of 32 bits: how stts and ctts are kept in a file, and here in memory. */
class Runs {
  readonly #pairs = new ByteWriter()
  #count = 0
  #value = 0

  add (value: number): void {
    if (value !== this.#value) this.#close()
    this.#value = value
    this.#count++
  }

  get bytes (): number { return this.#pairs.length }
  get allZero (): boolean { return this.#pairs.length === 0 && this.#value === 0 }

  print (writer: BoxWriter): void {
    this.#close()
    writer.u32(this.#pairs.length / 8).bytes(this.#pairs.done())
  }

  #close (): void {
    if (this.#count > 0) this.#pairs.u32(this.#count).i32(this.#value)
    this.#count = 0
  }
}

/**
 * Where and when the samples of one track are, for the `stbl` of the finished file (ISO 14496-12 section 8.5). Kept in the
 * form of the file: 4 to 15 bytes a sample.
 */
export class SampleTable {
  readonly #durations = new Runs()
  readonly #compositionOffsets = new Runs()
  readonly #sizes = new ByteWriter(4096)
  readonly #keyframes = new ByteWriter()
  readonly #chunkOffsets: number[] = []
  readonly #chunks = new ByteWriter()
  #chunkSamples = 0
  #lastChunkSamples = 0
  #firstDts = 0
  #firstCompositionOffset = 0
  #lastDts = 0
  #lastPts = 0
  #lastDuration = 0
  #firstDuration = 0
  count = 0
  keyframes = 0

  /** Bytes of memory, about. */
  get bytes (): number { return this.#sizes.length + this.#durations.bytes + this.#compositionOffsets.bytes + this.#keyframes.length + this.#chunkOffsets.length * 8 }
  get firstDts (): number { return this.#firstDts }
  get lastDts (): number { return this.#lastDts }
  get firstCompositionOffset (): number { return this.#firstCompositionOffset }
  /** The first of the durations: what is usual in this track. */
  get firstDuration (): number { return this.#firstDuration }
  /** Ticks from the first sample's decoding time to the last one's end. */
  get duration (): number { return this.count === 0 ? 0 : this.#lastDts + this.#lastDuration - this.#firstDts }
  /** Ticks from the first presentation to the end of the last. */
  get presentationDuration (): number {
    return this.count === 0 ? 0 : Math.max(this.#lastPts + this.#lastDuration - this.#firstDts - this.#firstCompositionOffset, this.#lastDuration)
  }

  /** The samples that follow lie one behind the other from this byte of the file on. */
  chunk (offset: number): void {
    this.#closeChunk()
    this.#chunkOffsets.push(offset)
  }

  /**
   * @param dts decoding time in ticks; greater than the one before. A sample lasts until the next one's.
   * @param duration what it lasts if none follows
   */
  add (dts: number, duration: number, size: number, compositionOffset: number, keyframe: boolean): void {
    if (this.count === 0) {
      this.#firstDts = dts
      this.#firstCompositionOffset = compositionOffset
      this.#lastPts = dts + compositionOffset
    } else {
      const before = dts - this.#lastDts
      if (this.count === 1) this.#firstDuration = before
      this.#durations.add(before)
    }
    this.#compositionOffsets.add(compositionOffset)
    this.#sizes.u32(size)
    this.count++
    this.#chunkSamples++
    if (keyframe) {
      this.keyframes++
      this.#keyframes.u32(this.count)
    }
    this.#lastDts = dts
    this.#lastDuration = duration
    if (dts + compositionOffset > this.#lastPts) this.#lastPts = dts + compositionOffset
  }

  /** A fragment's samples; `chunk` says where they lie. */
  addRun (run: SampleRun): void {
    let dts = run.baseDts
    for (let index = 0; index < run.count; index++) {
      const duration = run.durations[index]!
      this.add(dts, duration, run.sizes[index]!, run.compositionOffsets[index]!, run.keyframes[index]!)
      dts += duration
    }
  }

  /** The boxes of `stbl` behind `stsd`. Call it once, at the end. */
  print (writer: BoxWriter): void {
    if (this.count > 0) this.#durations.add(this.#lastDuration)
    this.#closeChunk()
    writer.fullBox('stts', 0, 0, () => this.#durations.print(writer))
    // Version 1: offsets are signed, for streams whose decoding times we had to guess.
    if (!this.#compositionOffsets.allZero) writer.fullBox('ctts', 1, 0, () => this.#compositionOffsets.print(writer))
    if (this.keyframes < this.count) writer.fullBox('stss', 0, 0, () => writer.u32(this.keyframes).bytes(this.#keyframes.done()))
    writer.fullBox('stsc', 0, 0, () => writer.u32(this.#chunks.length / 12).bytes(this.#chunks.done()))
    writer.fullBox('stsz', 0, 0, () => writer.u32(0).u32(this.count).bytes(this.#sizes.done()))
    this.#printChunkOffsets(writer)
  }

  #closeChunk (): void {
    if (this.#chunkSamples === 0) {
      if (this.#chunkOffsets.length > 0) this.#chunkOffsets.pop()
      return
    }
    if (this.#chunkSamples !== this.#lastChunkSamples) this.#chunks.u32(this.#chunkOffsets.length).u32(this.#chunkSamples).u32(1)
    this.#lastChunkSamples = this.#chunkSamples
    this.#chunkSamples = 0
  }

  #printChunkOffsets (writer: BoxWriter): void {
    const offsets = this.#chunkOffsets
    const large = (offsets.at(-1) ?? 0) > 0xffffffff
    writer.fullBox(large ? 'co64' : 'stco', 0, 0, () => {
      writer.u32(offsets.length)
      for (const offset of offsets) {
        if (large) writer.u64(BigInt(offset))
        else writer.u32(offset)
      }
    })
  }
}
