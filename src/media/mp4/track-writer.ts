import type { CodecName, MediaKind } from '../codec.ts'
import { SampleRun } from './fragment.ts'
import type { MovieTrack } from './movie.ts'
import { SampleTable } from './sample-table.ts'

/** What a track of a file holds. Two formats whose sample entries are equal bytes can share one track. */
export type TrackFormat = {
  readonly kind: MediaKind
  readonly codec: CodecName
  /** Ticks a second. */
  readonly timescale: number
  readonly sampleEntry: Buffer
  readonly width: number
  readonly height: number
  /** Ticks that a sample lasts as long as nothing better is known. */
  readonly usualDuration: number
}

const FIRST_CAPACITY_BYTES = 64 << 10
/** Buffers kept for the next fragments: one is filled while one or two are being written. */
const SPARE_BUFFERS = 2
const LENGTH_BYTES = 4
/** Of a tick: what arithmetic in milliseconds may lose. */
const ROUNDING = 1e-3
/** A longer duration is a gap, and says nothing about the last sample of all. */
const LONGEST_USUAL_MS = 1000

/** A sample without a successor: nobody knows yet how long it lasts. */
type Held = { readonly dts: number, readonly size: number, readonly compositionOffset: number, readonly keyframe: boolean }

/** Collects the samples of one track, back to back in one buffer, for the fragment that is open. */
export class TrackWriter {
  readonly id: number
  readonly format: TrackFormat
  readonly table = new SampleTable()
  /** The samples of the fragment that may go out; filled by `close`. */
  readonly run: SampleRun
  readonly #saw: (ms: number) => void
  readonly #msPerTick: number
  readonly #spare: Buffer[] = []
  #data: Buffer = Buffer.alloc(0)
  #length = 0
  #held: Held | undefined
  /** Decoding time of the first sample in `run`, and of the last sample anywhere. */
  #runDts = 0
  #lastDts: number | undefined
  #usualDuration: number
  #start = 0
  #mediaStart = 0
  #idle = false

  constructor (id: number, format: TrackFormat, saw: (ms: number) => void) {
    this.id = id
    this.format = format
    this.run = new SampleRun(id)
    this.#saw = saw
    this.#msPerTick = 1000 / format.timescale
    this.#usualDuration = format.usualDuration
  }

  get started (): boolean { return this.#lastDts !== undefined }
  /** Presentation time of the first sample. */
  get startMs (): number { return this.#start * this.#msPerTick }
  /** Where the last sample ends, as far as is known. */
  get endMs (): number { return this.#lastDts === undefined ? 0 : (this.#lastDts - this.#mediaStart + this.#usualDuration) * this.#msPerTick }
  get bytes (): number { return this.#length }

  describe (): MovieTrack {
    const { kind, timescale, sampleEntry, width, height } = this.format
    return { id: this.id, kind, timescale, sampleEntry, width, height, mediaStart: this.#mediaStart }
  }

  /**
   * @param pts presentation time in ticks, on a timeline that all tracks of the file share; not before the file begins
   * @param compositionOffset presentation minus decoding time, in ticks
   * @param units video: NAL units; audio: one frame
   */
  add (pts: number, compositionOffset: number, keyframe: boolean, units: readonly Buffer[]): void {
    if (this.#lastDts === undefined) {
      this.#start = pts
      this.#mediaStart = Math.max(0, compositionOffset)
    }
    let dts = pts - compositionOffset + this.#mediaStart
    if (this.#lastDts !== undefined && dts <= this.#lastDts) dts = this.#lastDts + 1 // Decoding order is the order of the file.
    this.#resolveHeld(dts)
    const size = this.format.kind === 'video' ? this.#appendUnits(units) : this.#append(units[0]!)
    this.#held = { dts, size, compositionOffset: pts + this.#mediaStart - dts, keyframe }
    this.#lastDts = dts
    this.#idle = false
    this.#saw(pts * this.#msPerTick)
  }

  /**
   * The fragment ends here: `run` is what goes into it. The last sample is held back for its successor to say how long it
   * lasts, unless none came for a whole fragment, or this is the last.
   */
  close (last: boolean): void {
    if (this.#held && (last || this.#idle)) this.#push(this.#held, this.#usualDuration)
    this.#idle = true
  }

  /** Decoding time of the run in a file that begins at `zeroMs`. */
  closedDts (zeroMs: number): number { return this.#runDts - Math.floor(zeroMs / this.#msPerTick + ROUNDING) }

  /** The bytes of the run, which starts anew; what is held back moves to the next buffer. */
  take (): Buffer {
    const data = this.#data.subarray(0, this.run.bytes)
    const heldBytes = this.#length - this.run.bytes
    const spare = this.#spare.pop()
    const next = spare && spare.length >= heldBytes ? spare : Buffer.allocUnsafeSlow(Math.max(this.#data.length, FIRST_CAPACITY_BYTES))
    this.#data.copy(next, 0, this.run.bytes, this.#length)
    this.#data = next
    this.#length = heldBytes
    this.run.clear()
    return data
  }

  /** Gives back what `take` gave. */
  reuse (data: Buffer): void {
    if (this.#spare.length < SPARE_BUFFERS) this.#spare.push(Buffer.from(data.buffer, 0, data.buffer.byteLength))
  }

  discard (): void {
    this.run.clear()
    this.#held = undefined
    this.#length = 0
  }

  #resolveHeld (nextDts: number): void {
    if (!this.#held) return
    const duration = nextDts - this.#held.dts
    if (duration * this.#msPerTick < LONGEST_USUAL_MS) this.#usualDuration = duration
    this.#push(this.#held, duration)
  }

  #push ({ dts, size, compositionOffset, keyframe }: Held, duration: number): void {
    if (this.run.count === 0) this.#runDts = dts
    this.run.add(duration, size, compositionOffset, keyframe)
    this.#held = undefined
  }

  #appendUnits (units: readonly Buffer[]): number {
    let size = 0
    for (const unit of units) {
      this.#reserve(LENGTH_BYTES + unit.length)
      this.#data.writeUInt32BE(unit.length, this.#length)
      unit.copy(this.#data, this.#length + LENGTH_BYTES)
      this.#length += LENGTH_BYTES + unit.length
      size += LENGTH_BYTES + unit.length
    }
    return size
  }

  #append (frame: Buffer): number {
    this.#reserve(frame.length)
    frame.copy(this.#data, this.#length)
    this.#length += frame.length
    return frame.length
  }

  #reserve (bytes: number): void {
    if (this.#length + bytes <= this.#data.length) return
    const bigger = Buffer.allocUnsafeSlow(Math.max(FIRST_CAPACITY_BYTES, this.#data.length * 2, this.#length + bytes))
    this.#data.copy(bigger, 0, 0, this.#length)
    this.#data = bigger
  }
}
