import { type Ending, printEnding } from './ending.ts'
import { printFragmentHead } from './fragment.ts'
import { PLACEHOLDER_OFFSET, printHead } from './init-segment.ts'
import { movieDurationMs, type MovieTrack, printFragmentedMovie } from './movie.ts'
import type { SampleTable } from './sample-table.ts'
import { type TrackFormat, TrackWriter } from './track-writer.ts'

/** Bytes to append to the file, in one write. */
export type Fragment = {
  readonly buffers: readonly Buffer[]
  readonly bytes: number
  /** Call it when they are written: the memory is used again. */
  readonly release: () => void
}

/**
 * An MP4 file that can be cut off anywhere: it grows by fragments, each complete in itself, and becomes a plain MP4 with one
 * movie box when it is finished. Knows no file: it gives out the bytes.
 */
export class MovieWriter {
  readonly #createdAt: Date
  readonly #tracks: TrackWriter[] = []
  readonly #tables = new Map<number, SampleTable>()
  #sequence = 0
  #position = 0
  #zeroMs: number | undefined
  #announced = 0
  #oldestMs: number | undefined
  #newestMs = 0

  constructor (createdAt: Date) { this.#createdAt = createdAt }

  /** Bytes given out so far: the size of the file. */
  get position (): number { return this.#position }
  /** Media time not yet given out, from the oldest sample to the newest. */
  get pendingMs (): number { return this.#oldestMs === undefined ? 0 : this.#newestMs - this.#oldestMs }
  get pendingBytes (): number { return this.#tracks.reduce((bytes, track) => bytes + track.bytes, 0) }
  /** On the timeline of the samples: when the file begins. Known with the first fragment. */
  get zeroMs (): number | undefined { return this.#zeroMs }
  get durationMs (): number { return movieDurationMs(this.#described(), this.#tables) }

  /** A new track, from the next fragment on. */
  track (format: TrackFormat): TrackWriter {
    const track = new TrackWriter(this.#tracks.length + 1, format, ms => this.#saw(ms))
    this.#tracks.push(track)
    this.#tables.set(track.id, track.table)
    return track
  }

  /** Closes the fragment; undefined if there is nothing in it. The last sample of each track waits for its successor. */
  cut (): Fragment | undefined { return this.#cut(false) }

  /** The last fragment, with the samples that would have waited. */
  cutLast (): Fragment | undefined { return this.#cut(true) }

  /** Throws away what was not given out. The last sample before lasts until the next one comes. */
  discard (): void {
    for (const track of this.#tracks) track.discard()
    this.#oldestMs = undefined
  }

  /** Call it when every fragment is out. */
  ending (): Ending {
    return printEnding({ tracks: this.#described(), tables: this.#tables, createdAt: this.#createdAt, end: this.#position, placeholderOffset: PLACEHOLDER_OFFSET })
  }

  #saw (ms: number): void {
    if (this.#oldestMs === undefined) this.#oldestMs = this.#newestMs = ms
    else if (ms > this.#newestMs) this.#newestMs = ms
    else if (ms < this.#oldestMs) this.#oldestMs = ms
  }

  #cut (last: boolean): Fragment | undefined {
    for (const track of this.#tracks) track.close(last)
    this.#oldestMs = undefined
    const ready = this.#tracks.filter(track => track.run.count > 0)
    if (ready.length === 0) return undefined
    this.#zeroMs ??= Math.min(...this.#tracks.filter(track => track.started).map(track => track.startMs))
    for (const track of ready) track.run.baseDts = track.closedDts(this.#zeroMs)
    return this.#print(ready)
  }

  #print (ready: readonly TrackWriter[]): Fragment {
    const prefix = this.#announce()
    const head = printFragmentHead(++this.#sequence, ready.map(track => track.run))
    const buffers = prefix ? [prefix, head] : [head]
    this.#position += (prefix?.length ?? 0)
    let dataAt = this.#position + head.length
    const taken: [TrackWriter, Buffer][] = []
    for (const track of ready) {
      track.table.chunk(dataAt)
      track.table.addRun(track.run)
      const data = track.take()
      buffers.push(data)
      taken.push([track, data])
      dataAt += data.length
    }
    const bytes = dataAt - this.#position + (prefix?.length ?? 0)
    this.#position = dataAt
    return { buffers, bytes, release: () => { for (const [track, data] of taken) track.reuse(data) } }
  }

  /** The head of the file; later, another movie box where a track has come since. */
  #announce (): Buffer | undefined {
    const tracks = this.#described()
    if (tracks.length === this.#announced) return undefined
    const isFirst = this.#announced === 0
    this.#announced = tracks.length
    return isFirst ? printHead(tracks, this.#createdAt) : printFragmentedMovie(tracks, this.#createdAt)
  }

  /** The tracks that have begun; only then is it known where their presentation starts. */
  #described (): MovieTrack[] { return this.#tracks.filter(track => track.started).map(track => track.describe()) }
}
