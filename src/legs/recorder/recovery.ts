import { constants } from 'node:fs'
import { open, readdir, stat } from 'node:fs/promises'
import path from 'node:path'
import { ProtocolError } from '../../lib/errors.ts'
import type { MovieTrack } from '../../media/mp4/movie.ts'
import { durationOf, type Gap, type PartInfo, partName, type PartTrack, type RecordingInfo, sizeOf } from './info.ts'
import { rescue } from './movie-file.ts'

const REASON = 'the service stopped without warning'
const CODECS = { avc1: 'H264', hvc1: 'H265', mp4a: 'AAC', Opus: 'opus' } as const

/** What is known of the moment at which the process stopped. */
export type Death = {
  /** It touched its mark, in ms since 1970. */
  readonly lastSeenMs: number | undefined
  /** It would have written again after so long. */
  readonly fragmentMs: number
}

/**
 * Finishes the files of a recording whose process is gone: each is cut behind its last whole fragment and gets its movie box.
 * @returns what is to be said of it from now on
 */
export async function recover (info: RecordingInfo, folder: string, { lastSeenMs = 0, fragmentMs }: Death): Promise<RecordingInfo> {
  const parts: PartInfo[] = []
  let lastWriteMs = 0
  for (const file of await filesOf(info, folder)) {
    const whole = path.join(folder, file)
    lastWriteMs = Math.max(lastWriteMs, (await stat(whole)).mtimeMs)
    const part = await recoverPart(info, whole, parts)
    if (part) parts.push(part)
  }
  const durationMs = durationOf(parts)
  const endedAt = new Date(Math.max(info.createdAt.getTime(), lastSeenMs, lastWriteMs && lastWriteMs + fragmentMs))
  if (parts.length === 0) return { ...info, state: 'failed', reason: `${REASON} before anything was written`, errorCode: 'internal', partial: true, endedAt, durationMs: 0, sizeBytes: 0, parts }
  return { ...info, state: 'completed', partial: true, reason: REASON, parts, durationMs, sizeBytes: sizeOf(parts), endedAt, gaps: [...info.gaps, ...lost(info, durationMs, endedAt)] }
}

/** From the last sample to the moment at which the process stopped, at the latest. */
function lost ({ startedAt }: RecordingInfo, durationMs: number, endedAt: Date): Gap[] {
  const toMs = startedAt ? Math.round(endedAt.getTime() - startedAt.getTime()) : 0
  return toMs > durationMs ? [{ fromMs: durationMs, toMs, reason: REASON }] : []
}

/** The manifest may be older than the newest file: what lies in the folder counts. */
async function filesOf ({ id }: RecordingInfo, folder: string): Promise<string[]> {
  const numbered = (await readdir(folder)).flatMap(file => {
    const index = partIndex(id, file)
    return index === undefined ? [] : [{ file, index }]
  })
  return numbered.sort((a, b) => a.index - b.index).map(({ file }) => file)
}

function partIndex (id: string, file: string): number | undefined {
  if (file === partName(id, 1)) return 1
  const index = Number(file.slice(id.length + 1, -'.mp4'.length))
  return Number.isInteger(index) && index > 1 && file === partName(id, index) ? index : undefined
}

async function recoverPart ({ id, parts: known }: RecordingInfo, file: string, before: readonly PartInfo[]): Promise<PartInfo | undefined> {
  await using handle = await open(file, constants.O_RDWR | constants.O_NOFOLLOW)
  try {
    const { tracks, durationMs, sizeBytes } = await rescue(handle)
    const name = path.basename(file)
    const startMs = known.find(part => part.file === name)?.startMs ?? durationOf(before)
    return { index: partIndex(id, name)!, file: name, startMs, durationMs: Math.round(durationMs), sizeBytes, tracks: tracks.map(describeTrack) }
  } catch (error) {
    if (error instanceof ProtocolError) return undefined // Not even its head is there: nothing was recorded in it.
    throw error
  }
}

function describeTrack ({ kind, timescale, width, height, sampleEntry }: MovieTrack): PartTrack {
  const codec = CODECS[sampleEntry.toString('latin1', 4, 8) as keyof typeof CODECS]
  return { kind, codec, clockRate: timescale, ...(kind === 'video' ? { width, height } : {}) }
}
