import { type Insertable, type Kysely, sql, type Transaction } from 'kysely'
import pg from 'pg'
import { type AuditRecord, type Entry, idOf, type Plain, type RecordingRecord } from './journal-entry.ts'
import type { QualityRecord } from '../room/quality/quality-watch.ts'
import type { ConferenceInfo, ParticipantChange, SessionInfo } from '../room/session.ts'
import type { Tables } from './tables.ts'

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
export async function applyEntries (db: Kysely<Tables>, origin: Origin, entries: readonly Entry[]): Promise<void> {
  await db.transaction().execute(async t => {
    const position = await t.selectFrom('journal_positions').select('applied')
      .where('journal_id', '=', origin.journal).forUpdate().executeTakeFirst()
    const fresh = entries.filter(entry => entry.sequence > (position?.applied ?? 0))
    if (fresh.length === 0) return
    await upsertConferences(t, origin.bridge, latest(fresh, 'conference'))
    await upsertParticipants(t, latest(fresh, 'participant'))
    await upsertSessions(t, latest(fresh, 'session'))
    await insertQuality(t, latest(fresh, 'quality'))
    await upsertRecordings(t, origin.bridge, latest(fresh, 'recording'))
    await insertAudit(t, origin.bridge, latest(fresh, 'audit'))
    await insertEvents(t, fresh.flatMap(entry => eventRow(entry, origin.bridge) ?? []))
    const applied = fresh.at(-1)!.sequence
    await t.insertInto('journal_positions').values({ journal_id: origin.journal, bridge_id: origin.bridge, applied })
      .onConflict(conflict => conflict.column('journal_id').doUpdateSet({ applied, updated_at: sql`CURRENT_TIMESTAMP` })).execute()
  })
}

/** Of each thing the last change: one statement may not touch a row twice, and only the last one stays anyway. */
function latest<K extends Entry['of']> (entries: readonly Entry[], of: K): Extract<Entry, { of: K }>[] {
  const found = new Map<string, Entry>()
  for (const entry of entries) if (entry.of === of) found.set(idOf(entry), entry)
  return [...found.values()] as Extract<Entry, { of: K }>[]
}

/** A conference refers to its bridge, and the bridge may have been cut off from the database since before it could register. */
async function ensureBridge (t: Transaction<Tables>, bridge: string): Promise<void> {
  await t.insertInto('bridges').values({ bridge_id: bridge, region: 'unknown', status: 'offline', capacity: 0, current_load: 0 })
    .onConflict(conflict => conflict.doNothing()).execute()
}

type Entries<T> = readonly { readonly info: Plain<T>, readonly at: string }[]

async function upsertConferences (t: Transaction<Tables>, bridge: string, entries: Entries<ConferenceInfo>): Promise<void> {
  if (entries.length === 0) return
  await ensureBridge(t, bridge)
  await t.insertInto('conferences').values(entries.map(({ info }) => ({
    conference_id: info.id,
    bridge_id: bridge,
    room_name: clip(info.room),
    participant_count: info.participants,
    status: info.endedAt ? 'ended' : 'active',
    created_at: info.openedAt,
    ended_at: info.endedAt ?? null,
    end_reason: info.endedAt ? 'everybody left' : null
  }))).onConflict(conflict => conflict.column('conference_id').doUpdateSet(eb => ({
    participant_count: eb.ref('excluded.participant_count'),
    status: eb.ref('excluded.status'),
    ended_at: eb.ref('excluded.ended_at'),
    end_reason: eb.ref('excluded.end_reason')
  }))).execute()
}

async function upsertParticipants (t: Transaction<Tables>, entries: Entries<ParticipantChange>): Promise<void> {
  if (entries.length === 0) return
  await t.insertInto('participants').values(entries.map(({ info: { info, conferenceId, leftAt } }) => ({
    participant_id: info.id,
    conference_id: conferenceId,
    aura_id: info.auraId === undefined ? null : clip(info.auraId),
    display_name: clip(info.name),
    join_source: clip(info.source, TYPE_LENGTH),
    joined_at: info.joinedAt,
    left_at: leftAt ?? null,
    identity: clip(info.identity),
    leave_reason: leftAt ? 'left' : null
  }))).onConflict(conflict => conflict.column('participant_id').doUpdateSet(eb => ({
    display_name: eb.ref('excluded.display_name'),
    left_at: eb.ref('excluded.left_at'),
    leave_reason: eb.ref('excluded.leave_reason')
  }))).execute()
}

