import { ProtocolError } from '../../lib/errors.ts'
import { BOX_HEADER_BYTES, type BoxHeader, LARGE_BOX_HEADER_BYTES, parseBoxHeader } from './box.ts'
import type { SampleRun } from './fragment.ts'
import { movieDurationMs, type MovieTrack } from './movie.ts'
import { parseFragment } from './parse-fragment.ts'
import { type ParsedMovie, parseMovie } from './parse-movie.ts'
import { SampleTable } from './sample-table.ts'

/** Where the bytes of a file come from. */
export interface ByteSource {
  readonly size: number
  /** Exactly `length` bytes from `position` on, which lie within `size`. */
  read (position: number, length: number): Promise<Buffer>
}

/** Half a day of samples is some 40 MB; a `moov` or `moof` beyond these was never written by us. */
const MAX_MOVIE_BYTES = 256 << 20
const MAX_MOOF_BYTES = 4 << 20
/** Seconds of media: a week. Times beyond are damage. */
const MAX_SECONDS = 604_800
/** Ticks between two samples: what a table of ours can say. */
const MAX_STEP_TICKS = 0x7fffffff
/** Read at once, so that a fragment costs one read: its `moof` is nearly always shorter. */
const READ_AHEAD_BYTES = 4096

/** What is in a file that a `MovieWriter` made, wholly or until something stopped it. */
export type Scan = {
  /** Finished: a plain MP4, nothing to do. Otherwise it ends, somehow, behind its last whole fragment. */
  readonly finished: boolean
  readonly tracks: readonly MovieTrack[]
  readonly createdAt: Date
  readonly durationMs: number
  /** Bytes from the start of the file that are whole. */
  readonly end: number
  readonly placeholderOffset: number
  /** The samples of each track, by its id; empty for a finished file. */
  readonly tables: ReadonlyMap<number, SampleTable>
  readonly fragments: number
}

/**
 * Reads a recording from its start as far as it is whole: boxes only, never the samples.
 * @throws ProtocolError when not even the head can be read
 */
export async function scan (source: ByteSource): Promise<Scan> {
  const cursor = new Cursor(source)
  await cursor.expect('ftyp')
  const placeholderOffset = cursor.at
  const placeholder = await cursor.header()
  if (placeholder?.type === 'mdat') return await scanFinished(cursor, placeholder, placeholderOffset)
  if (placeholder?.type !== 'free' || placeholder.size !== LARGE_BOX_HEADER_BYTES) throw new ProtocolError('not the head of a recording', placeholderOffset)
  cursor.skip(placeholder)
  return await scanFragments(cursor, placeholderOffset)
}

async function scanFinished (cursor: Cursor, span: BoxHeader, placeholderOffset: number): Promise<Scan> {
  cursor.skip(span)
  const movie = await cursor.movie()
  if (!movie || movie.fragmented) throw new ProtocolError('a finished recording without its movie', cursor.at)
  const { tracks, createdAt, durationMs } = movie
  return { finished: true, tracks, createdAt, durationMs, end: cursor.at, placeholderOffset, tables: new Map(), fragments: 0 }
}

async function scanFragments (cursor: Cursor, placeholderOffset: number): Promise<Scan> {
  const head = await cursor.movie()
  if (!head?.fragmented) throw new ProtocolError('a recording without its movie', cursor.at)
  const found = new Found(head)
  let end = cursor.at
  try {
    while (await readFragment(cursor, found)) end = cursor.at
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error // Damaged from here on: what came before is whole.
  }
  const { tracks, createdAt } = found.movie
  return { finished: false, tracks, createdAt, durationMs: movieDurationMs(tracks, found.tables), end, placeholderOffset, tables: found.tables, fragments: found.fragments }
}

/** What the fragments so far have said. */
class Found {
  movie: ParsedMovie
  fragments = 0
  readonly tables = new Map<number, SampleTable>()

  constructor (movie: ParsedMovie) { this.movie = movie }

