import { sql, type Transaction } from 'kysely'
import { newId } from '../lib/ids.ts'
import { insertEvents } from './outbox.ts'
import type { Tables } from './tables.ts'

export type LostOptions = {
  /** One sentence for the rows and events. */
  readonly reason: string
  /** Ids of conferences, participants and sessions that live on. */
  readonly except?: ReadonlySet<string>
  /** Recordings too. Not when the bridge itself is back: it rescues them. */
  readonly recordings: boolean
}

export type LostCount = Readonly<Record<'conferences' | 'participants' | 'sessions' | 'recordings', number>>

type OpenRow = { readonly id: string, readonly conference_id: string | null, readonly room_name: string }
type OpenRows = Readonly<Record<keyof LostCount, readonly OpenRow[]>>

/** Ends the rows of a bridge that can no longer end them itself: status `lost`, and one event each. */
export async function closeLost (t: Transaction<Tables>, bridge: string, options: LostOptions): Promise<LostCount> {
  const open = await openRows(t, bridge, options)
  const at = new Date().toISOString()
  await closeRows(t, open, options.reason, at)
  await insertEvents(t, [
    ...open.sessions.map(row => ({ ...lostEvent(bridge, row, 'session.failed', options.reason, at), session_id: row.id })),
    ...open.recordings.map(row => lostEvent(bridge, row, 'recording.failed', options.reason, at)),
    ...open.participants.map(row => ({ ...lostEvent(bridge, row, 'participant.left', options.reason, at), participant_id: row.id })),
    ...open.conferences.map(row => lostEvent(bridge, row, 'conference.ended', options.reason, at))
  ])
  const { conferences, participants, sessions, recordings } = open
  return { conferences: conferences.length, participants: participants.length, sessions: sessions.length, recordings: recordings.length }
}

async function openRows (t: Transaction<Tables>, bridge: string, { except, recordings }: LostOptions): Promise<OpenRows> {
  const ended = ({ id }: OpenRow): boolean => !except?.has(id)
  const conferences = await t.selectFrom('conferences').select(['conference_id as id', 'conference_id', 'room_name'])
    .where('bridge_id', '=', bridge).where('ended_at', 'is', null).execute()
  const participants = await t.selectFrom('participants as p').innerJoin('conferences as c', 'c.conference_id', 'p.conference_id')
    .select(['p.participant_id as id', 'c.conference_id', 'c.room_name'])
    .where('c.bridge_id', '=', bridge).where('p.left_at', 'is', null).execute()
  const sessions = await t.selectFrom('external_sessions as s').innerJoin('conferences as c', 'c.conference_id', 's.conference_id')
    .select(['s.session_id as id', 'c.conference_id', 'c.room_name'])
    .where('c.bridge_id', '=', bridge).where('s.ended_at', 'is', null).execute()
  const recorded = recordings ? await openRecordings(t, bridge) : []
  return {
    conferences: conferences.filter(ended),
    participants: participants.filter(ended),
    sessions: sessions.filter(ended),
    recordings: recorded
  }
}

async function openRecordings (t: Transaction<Tables>, bridge: string): Promise<OpenRow[]> {
  const rows = await t.selectFrom('recordings').select(['recording_id as id', 'room_name'])
    .where('bridge_id', '=', bridge).where('ended_at', 'is', null).execute()
  return rows.map(row => ({ ...row, conference_id: null }))
}

async function closeRows (t: Transaction<Tables>, open: OpenRows, reason: string, at: string): Promise<void> {
  const ids = (rows: readonly OpenRow[]): string[] => rows.map(row => row.id)
  if (open.sessions.length > 0) {
    await t.updateTable('external_sessions').set({ status: 'lost', ended_at: at, end_reason: reason })
      .where('session_id', 'in', ids(open.sessions)).execute()
  }
  if (open.participants.length > 0) {
    await t.updateTable('participants').set({ left_at: at, leave_reason: 'lost' })
      .where('participant_id', 'in', ids(open.participants)).execute()
  }
  if (open.conferences.length > 0) {
    await t.updateTable('conferences').set({ status: 'lost', ended_at: at, end_reason: reason, participant_count: 0 })
      .where('conference_id', 'in', ids(open.conferences)).execute()
  }
  if (open.recordings.length > 0) {
    await t.updateTable('recordings').set({ state: 'failed', partial: true, ended_at: at, updated_at: sql`CURRENT_TIMESTAMP` })
      .where('recording_id', 'in', ids(open.recordings)).execute()
  }
}

const lostEvent = (bridge: string, row: OpenRow, type: string, reason: string, at: string) => ({
  event_id: newId('event'),
  type,
  bridge_id: bridge,
  room_name: row.room_name,
  conference_id: row.conference_id,
  participant_id: null,
  session_id: null,
  occurred_at: at,
  data: JSON.stringify({
    id: row.id, room: row.room_name, conferenceId: row.conference_id ?? undefined, state: 'lost', reason, endedAt: at
  })
})
