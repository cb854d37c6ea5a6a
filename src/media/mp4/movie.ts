import type { MediaKind } from '../codec.ts'
import { BoxWriter } from './box.ts'
import type { SampleTable } from './sample-table.ts'

/** Ticks a second of the movie's own clock, in which durations and edits are told: milliseconds. */
export const MOVIE_TIMESCALE = 1000
/** Seconds from 1904, where this format begins to count, to 1970. */
const EPOCH_1904_SECONDS = 2_082_844_800
const MAX_U32 = 0xffffffff
const LANGUAGE_UNDETERMINED = 0x55c4 // 'und', three letters of five bits.
const UNITY_MATRIX = [0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000] as const
const TRACK_ENABLED_IN_MOVIE = 0x000003
const SELF_CONTAINED = 0x000001

/** One track, as its `trak` box describes it. */
export type MovieTrack = {
  /** From 1. */
  readonly id: number
  readonly kind: MediaKind
  /** Ticks a second of the track's media clock. */
  readonly timescale: number
  /** The printed sample entry: what is coded, and what its decoder needs. */
  readonly sampleEntry: Buffer
  /** Pixels; 0 for audio. */
  readonly width: number
  readonly height: number
  /** Ticks on the media's timeline at which presentation begins: with B-frames, decoding starts that much earlier. */
  readonly mediaStart: number
}

type Edit = { readonly durationMs: number, readonly mediaTime: number }
type TrackTimes = { readonly durationMs: number, readonly mediaDuration: number, readonly edits: readonly Edit[] }

/** The `moov` of a file that consists of fragments (ISO 14496-12 section 8.8): it describes tracks, the fragments hold the samples. */
export function printFragmentedMovie (tracks: readonly MovieTrack[], createdAt: Date): Buffer {
  const writer = new BoxWriter(1024)
  writer.box('moov', () => {
    movieHeader(writer, createdAt, 0, tracks)
    for (const track of tracks) {
      const edits = track.mediaStart > 0 ? [{ durationMs: 0, mediaTime: track.mediaStart }] : [] // Duration 0: all there will be.
      printTrack(writer, track, createdAt, { durationMs: 0, mediaDuration: 0, edits }, emptyTable)
    }
    writer.box('mvex', () => { for (const { id } of tracks) writer.fullBox('trex', 0, 0, () => writer.u32(id).u32(1).zeros(12)) })
  })
  return writer.done()
}

/** The `moov` of a finished file: every sample of the tracks that have any. */
export function printMovie (tracks: readonly MovieTrack[], tables: ReadonlyMap<number, SampleTable>, createdAt: Date): Buffer {
  const writer = new BoxWriter(1 << 16)
  const present = tracks.filter(track => (tables.get(track.id)?.count ?? 0) > 0)
  writer.box('moov', () => {
    movieHeader(writer, createdAt, movieDurationMs(tracks, tables), present)
    for (const track of present) {
      const table = tables.get(track.id)!
      printTrack(writer, track, createdAt, timesOf(track, table), () => {
        table.print(writer)
        if (track.kind === 'audio') rollGroup(writer, track, table)
      })
    }
  })
  return writer.done()
}

/** Ticks of the track's clock between the movie's start and the track's first presentation. */
const startOf = (track: MovieTrack, table: SampleTable): number => Math.max(0, table.firstDts + table.firstCompositionOffset - track.mediaStart)
const inMs = (ticks: number, { timescale }: MovieTrack): number => Math.round(ticks * MOVIE_TIMESCALE / timescale)

/** How long the movie is: to the end of the track that ends last. */
export function movieDurationMs (tracks: readonly MovieTrack[], tables: ReadonlyMap<number, SampleTable>): number {
  let duration = 0
  for (const track of tracks) {
    const table = tables.get(track.id)
    if (table && table.count > 0) duration = Math.max(duration, inMs(startOf(track, table) + table.presentationDuration, track))
  }
  return duration
}

function timesOf (track: MovieTrack, table: SampleTable): TrackTimes {
  const startMs = inMs(startOf(track, table), track)
  const durationMs = inMs(startOf(track, table) + table.presentationDuration, track)
  const edits = [{ durationMs: durationMs - startMs, mediaTime: table.firstCompositionOffset }]
  if (startMs > 0) edits.unshift({ durationMs: startMs, mediaTime: -1 }) // An empty edit: nothing is shown yet.
  return { durationMs, mediaDuration: table.duration, edits }
}

