import type { ErrorCode } from '../lib/errors.ts'
import { type LegStats, noStats } from '../room/leg.ts'
import type { QualityPoint } from '../room/quality/series.ts'
import type { ConferenceInfo, SessionInfo, SessionState } from '../room/session.ts'
import type { Database } from './database.ts'
import type { Page } from './page.ts'

export type SessionQuery = Page & {
  readonly kind?: string | undefined
  readonly state?: SessionState | undefined
  readonly room?: string | undefined
}

/** What is over, as it was. */
export class History {
  readonly #database: Database

  constructor (database: Database) { this.#database = database }

  /** Sessions that have ended, newest first. */
  async sessions ({ limit, after, kind, state, room }: SessionQuery): Promise<SessionInfo[]> {
    const rows = await this.#ended()
      .$if(after !== undefined, query => query.where('session_id', '<', after!))
      .$if(kind !== undefined, query => query.where(eb => eb(eb.ref('metadata', '->>').key('kind'), '=', kind!)))
      .$if(state !== undefined, query => query.where('external_sessions.status', 'in', state === 'failed' ? ['failed', 'lost'] : [state!]))
      .$if(room !== undefined, query => query.where('room_name', '=', room!))
      .orderBy('session_id', 'desc').limit(limit).execute()
    return rows.map(sessionOf)
  }

  async session (id: string): Promise<SessionInfo | undefined> {
    const row = await this.#ended().where('session_id', '=', id).executeTakeFirst()
    return row && sessionOf(row)
  }

  /** The course of a session that has ended; empty where none was taken down. */
  async qualityPoints (sessionId: string): Promise<readonly QualityPoint[]> {
    const row = await this.#database.db.selectFrom('session_quality').select('points').where('session_id', '=', sessionId).executeTakeFirst()
    return (row?.points ?? []) as readonly QualityPoint[]
  }

  async conference (id: string): Promise<ConferenceInfo | undefined> {
    const row = await this.#database.db.selectFrom('conferences').selectAll()
      .where('conference_id', '=', id).where('ended_at', 'is not', null).executeTakeFirst()
    if (!row) return undefined
    return { id, room: row.room_name, participants: row.participant_count, openedAt: row.created_at, endedAt: row.ended_at ?? undefined }
  }

  #ended () {
    return this.#database.db.selectFrom('external_sessions')
      .innerJoin('conferences', 'conferences.conference_id', 'external_sessions.conference_id')
      .select([
        'session_id', 'room_name', 'external_sessions.conference_id', 'external_id', 'external_sessions.status', 'metadata',
        'external_sessions.created_at', 'external_sessions.ended_at', 'external_sessions.end_reason'
      ])
      .where('external_sessions.ended_at', 'is not', null)
  }
}

/** What the journal puts into `metadata`. */
type Metadata = { kind?: string, errorCode?: ErrorCode, remoteAddress?: string, activeAt?: string, stats?: LegStats }
type SessionRow = {
  session_id: string, room_name: string, conference_id: string | null, external_id: string | null, status: string
  metadata: Record<string, unknown> | null, created_at: Date, ended_at: Date | null, end_reason: string | null
}

function sessionOf (row: SessionRow): SessionInfo {
  const { kind = 'unknown', errorCode, remoteAddress, activeAt, stats = noStats }: Metadata = row.metadata ?? {}
  const isLost = row.status === 'lost'
  return {
    id: row.session_id,
    kind,
    room: row.room_name,
    conferenceId: row.conference_id ?? '',
    state: isLost ? 'failed' : row.status as SessionState,
    reason: row.end_reason ?? '',
    errorCode: isLost ? 'internal' : errorCode,
    remoteAddress,
    externalId: row.external_id ?? undefined,
    startedAt: row.created_at,
    activeAt: activeAt === undefined ? undefined : new Date(activeAt),
    endedAt: row.ended_at ?? undefined,
    stats
  }
}
