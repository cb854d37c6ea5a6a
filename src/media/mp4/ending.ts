import { BoxWriter, LARGE_BOX_HEADER_BYTES } from './box.ts'
import { type MovieTrack, movieDurationMs, printMovie } from './movie.ts'
import type { SampleTable } from './sample-table.ts'

/**
 * What makes a grown file a plain one. First append `movie`; the file is then still one of fragments. When that is safely
 * on disk, overwrite the placeholder at `headerOffset` with `header`: an `mdat` that spans all that was written before, the
 * fragments' own boxes included. There is no moment at which the file cannot be read.
 */
export type Ending = { readonly movie: Buffer, readonly header: Buffer, readonly headerOffset: number, readonly durationMs: number }

export type Grown = {
  readonly tracks: readonly MovieTrack[]
  /** By track id. */
  readonly tables: ReadonlyMap<number, SampleTable>
  readonly createdAt: Date
  /** Bytes of the file. */
  readonly end: number
  readonly placeholderOffset: number
}

/** Call it once: the tables are closed by it. */
export function printEnding ({ tracks, tables, createdAt, end, placeholderOffset }: Grown): Ending {
  return {
    movie: printMovie(tracks, tables, createdAt),
    header: printSpanningHeader(end, placeholderOffset),
    headerOffset: placeholderOffset,
    durationMs: movieDurationMs(tracks, tables)
  }
}

/** The header of an `mdat`, with a size of 64 bits, that reaches from the placeholder to `end`. */
export const printSpanningHeader = (end: number, placeholderOffset: number): Buffer =>
  new BoxWriter(LARGE_BOX_HEADER_BYTES).u32(1).ascii('mdat').u64(BigInt(end - placeholderOffset)).done()