function movieHeader (writer: BoxWriter, createdAt: Date, durationMs: number, tracks: readonly MovieTrack[]): void {
  const nextTrackId = Math.max(0, ...tracks.map(track => track.id)) + 1
  writer.fullBox('mvhd', 0, 0, () => {
    times(writer, createdAt).u32(MOVIE_TIMESCALE).u32(Math.min(durationMs, MAX_U32))
    writer.u32(0x10000).u16(0x0100).zeros(10) // Rate 1.0, volume 1.0.
    matrix(writer).zeros(24).u32(nextTrackId)
  })
}

function printTrack (writer: BoxWriter, track: MovieTrack, createdAt: Date, trackTimes: TrackTimes, table: (writer: BoxWriter) => void): void {
  const { kind, timescale, width, height } = track
  const { durationMs, mediaDuration, edits } = trackTimes
  writer.box('trak', () => {
    writer.fullBox('tkhd', 0, TRACK_ENABLED_IN_MOVIE, () => {
      times(writer, createdAt).u32(track.id).u32(0).u32(durationMs).zeros(8)
      writer.u16(0).u16(0).u16(kind === 'audio' ? 0x0100 : 0).u16(0) // Layer, alternate group, volume.
      matrix(writer).u16(width).u16(0).u16(height).u16(0)
    })
    if (edits.length > 0) writer.box('edts', () => { editList(writer, edits) })
    writer.box('mdia', () => {
      writer.fullBox('mdhd', 0, 0, () => times(writer, createdAt).u32(timescale).u32(Math.min(mediaDuration, MAX_U32)).u16(LANGUAGE_UNDETERMINED).u16(0))
      handler(writer, kind)
      writer.box('minf', () => {
        if (kind === 'video') writer.fullBox('vmhd', 0, 1, () => writer.zeros(8))
        else writer.fullBox('smhd', 0, 0, () => writer.zeros(4))
        dataInformation(writer)
        writer.box('stbl', () => {
          writer.fullBox('stsd', 0, 0, () => writer.u32(1).bytes(track.sampleEntry))
          table(writer)
        })
      })
    })
  })
}

function times (writer: BoxWriter, createdAt: Date): BoxWriter {
  const seconds = Math.min(Math.floor(createdAt.getTime() / 1000) + EPOCH_1904_SECONDS, MAX_U32) // 32 bits last until 2040.
  writer.u32(seconds).u32(seconds)
  return writer
}

function matrix (writer: BoxWriter): BoxWriter {
  for (const value of UNITY_MATRIX) writer.u32(value)
  return writer
}

function editList (writer: BoxWriter, edits: readonly Edit[]): void {
  writer.fullBox('elst', 0, 0, () => {
    writer.u32(edits.length)
    for (const { durationMs, mediaTime } of edits) writer.u32(durationMs).i32(mediaTime).u16(1).u16(0)
  })
}

function handler (writer: BoxWriter, kind: MediaKind): void {
  writer.fullBox('hdlr', 0, 0, () => writer.u32(0).ascii(kind === 'video' ? 'vide' : 'soun').zeros(12).ascii(kind === 'video' ? 'Video\0' : 'Audio\0'))
}

function dataInformation (writer: BoxWriter): void {
  writer.box('dinf', () => writer.fullBox('dref', 0, 0, () => writer.u32(1).fullBox('url ', 0, SELF_CONTAINED, () => {})))
}

function emptyTable (writer: BoxWriter): void {
  for (const type of ['stts', 'stsc', 'stco']) writer.fullBox(type, 0, 0, () => writer.u32(0))
  writer.fullBox('stsz', 0, 0, () => writer.u32(0).u32(0))
}

/** Milliseconds an Opus decoder needs until it sounds right (RFC 7845 section 4.6). */
const OPUS_PRE_ROLL_MS = 80

/** Whoever seeks to a sound must decode so many before it (ISO 14496-12 section 10.1; AAC: one, Opus: 80 ms). */
function rollGroup (writer: BoxWriter, { sampleEntry, timescale }: MovieTrack, table: SampleTable): void {
  const isOpus = sampleEntry.toString('latin1', 4, 8) === 'Opus'
  const frameMs = Math.max(table.firstDuration, 1) / timescale * 1000
  const distance = isOpus ? Math.max(1, Math.ceil(OPUS_PRE_ROLL_MS / frameMs)) : 1
  writer.fullBox('sgpd', 1, 0, () => writer.ascii('roll').u32(2).u32(1).u16(0x10000 - distance))
  writer.fullBox('sbgp', 0, 0, () => writer.ascii('roll').u32(1).u32(table.count).u32(1))
}
