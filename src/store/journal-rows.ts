import pg from 'pg'
import { type AuditRecord, type Entry, idOf, type Plain, type RecordingRecord } from './journal-entry.ts'
import type { QualityRecord } from '../room/quality/quality-watch.ts'
import type { ConferenceInfo, ParticipantChange, SessionInfo } from '../room/session.ts'
import type { Database } from './database.ts'
import { appended } from './outbox.ts'
import type { Statement } from './pool.ts'
import { type NewRow, upsert } from './upsert.ts'

/** Widths of the columns that take text from outside. */
const NAME_LENGTH = 255
const TYPE_LENGTH = 50
const ACTION_LENGTH = 100

/** Where a batch of entries comes from. */
export type Origin = { readonly journal: string, readonly bridge: string }

/**
 * Brings rows and events up to date with the entries, in one transaction, exactly once: entries at or before the journal's
 * position have been applied already, by a transaction whose answer was lost.
 */
export async function applyEntries (database: Database, origin: Origin, entries: readonly Entry[]): Promise<void> {
  const positions = `${pg.escapeIdentifier(database.schema)}.journal_positions`
  await database.transact(heldPosition(positions, origin), ([position]) => {
    const fresh = entries.filter(entry => entry.sequence > Number(position?.applied))
    if (fresh.length === 0) return []
    const reached = { text: `update ${positions} set applied = $2 where journal_id = $1`, values: [origin.journal, fresh.at(-1)!.sequence] }
    return [...written(database.schema, origin.bridge, fresh), reached]
  })
}

/**
 * Reads how far the journal has come, and keeps everybody else from it until the transaction ends: also from a first one, hence the
 * row that is made here. A server that was away may still finish a transaction that this process has given up.
 */
const heldPosition = (positions: string, { journal, bridge }: Origin): Statement => ({
  text: `insert into ${positions} (journal_id, bridge_id, applied) values ($1, $2, 0) ` +
    'on conflict (journal_id) do update set updated_at = current_timestamp returning applied',
  values: [journal, bridge]
})

/** What writes the entries: rows before those that refer to them. */
const written = (schema: string, bridge: string, entries: readonly Entry[]): Statement[] => [
  ...conferences(schema, bridge, latest(entries, 'conference')),
  ...participants(schema, latest(entries, 'participant')),
  ...sessions(schema, latest(entries, 'session')),
  ...quality(schema, latest(entries, 'quality')),
  ...recordings(schema, bridge, latest(entries, 'recording')),
  ...audit(schema, bridge, latest(entries, 'audit')),
  ...appended(schema, entries.flatMap(entry => eventRow(entry, bridge) ?? []))
]

/** Of each thing the last change: one statement may not touch a row twice, and only the last one stays anyway. */
function latest<K extends Entry['of']> (entries: readonly Entry[], of: K): Extract<Entry, { of: K }>[] {
  const found = new Map<string, Entry>()
  for (const entry of entries) if (entry.of === of) found.set(idOf(entry), entry)
  return [...found.values()] as Extract<Entry, { of: K }>[]
}

type Entries<T> = readonly { readonly info: Plain<T>, readonly at: string }[]

function conferences (schema: string, bridge: string, entries: Entries<ConferenceInfo>): Statement[] {
  if (entries.length === 0) return []
  const rows = entries.map(({ info }) => ({
    conference_id: info.id,
    bridge_id: bridge,
    room_name: clip(info.room),
    participant_count: info.participants,
    status: info.endedAt ? 'ended' : 'active',
    created_at: info.openedAt,
    ended_at: info.endedAt ?? null,
    end_reason: info.endedAt ? 'everybody left' : null
  }))
  return [aBridge(schema, bridge), upsert(schema, 'conferences', rows, { key: 'conference_id', update: ['participant_count', 'status', 'ended_at', 'end_reason'] })]
}

/** A conference refers to its bridge, and the bridge may have been cut off from the database since before it could register. */
const aBridge = (schema: string, bridge: string): Statement =>
  upsert(schema, 'bridges', [{ bridge_id: bridge, region: 'unknown', status: 'offline', capacity: 0, current_load: 0 }], { key: 'bridge_id' })

function participants (schema: string, entries: Entries<ParticipantChange>): Statement[] {
  if (entries.length === 0) return []
  const rows = entries.map(({ info: { info, conferenceId, leftAt } }) => ({
    participant_id: info.id,
    conference_id: conferenceId,
    aura_id: info.auraId === undefined ? null : clip(info.auraId),
    display_name: clip(info.name),
    join_source: clip(info.source, TYPE_LENGTH),
    joined_at: info.joinedAt,
    left_at: leftAt ?? null,
    identity: clip(info.identity),
    leave_reason: leftAt ? 'left' : null
  }))
  return [upsert(schema, 'participants', rows, { key: 'participant_id', update: ['display_name', 'left_at', 'leave_reason'] })]
}

