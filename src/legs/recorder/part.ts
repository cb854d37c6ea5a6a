import { unlink } from 'node:fs/promises'
import type { MediaKind } from '../../media/codec.ts'
import { MovieWriter } from '../../media/mp4/movie-writer.ts'
import type { TrackFormat, TrackWriter } from '../../media/mp4/track-writer.ts'
import type { PartInfo } from './info.ts'
import { MovieFile, type MovieFileOptions } from './movie-file.ts'

/** A fragment ends early when it holds so much: 64 Mbit/s for a second. */
const MAX_FRAGMENT_BYTES = 8 << 20

/** A fragment ends so much before its time: the sample held back, and the write itself, belong to what a crash can cost. */
const MARGIN_MS = 100

/** One frame, ready to be written. */
export type Sample = {
  readonly format: TrackFormat
  /** Presentation time since the recording began, in ticks of the format. */
  readonly ticks: number
  readonly compositionOffset: number
  readonly keyframe: boolean
  readonly units: readonly Buffer[]
}

export type PartOptions = MovieFileOptions & {
  readonly index: number
  /** The file's name, and the whole path. */
  readonly name: string
  readonly path: string
  readonly createdAt: Date
  /** How old a sample may become before it is with the kernel, and survives the process. */
  readonly fragmentMs: number
  /** The disk did not keep up: nothing was written between these times. */
  readonly onOverrun: (fromMs: number, toMs: number) => void
}

/** One file of a recording: which tracks it has, and when a fragment goes to the disk. */
export class Part {
  readonly #options: PartOptions
  readonly #writer: MovieWriter
  readonly #file: MovieFile
  readonly #tracks = new Map<MediaKind, TrackWriter>()
  /** Where what was written ends, since the disk fell behind. */
  #overrunFromMs: number | undefined
  /** The file has begun, or pictures were dropped: the next one must be decodable by itself. */
  #needsKeyframe = true
  readonly #cutMs: number
  #cutAt: number

  constructor (options: PartOptions) {
    this.#options = options
    this.#writer = new MovieWriter(options.createdAt)
    this.#file = new MovieFile(options.path, options)
    this.#cutMs = Math.max(options.fragmentMs - MARGIN_MS, options.fragmentMs / 2)
    this.#cutAt = options.clock.now()
  }

  /** Bytes that wait for the disk. */
  get queuedBytes (): number { return this.#file.queuedBytes }

  /** A track of this kind is already there, in another form. */
  conflicts (format: TrackFormat): boolean {
    const present = this.#tracks.get(format.kind)
    return present !== undefined && present.format !== format && !present.format.sampleEntry.equals(format.sampleEntry)
  }

  /** Where the last sample of this kind ends; undefined before the first. */
  endMs (kind: MediaKind): number | undefined { return this.#tracks.get(kind)?.endMs }

  add (sample: Sample): void {
    const ms = sample.ticks / sample.format.timescale * 1000
    if (this.#writer.zeroMs !== undefined && ms < this.#writer.zeroMs) return // Late for the beginning of this file.
    if (this.#overrunFromMs !== undefined && !this.#caughtUp(this.#overrunFromMs, ms)) return
    if (this.#needsKeyframe && sample.format.kind === 'video') {
      if (!sample.keyframe) return
      this.#needsKeyframe = false
    }
    this.#trackOf(sample.format).add(sample.ticks, sample.compositionOffset, sample.keyframe, sample.units)
    if (this.#writer.pendingMs >= this.#cutMs || this.#writer.pendingBytes >= MAX_FRAGMENT_BYTES) this.#cut()
  }

  /** By the clock: what came is written in time, also when nothing more comes. */
  tick (): void {
    if (this.#options.clock.now() - this.#cutAt >= this.#cutMs) this.#cut()
    this.#file.tick()
  }

  describe (): PartInfo {
    const { index, name } = this.#options
    const durationMs = Math.round(this.#writer.durationMs)
    return { index, file: name, startMs: Math.round(this.#writer.zeroMs ?? 0), durationMs, sizeBytes: this.#file.size, tracks: [...this.#tracks.values()].map(describeTrack) }
  }

  /** Writes all that is left and makes it a plain file. @returns undefined, and leaves no file, if nothing ever came */
  async finish (): Promise<PartInfo | undefined> {
    const last = this.#writer.cutLast()
    if (last) this.#file.append(last)
    const finished = await this.#file.finish(() => this.#writer.ending())
    if (!finished) {
      await unlink(this.#options.path)
      return undefined
    }
    return { ...this.describe(), sizeBytes: finished.sizeBytes, durationMs: Math.round(finished.durationMs) }
  }

  #trackOf (format: TrackFormat): TrackWriter {
    const present = this.#tracks.get(format.kind)
    if (present) return present
    const track = this.#writer.track(format)
    this.#tracks.set(format.kind, track)
    return track
  }

  #cut (): void {
    this.#cutAt = this.#options.clock.now()
    if (this.#file.full) return this.#overrun()
    const fragment = this.#writer.cut()
    if (fragment) this.#file.append(fragment)
  }

  /** Memory is for a moment's hesitation of the disk, not for a film: the fragment is dropped, and all that refers to it. */
  #overrun (): void {
    this.#writer.discard()
    this.#needsKeyframe = true
    this.#overrunFromMs ??= Math.round((this.#writer.zeroMs ?? 0) + this.#writer.durationMs)
  }

  #caughtUp (fromMs: number, ms: number): boolean {
    if (!this.#file.relaxed) return false
    this.#overrunFromMs = undefined
    this.#options.onOverrun(fromMs, Math.round(ms))
    return true
  }
}

const describeTrack = ({ format: { kind, codec, width, height, timescale } }: TrackWriter) =>
  ({ kind, codec, clockRate: timescale, ...(kind === 'video' ? { width, height } : {}) })
