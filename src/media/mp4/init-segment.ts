import { BoxWriter, LARGE_BOX_HEADER_BYTES } from './box.ts'
import { type MovieTrack, printFragmentedMovie } from './movie.ts'

const BRANDS = ['isom', 'iso2', 'iso6', 'mp41'] as const
/** Bytes before the placeholder: the `ftyp` box. */
export const PLACEHOLDER_OFFSET = 8 + 8 + BRANDS.length * 4

/**
 * The head of a file while it grows: `ftyp`, a `free` box that keeps 16 bytes, and the movie of fragments. When the file is
 * finished, the `free` becomes an `mdat` that spans all behind it, and what was written as fragments is plain media data.
 */
export function printHead (tracks: readonly MovieTrack[], createdAt: Date): Buffer {
  const writer = new BoxWriter(1024)
  writer.box('ftyp', () => {
    writer.ascii(BRANDS[0]).u32(512) // The minor version says nothing; every other writer has the same.
    for (const brand of BRANDS) writer.ascii(brand)
  })
  writer.box('free', () => writer.zeros(LARGE_BOX_HEADER_BYTES - 8))
  return writer.bytes(printFragmentedMovie(tracks, createdAt)).done()
}
