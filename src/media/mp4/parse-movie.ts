import { ProtocolError } from '../../lib/errors.ts'
import { type Box, childOf, descend, openFullBox, parseBoxes } from './box.ts'
import { MOVIE_TIMESCALE, type MovieTrack } from './movie.ts'

const MAX_TRACKS = 16
const EPOCH_1904_SECONDS = 2_082_844_800

/** What a `moov` of ours says. */
export type ParsedMovie = {
  readonly tracks: readonly MovieTrack[]
  readonly createdAt: Date
  /** The samples are in fragments, not in this box. */
  readonly fragmented: boolean
  /** Of a finished movie. */
  readonly durationMs: number
}

/** @param content what is inside the `moov` box. @throws ProtocolError */
export function parseMovie (content: Buffer): ParsedMovie {
  const boxes = parseBoxes(content)
  const { createdAt, durationMs } = parseMovieHeader(childOf(boxes, 'mvhd'))
  const traks = boxes.filter(box => box.type === 'trak')
  if (traks.length > MAX_TRACKS) throw new ProtocolError(`a movie of ${traks.length} tracks`)
  return { tracks: traks.map(parseTrack), createdAt, durationMs, fragmented: boxes.some(box => box.type === 'mvex') }
}

function parseMovieHeader (content: Buffer): { createdAt: Date, durationMs: number } {
  const { version, reader } = openFullBox(content)
  if (version !== 0) throw new ProtocolError('mvhd of an unknown version')
  const created = reader.u32()
  reader.skip(4)
  const timescale = reader.u32()
  const duration = reader.u32()
  if (timescale === 0) throw new ProtocolError('a movie whose clock stands still')
  return { createdAt: new Date((created - EPOCH_1904_SECONDS) * 1000), durationMs: duration / timescale * MOVIE_TIMESCALE }
}

function parseTrack ({ content }: Box): MovieTrack {
  const boxes = parseBoxes(content)
  const { id, width, height } = parseTrackHeader(childOf(boxes, 'tkhd'))
  const media = childOf(boxes, 'mdia')
  const handler = openFullBox(descend(media, 'hdlr')).reader
  handler.skip(4)
  const kind = handler.view(4).toString('latin1')
  if (kind !== 'vide' && kind !== 'soun') throw new ProtocolError('a track that is neither video nor audio')
  const entry = openFullBox(descend(media, 'minf', 'stbl', 'stsd')).reader
  if (entry.u32() !== 1) throw new ProtocolError('a track without its one sample entry')
  const sampleEntry = parseBoxes(entry.rest())[0]?.whole
  if (!sampleEntry) throw new ProtocolError('an empty sample entry')
  const edits = boxes.find(box => box.type === 'edts')
  return {
    id,
    kind: kind === 'vide' ? 'video' : 'audio',
    timescale: parseTimescale(descend(media, 'mdhd')),
    sampleEntry: Buffer.from(sampleEntry), // A copy: the movie it lies in can be large.
    width,
    height,
    mediaStart: edits ? parseMediaStart(childOf(parseBoxes(edits.content), 'elst')) : 0
  }
}

function parseTrackHeader (content: Buffer): { id: number, width: number, height: number } {
  const { version, reader } = openFullBox(content)
  if (version !== 0) throw new ProtocolError('tkhd of an unknown version')
  reader.skip(8)
  const id = reader.u32()
  reader.skip(60)
  const width = reader.u16()
  reader.skip(2)
  return { id, width, height: reader.u16() }
}

function parseTimescale (content: Buffer): number {
  const { version, reader } = openFullBox(content)
  if (version !== 0) throw new ProtocolError('mdhd of an unknown version')
  reader.skip(8)
  const timescale = reader.u32()
  if (timescale === 0) throw new ProtocolError('a track whose clock stands still')
  return timescale
}

/** The media time of the last edit; an empty one (-1) may stand before it. */
function parseMediaStart (content: Buffer): number {
  const { version, reader } = openFullBox(content)
  const count = reader.u32()
  if (version !== 0 || count === 0 || count > 2) throw new ProtocolError(`an edit list of ${count} edits, version ${version}`)
  reader.skip((count - 1) * 12 + 4)
  const mediaTime = reader.u32()
  if (mediaTime > 0x7fffffff) throw new ProtocolError('an edit list that ends with an empty edit')
  return mediaTime
}
