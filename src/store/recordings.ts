import type { Selectable } from 'kysely'
import type { Database } from './database.ts'
import type { StoreJournal } from './journal.ts'
import type { RecordingRecord } from './journal-entry.ts'
import type { Page } from './page.ts'
import type { Tables } from './tables.ts'

export type RecordingQuery = Page & { readonly room?: string | undefined, readonly state?: string | undefined }

/**
 * What is known of recordings, as rows. A change goes through the journal, so that saving never waits and survives an outage;
 * a reader may therefore see a row a moment late.
 */
export class RecordingRows<T extends RecordingRecord> {
  readonly #database: Database
  readonly #journal: StoreJournal

  constructor (database: Database, journal: StoreJournal) {
    this.#database = database
    this.#journal = journal
  }

  /** Never waits, never throws. */
  save (info: T): void { this.#journal.recordingChanged(info) }

  async get (id: string): Promise<T | undefined> {
    const row = await this.#database.db.selectFrom('recordings').selectAll().where('recording_id', '=', id).executeTakeFirst()
    return row && infoOf(row)
  }

  async list ({ limit, after, room, state }: RecordingQuery): Promise<T[]> {
    const rows = await this.#database.db.selectFrom('recordings').selectAll()
      .$if(room !== undefined, query => query.where('room_name', '=', room!))
      .$if(state !== undefined, query => query.where('state', '=', state!))
      .$if(after !== undefined, query => query.where('recording_id', '<', after!))
      .orderBy('recording_id', 'desc').limit(limit).execute()
    return rows.map(row => infoOf<T>(row))
  }

  /** @returns false when there was none. */
  async delete (id: string): Promise<boolean> {
    const { numDeletedRows } = await this.#database.db.deleteFrom('recordings').where('recording_id', '=', id).executeTakeFirst()
    return numDeletedRows > 0n
  }
}

/** The columns win over the JSON: a reaper knows the columns only. */
function infoOf<T extends RecordingRecord> (row: Selectable<Tables['recordings']>): T {
  const { startedAt } = row.info as { startedAt?: string }
  return {
    ...row.info as unknown as T,
    state: row.state,
    partial: row.partial,
    startedAt: startedAt === undefined ? undefined : row.started_at,
    endedAt: row.ended_at ?? undefined
  }
}
