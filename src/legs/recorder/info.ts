import type { ErrorCode } from '../../lib/errors.ts'
import type { CodecName, MediaKind } from '../../media/codec.ts'

export const recordingStates = ['starting', 'active', 'stopping', 'completed', 'failed'] as const
export type RecordingState = typeof recordingStates[number]

/** A stretch in which something is missing, in ms since the recording began. What came before lasts until it ends. */
export type Gap = { readonly fromMs: number, readonly toMs: number, readonly reason: string }

export type PartTrack = { readonly kind: MediaKind, readonly codec: CodecName, readonly width?: number, readonly height?: number, readonly clockRate: number }

/** One file. A recording has several where picture size or codec changed on the way. */
export type PartInfo = {
  /** From 1. */
  readonly index: number
  /** Its name in the recording's folder. */
  readonly file: string
  /** Where on the recording's timeline it begins. */
  readonly startMs: number
  readonly durationMs: number
  readonly sizeBytes: number
  readonly tracks: readonly PartTrack[]
}

/** What a look at the content found; set by whoever looks. */
export type Verdict = Readonly<Record<string, unknown>>

export type RecordingInfo = {
  readonly id: string
  readonly room: string
  /** The identity recorded; undefined as long as nobody has been found. */
  readonly participant: string | undefined
  /** What people call it. */
  readonly name: string | undefined
  readonly state: RecordingState
  /** Something that was asked for is not in it: it was cut off, or the disk did not take everything. */
  readonly partial: boolean
  readonly gaps: readonly Gap[]
  readonly createdAt: Date
  /** When what is heard and seen first happened; undefined before. */
  readonly startedAt: Date | undefined
  readonly endedAt: Date | undefined
  readonly durationMs: number
  readonly sizeBytes: number
  readonly parts: readonly PartInfo[]
  /** Why it ended, one sentence; empty while it runs. */
  readonly reason: string
  readonly errorCode: ErrorCode | undefined
  readonly verdict?: Verdict
}

export const isFinal = ({ state }: Pick<RecordingInfo, 'state'>): boolean => state === 'completed' || state === 'failed'

/** Where the last part ends. */
export const durationOf = (parts: readonly PartInfo[]): number => Math.max(0, ...parts.map(part => part.startMs + part.durationMs))
export const sizeOf = (parts: readonly PartInfo[]): number => parts.reduce((bytes, part) => bytes + part.sizeBytes, 0)

/** The name of a recording's `index`th file, from 1. */
export const partName = (id: string, index: number): string => index === 1 ? `${id}.mp4` : `${id}-${index}.mp4`