function sessions (schema: string, entries: Entries<SessionInfo>): Statement[] {
  if (entries.length === 0) return []
  const rows = entries.map(({ info }) => ({
    session_id: info.id,
    session_type: sessionType(info.kind),
    conference_id: info.conferenceId,
    external_id: info.externalId === undefined ? null : clip(info.externalId),
    status: info.state,
    metadata: sessionMetadata(info),
    created_at: info.startedAt,
    ended_at: info.endedAt ?? null,
    end_reason: info.endedAt ? info.reason : null
  }))
  return [upsert(schema, 'external_sessions', rows, { key: 'session_id', update: ['status', 'metadata', 'ended_at', 'end_reason'] })]
}

function quality (schema: string, entries: Entries<QualityRecord>): Statement[] {
  if (entries.length === 0) return []
  const rows = entries.map(({ info: { sessionId, quality, points } }) => ({ session_id: sessionId, summary: quality, points }))
  return [upsert(schema, 'session_quality', rows, { key: 'session_id' })]
}

function recordings (schema: string, bridge: string, entries: Entries<RecordingRecord>): Statement[] {
  if (entries.length === 0) return []
  const rows = entries.map(({ info, at }) => ({
    recording_id: info.id,
    bridge_id: bridge,
    room_name: clip(info.room),
    state: info.state,
    partial: info.partial,
    started_at: info.startedAt ?? at,
    ended_at: info.endedAt ?? null,
    info
  }))
  return [upsert(schema, 'recordings', rows, { key: 'recording_id', update: ['state', 'partial', 'started_at', 'ended_at', 'info'], stamp: 'updated_at' })]
}

function audit (schema: string, bridge: string, entries: Entries<AuditRecord>): Statement[] {
  if (entries.length === 0) return []
  const rows = entries.map(({ info }) => ({
    audit_id: info.id,
    bridge_id: bridge,
    occurred_at: info.at,
    action: clip(info.action, ACTION_LENGTH),
    actor: clip(info.actor),
    actor_kind: clip(info.actorKind, TYPE_LENGTH),
    address: clip(info.address, ACTION_LENGTH),
    request_id: clip(info.requestId),
    target: info.target,
    http_status: info.status
  }))
  return [upsert(schema, 'audit_log', rows, { key: 'audit_id' })]
}

type EventRow = NewRow<'events'>

function eventRow (entry: Entry, bridge: string): EventRow | undefined {
  if (!entry.event || entry.of === 'audit') return undefined
  return {
    event_id: entry.event.id,
    type: entry.event.type,
    bridge_id: bridge,
    occurred_at: entry.at,
    conference_id: null,
    participant_id: null,
    session_id: null,
    ...eventSubject(entry)
  }
}

function eventSubject (entry: Exclude<Entry, { of: 'audit' }>): Pick<EventRow, 'data' | 'room_name'> & Partial<EventRow> {
  switch (entry.of) {
    case 'conference': return { room_name: clip(entry.info.room), conference_id: entry.info.id, data: entry.info }
    case 'participant': {
      const { info, conferenceId, room, leftAt } = entry.info
      const data = { ...info, room, conferenceId, leftAt }
      return { room_name: clip(room), conference_id: conferenceId, participant_id: info.id, data }
    }
    case 'session': {
      const { id, room, conferenceId } = entry.info
      return { room_name: clip(room), conference_id: conferenceId, session_id: id, data: entry.info }
    }
    case 'quality': {
      const { points: _points, ...data } = entry.info
      return { room_name: clip(data.room), conference_id: data.conferenceId, session_id: data.sessionId, data }
    }
    case 'recording': return { room_name: clip(entry.info.room), data: entry.info }
  }
}

/** What the seed's column says of each kind of leg; a kind it does not name keeps its own name. */
const sessionTypes: Record<string, string> = { whip: 'external_webrtc', whep: 'external_webrtc' }
const sessionType = (kind: string): string => sessionTypes[kind] ?? clip(kind, TYPE_LENGTH)

function sessionMetadata ({ kind, room, reason, errorCode, remoteAddress, activeAt, stats }: Plain<SessionInfo>): Record<string, unknown> {
  return { kind, room, reason, errorCode, remoteAddress, activeAt, stats }
}

/** Whether the database answered that it will never take this: a value or a reference is wrong (SQLSTATE classes 22 and 23). */
export const isRefusal = (error: unknown): boolean => error instanceof pg.DatabaseError && /^2[23]/.test(error.code ?? '')

const clip = (text: string, length = NAME_LENGTH): string => text.length <= length ? text : text.slice(0, length).toWellFormed()
