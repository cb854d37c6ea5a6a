import { type Kysely, sql } from 'kysely'
import { newId } from '../lib/ids.ts'
import { insertEvents } from './journal-rows.ts'
import type { Tables } from './tables.ts'

export type LostOptions = {
  readonly reason: string
  /** Ids of conferences, participants and sessions that live on. */
  readonly except?: ReadonlySet<string>
  /** Recordings too. Not when the bridge itself is back: it rescues them. */
  readonly recordings: boolean
}

export type LostCount = { readonly conferences: number, readonly participants: number, readonly sessions: number, readonly recordings: number }

/** Ends the rows of a bridge that can no longer end them itself: status `lost`, one event each, in one transaction. */
export async function closeLost (db: Kysely<Tables>, bridge: string, options: LostOptions): Promise<LostCount> {
  return db.transaction().execute(async transaction => {
    const { reason } = options
    const lives = (id: string): boolean => options.except?.has(id) ?? false
    const now = new Date().toISOString()
    const ofBridge = transaction.selectFrom('conferences').select('conference_id').where('bridge_id', '=', bridge)

    const sessions = await transaction.selectFrom('external_sessions').innerJoin('conferences as c', 'c.conference_id', 'external_sessions.conference_id')
      .select(['session_id as id', 'c.conference_id', 'c.room_name']).where('c.bridge_id', '=', bridge).where('external_sessions.ended_at', 'is', null).execute()
    const participants = await transaction.selectFrom('participants').innerJoin('conferences as c', 'c.conference_id', 'participants.conference_id')
      .select(['participant_id as id', 'c.conference_id', 'c.room_name']).where('c.bridge_id', '=', bridge).where('left_at', 'is', null).execute()
    const conferences = await transaction.selectFrom('conferences').select(['conference_id as id', 'conference_id', 'room_name'])
      .where('bridge_id', '=', bridge).where('ended_at', 'is', null).execute()
    const recordings = options.recordings
      ? await transaction.selectFrom('recordings').select(['recording_id as id', 'room_name']).where('bridge_id', '=', bridge).where('ended_at', 'is', null).execute()
      : []
    const gone = {
      sessions: sessions.filter(row => !lives(row.id)),
      participants: participants.filter(row => !lives(row.id)),
      conferences: conferences.filter(row => !lives(row.id)),
      recordings: recordings.filter(row => !lives(row.id))
    }
    const ids = (rows: readonly { id: string }[]): string[] => rows.map(row => row.id)
    if (gone.sessions.length > 0) {
      await transaction.updateTable('external_sessions').set({ status: 'lost', ended_at: now, end_reason: reason }).where('session_id', 'in', ids(gone.sessions)).execute()
    }
    if (gone.participants.length > 0) {
      await transaction.updateTable('participants').set({ left_at: now, leave_reason: 'lost' }).where('participant_id', 'in', ids(gone.participants)).execute()
    }
    if (gone.conferences.length > 0) {
      await transaction.updateTable('conferences').set({ status: 'lost', ended_at: now, end_reason: reason, participant_count: 0 })
        .where('conference_id', 'in', ids(gone.conferences)).where('conference_id', 'in', ofBridge).execute()
    }
    if (gone.recordings.length > 0) {
      await transaction.updateTable('recordings').set({ state: 'failed', partial: true, ended_at: now, updated_at: sql`CURRENT_TIMESTAMP` })
        .where('recording_id', 'in', ids(gone.recordings)).execute()
    }
    const base = { bridge_id: bridge, occurred_at: now }
    const event = (type: string, row: { id: string, room_name: string, conference_id?: string }, more: object = {}) => ({
      ...base, event_id: newId('event'), type, room_name: row.room_name, conference_id: row.conference_id ?? null, participant_id: null, session_id: null, ...more,
      data: JSON.stringify({ id: row.id, room: row.room_name, conferenceId: row.conference_id, state: 'lost', reason, endedAt: now })
    })
    await insertEvents(transaction, [
      ...gone.sessions.map(row => event('session.failed', row, { session_id: row.id })),
      ...gone.recordings.map(row => event('recording.failed', row)),
      ...gone.participants.map(row => event('participant.left', row, { participant_id: row.id })),
      ...gone.conferences.map(row => event('conference.ended', row))
    ])
    return { conferences: gone.conferences.length, participants: gone.participants.length, sessions: gone.sessions.length, recordings: gone.recordings.length }
  })
}
