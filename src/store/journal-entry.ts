import { newId } from '../lib/ids.ts'
import { redacted, redactText } from '../lib/redact.ts'
import type { QualityRecord } from '../room/quality/quality-watch.ts'
import type { ConferenceInfo, ParticipantChange, SessionInfo } from '../room/session.ts'

/** What the journal keeps of a recording. Its other fields are kept as they are, as JSON. */
export type RecordingRecord = {
  readonly id: string
  readonly room: string
  readonly state: string
  readonly partial: boolean
  readonly startedAt: Date | undefined
  readonly endedAt: Date | undefined
}

/** One administrative action: who did what to what, from where, and how it went. */
export type AuditRecord = {
  readonly id: string
  readonly at: Date
  readonly action: string
  readonly actor: string
  readonly actorKind: string
  readonly address: string
  readonly requestId: string
  readonly target: Readonly<Record<string, string>>
  /** HTTP status of the answer. */
  readonly status: number
}

export type Change =
  | { readonly of: 'conference', readonly info: ConferenceInfo }
  | { readonly of: 'participant', readonly info: ParticipantChange }
  | { readonly of: 'session', readonly info: SessionInfo }
  | { readonly of: 'quality', readonly info: QualityRecord }
  | { readonly of: 'recording', readonly info: RecordingRecord }
  | { readonly of: 'audit', readonly info: AuditRecord }

/** Dates become text, what is undefined disappears: a change as it is after a trip through a file. */
export type Plain<T> = T extends Date ? string : T extends object ? { readonly [K in keyof T]: Plain<T[K]> } : T
type PlainChange = Plain<Change>

/** One line of the journal. */
export type Entry = PlainChange & {
  /** Counts up by one within one life of the journal. */
  readonly sequence: number
  /** Wall clock, ISO 8601. */
  readonly at: string
  /** The event this change is, if it is one. Its id is made here, so that a repeat cannot become a second event. */
  readonly event: { readonly id: string, readonly type: string } | null
}

export function idOf (change: Change | PlainChange): string {
  if (change.of === 'participant') return change.info.info.id
  return change.of === 'quality' ? change.info.sessionId : change.info.id
}

/**
 * Writes a change as one line. PostgreSQL takes neither NUL nor half a surrogate pair in JSON, and strangers choose some of the
 * texts: they are made harmless here, so that no line is ever refused for its characters. Reasons and details are cleared of
 * secrets: rows and events are read by many.
 */
export function printEntry (change: Change, sequence: number, at: Date, type: string | undefined): string {
  const event = type === undefined ? null : { id: newId('event'), type }
  const text = JSON.stringify({ sequence, at, event, ...change }, (name, value: unknown) => {
    if (name === 'detail') return redacted(value)
    if (typeof value !== 'string') return value
    return harmless(name === 'reason' ? redactText(value) : value)
  })
  return text.replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029') // They end a line for whoever reads lines.
}

/** @returns undefined for a line that is not whole: the last one before a crash. */
export function parseEntry (line: string): Entry | undefined {
  try {
    const entry = JSON.parse(line) as Entry
    return Number.isSafeInteger(entry.sequence) && typeof entry.of === 'string' ? entry : undefined
  } catch {
    return undefined
  }
}

const harmless = (text: string): string => text.toWellFormed().replaceAll('\0', '')

/** Tells which changes are events: births, deaths and changes of state, but not every new count, nor what an administrator did. */
export class EventTypes {
  /** The last state of everything that has not ended. */
  readonly #states = new Map<string, string>()

  /** @returns the type of event, `conference.started`, or undefined if nothing happened that deserves one. */
  of (change: Change): string | undefined {
    if (change.of === 'audit') return undefined
    if (change.of === 'quality') return 'session.quality'
    const { state, isOver } = stateOf(change)
    const id = idOf(change)
    if (this.#states.get(id) === state) return undefined
    if (isOver) this.#states.delete(id)
    else this.#states.set(id, state)
    return `${change.of}.${state}`
  }
}

const recordingEnds = new Set(['completed', 'failed'])

function stateOf (change: Change): { state: string, isOver: boolean } {
  switch (change.of) {
    case 'conference': {
      const isOver = change.info.endedAt !== undefined
      return { state: isOver ? 'ended' : 'started', isOver }
    }
    case 'participant': {
      const isOver = change.info.leftAt !== undefined
      return { state: isOver ? 'left' : 'joined', isOver }
    }
    case 'session': return { state: change.info.state, isOver: change.info.endedAt !== undefined }
    case 'recording': return { state: change.info.state, isOver: recordingEnds.has(change.info.state) }
    case 'audit': case 'quality': return { state: 'recorded', isOver: true }
  }
}

export const isOver = (change: Change): boolean => stateOf(change).isOver
