import { uuidV7 } from '../lib/ids.ts'
import type { Database } from './database.ts'
import type { AuditRecord } from './journal-entry.ts'
import type { StoreJournal } from './journal.ts'
import type { Page } from './page.ts'

/** The audit log. Entries go through the journal: none is lost because the database was away. */
export class AuditTrail {
  readonly #database: Database
  readonly #journal: StoreJournal

  constructor (database: Database, journal: StoreJournal) {
    this.#database = database
    this.#journal = journal
  }

  record (entry: Omit<AuditRecord, 'id'>): void { this.#journal.auditRecorded({ id: uuidV7(), ...entry }) }

  /** Newest first. */
  async list ({ limit, after }: Page): Promise<AuditRecord[]> {
    const rows = await this.#database.db.selectFrom('audit_log').selectAll()
      .$if(after !== undefined, query => query.where('audit_id', '<', after!))
      .orderBy('audit_id', 'desc').limit(limit).execute()
    return rows.map(row => ({
      id: row.audit_id,
      at: row.occurred_at,
      action: row.action,
      actor: row.actor,
      actorKind: row.actor_kind,
      address: row.address,
      requestId: row.request_id,
      target: row.target,
      status: row.http_status
    }))
  }
}