  /** @throws ProtocolError unless the run continues its track */
  checkTimes ({ trackId, baseDts, durations }: SampleRun, at: number): void {
    const track = this.movie.tracks.find(t => t.id === trackId)
    if (!track) throw new ProtocolError(`samples of an unknown track ${trackId}`, at)
    const table = this.tables.get(trackId)
    const step = table ? baseDts - table.lastDts : 1
    if (step <= 0 || step > MAX_STEP_TICKS) throw new ProtocolError('a fragment that jumps in time', at)
    const end = durations.reduce((sum, duration) => sum + duration, baseDts)
    if (end > MAX_SECONDS * track.timescale) throw new ProtocolError('a fragment of next week', at)
  }

  add (run: SampleRun, offset: number): void {
    const table = this.tables.get(run.trackId) ?? new SampleTable()
    this.tables.set(run.trackId, table)
    table.chunk(offset)
    table.addRun(run)
  }
}

/** @returns whether there was a whole fragment; a second movie before it means that a track came later. */
async function readFragment (cursor: Cursor, found: Found): Promise<boolean> {
  const start = cursor.at
  const header = await cursor.header()
  if (header?.type === 'moov') {
    const movie = await cursor.movie()
    if (!movie?.fragmented) return false // Someone was about to finish this file.
    found.movie = movie
    return true
  }
  if (header?.type !== 'moof') return false
  const runs = parseFragment(await cursor.content(header, MAX_MOOF_BYTES))
  const data = await cursor.header()
  if (data?.type !== 'mdat' || cursor.at + data.size > cursor.size) return false
  const dataStart = cursor.at + data.headerSize
  cursor.skip(data)
  for (const { run, dataOffset } of runs) {
    const offset = start + dataOffset
    if (offset < dataStart || offset + run.bytes > cursor.at) throw new ProtocolError('samples outside their fragment', start)
    found.checkTimes(run, start)
  }
  for (const { run, dataOffset } of runs) found.add(run, start + dataOffset)
  found.fragments++
  return true
}

/** Steps from box to box. Reads ahead a little, so that small boxes cost one read. */
class Cursor {
  at = 0
  readonly #source: ByteSource
  #window: Buffer = Buffer.alloc(0)
  #windowStart = 0

  constructor (source: ByteSource) { this.#source = source }

  get size (): number { return this.#source.size }

  /** The header of the box that begins here; undefined where the file ends first. */
  async header (): Promise<BoxHeader | undefined> {
    const left = this.size - this.at
    if (left < BOX_HEADER_BYTES) return undefined
    return parseBoxHeader(await this.#bytes(this.at, Math.min(LARGE_BOX_HEADER_BYTES, left)))
  }

  /** Steps over a box and returns what is inside. @throws ProtocolError when it is too large, or not all there */
  async content ({ type, size, headerSize }: BoxHeader, maxBytes: number): Promise<Buffer> {
    if (size > maxBytes) throw new ProtocolError(`a ${type} of ${size} bytes`, this.at)
    if (this.at + size > this.size) throw new ProtocolError(`the file ends inside a ${type}`, this.at)
    const content = await this.#bytes(this.at + headerSize, size - headerSize)
    this.at += size
    return content
  }

  /** Steps over a `moov`; undefined if none begins here. */
  async movie (): Promise<ParsedMovie | undefined> {
    const header = await this.header()
    return header?.type === 'moov' ? parseMovie(await this.content(header, MAX_MOVIE_BYTES)) : undefined
  }

  async expect (type: string): Promise<void> {
    const header = await this.header()
    if (header?.type !== type) throw new ProtocolError(`no ${type} here`, this.at)
    this.skip(header)
  }

  skip ({ size }: BoxHeader): void { this.at += size }

  async #bytes (position: number, length: number): Promise<Buffer> {
    const inWindow = position - this.#windowStart
    if (inWindow >= 0 && inWindow + length <= this.#window.length) return this.#window.subarray(inWindow, inWindow + length)
    this.#window = await this.#source.read(position, Math.min(Math.max(length, READ_AHEAD_BYTES), this.size - position))
    this.#windowStart = position
    return this.#window.subarray(0, length)
  }
}