async function upsertSessions (t: Transaction<Tables>, entries: Entries<SessionInfo>): Promise<void> {
  if (entries.length === 0) return
  await t.insertInto('external_sessions').values(entries.map(({ info }) => ({
    session_id: info.id,
    session_type: sessionType(info.kind),
    conference_id: info.conferenceId,
    external_id: info.externalId === undefined ? null : clip(info.externalId),
    status: info.state,
    metadata: JSON.stringify(sessionMetadata(info)),
    created_at: info.startedAt,
    ended_at: info.endedAt ?? null,
    end_reason: info.endedAt ? info.reason : null
  }))).onConflict(conflict => conflict.column('session_id').doUpdateSet(eb => ({
    status: eb.ref('excluded.status'),
    metadata: eb.ref('excluded.metadata'),
    ended_at: eb.ref('excluded.ended_at'),
    end_reason: eb.ref('excluded.end_reason')
  }))).execute()
}

async function insertQuality (t: Transaction<Tables>, entries: Entries<QualityRecord>): Promise<void> {
  if (entries.length === 0) return
  await t.insertInto('session_quality').values(entries.map(({ info: { sessionId, quality, points } }) => ({
    session_id: sessionId,
    summary: JSON.stringify(quality),
    points: JSON.stringify(points)
  }))).onConflict(conflict => conflict.column('session_id').doNothing()).execute()
}

async function upsertRecordings (t: Transaction<Tables>, bridge: string, entries: Entries<RecordingRecord>): Promise<void> {
  if (entries.length === 0) return
  await t.insertInto('recordings').values(entries.map(({ info, at }) => ({
    recording_id: info.id,
    bridge_id: bridge,
    room_name: clip(info.room),
    state: info.state,
    partial: info.partial,
    started_at: info.startedAt ?? at,
    ended_at: info.endedAt ?? null,
    info: JSON.stringify(info)
  }))).onConflict(conflict => conflict.column('recording_id').doUpdateSet(eb => ({
    state: eb.ref('excluded.state'),
    partial: eb.ref('excluded.partial'),
    started_at: eb.ref('excluded.started_at'),
    ended_at: eb.ref('excluded.ended_at'),
    info: eb.ref('excluded.info'),
    updated_at: sql`CURRENT_TIMESTAMP`
  }))).execute()
}

async function insertAudit (t: Transaction<Tables>, bridge: string, entries: Entries<AuditRecord>): Promise<void> {
  if (entries.length === 0) return
  await t.insertInto('audit_log').values(entries.map(({ info }) => ({
    audit_id: info.id,
    bridge_id: bridge,
    occurred_at: info.at,
    action: clip(info.action, ACTION_LENGTH),
    actor: clip(info.actor),
    actor_kind: clip(info.actorKind, TYPE_LENGTH),
    address: clip(info.address, ACTION_LENGTH),
    request_id: clip(info.requestId),
    target: JSON.stringify(info.target),
    http_status: info.status
  }))).onConflict(conflict => conflict.column('audit_id').doNothing()).execute()
}

type EventRow = Insertable<Tables['events']>

/** Any number will do, as long as nobody else uses it in this database. */
const EVENTS_LOCK = 0x6575_7265

/**
 * Appends to the outbox. The lock makes cursors visible in their order: without it a reader could pass cursor 8 while the
 * transaction with cursor 7 has not committed yet, and never see 7.
 */
export async function insertEvents (t: Transaction<Tables>, rows: readonly EventRow[]): Promise<void> {
  if (rows.length === 0) return
  await sql`select pg_advisory_xact_lock(${EVENTS_LOCK})`.execute(t)
  await t.insertInto('events').values(rows).onConflict(conflict => conflict.column('event_id').doNothing()).execute()
}

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
    case 'conference': return { room_name: clip(entry.info.room), conference_id: entry.info.id, data: JSON.stringify(entry.info) }
    case 'participant': {
      const { info, conferenceId, room, leftAt } = entry.info
      const data = JSON.stringify({ ...info, room, conferenceId, leftAt })
      return { room_name: clip(room), conference_id: conferenceId, participant_id: info.id, data }
    }
    case 'session': {
      const { id, room, conferenceId } = entry.info
      return { room_name: clip(room), conference_id: conferenceId, session_id: id, data: JSON.stringify(entry.info) }
    }
    case 'quality': {
      const { points: _points, ...data } = entry.info
      return { room_name: clip(data.room), conference_id: data.conferenceId, session_id: data.sessionId, data: JSON.stringify(data) }
    }
    case 'recording': return { room_name: clip(entry.info.room), data: JSON.stringify(entry.info) }
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
