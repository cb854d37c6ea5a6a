import { type RawBuilder, sql } from 'kysely'
import type { Clock } from '../lib/clock.ts'
import { messageOf } from '../lib/errors.ts'
import type { Logger } from '../lib/log.ts'
import type { Database } from './database.ts'

export type RetentionOptions = {
  readonly database: Database
  readonly log: Logger
  readonly clock: Clock
  /** How long what has ended stays known. */
  readonly historyDays?: number | undefined
  readonly auditDays?: number | undefined
}

const HISTORY_DAYS = 90
const AUDIT_DAYS = 365
const DAY_MS = 86_400_000
const EVERY_MS = 60 * 60_000
/** One statement locks no more rows than this. */
const BATCH = 2_000

/** Deletes what is old, a little at a time, so that the database does not grow for ever. Every bridge may do it at any time. */
export class Retention implements Disposable {
  readonly #options: RetentionOptions
  readonly #ticking: Disposable

  constructor (options: RetentionOptions) {
    this.#options = options
    this.#ticking = options.clock.every(EVERY_MS, () => {
      this.sweep().catch(error => options.log.warn({ error: messageOf(error) }, 'old rows could not be deleted'))
    })
  }

  /** @returns how many rows went */
  async sweep (): Promise<number> {
    const { database, log, historyDays = HISTORY_DAYS, auditDays = AUDIT_DAYS } = this.#options
    if (!database.isReady) return 0
    let deleted = 0
    for (const batch of [this.#sessions, this.#participants, this.#conferences, this.#bridges]) {
      deleted += await this.#all(batch, this.#daysAgo(historyDays))
    }
    deleted += await this.#all(this.#audit, this.#daysAgo(auditDays))
    if (deleted > 0) log.info({ rows: deleted }, 'old rows were deleted')
    return deleted
  }

  [Symbol.dispose] (): void { this.#ticking[Symbol.dispose]() }

  async #all (batch: (before: RawBuilder<Date>) => Promise<bigint>, before: RawBuilder<Date>): Promise<number> {
    for (let sum = 0; ;) {
      const deleted = Number(await batch.call(this, before))
      sum += deleted
      if (deleted < BATCH) return sum
    }
  }

  get #db () { return this.#options.database.db }
  #daysAgo (days: number): RawBuilder<Date> { return instant(new Date(this.#options.clock.wall() - days * DAY_MS)) }

  async #sessions (before: RawBuilder<Date>): Promise<bigint> {
    const old = this.#db.selectFrom('external_sessions').select('session_id').where('ended_at', '<', before).limit(BATCH)
    return (await this.#db.deleteFrom('external_sessions').where('session_id', 'in', old).executeTakeFirst()).numDeletedRows
  }

  async #participants (before: RawBuilder<Date>): Promise<bigint> {
    const old = this.#db.selectFrom('participants').select('participant_id').where('left_at', '<', before).limit(BATCH)
    return (await this.#db.deleteFrom('participants').where('participant_id', 'in', old).executeTakeFirst()).numDeletedRows
  }

  async #conferences (before: RawBuilder<Date>): Promise<bigint> {
    const old = this.#db.selectFrom('conferences').select('conference_id').where('ended_at', '<', before)
      .where(({ not, exists, selectFrom }) => not(exists(selectFrom('participants as p').select('p.participant_id')
        .whereRef('p.conference_id', '=', 'conferences.conference_id'))))
      .where(({ not, exists, selectFrom }) => not(exists(selectFrom('external_sessions as s').select('s.session_id')
        .whereRef('s.conference_id', '=', 'conferences.conference_id'))))
      .limit(BATCH)
    return (await this.#db.deleteFrom('conferences').where('conference_id', 'in', old).executeTakeFirst()).numDeletedRows
  }

  /** Bridges nobody has heard of, and what was kept for them. Without a BRIDGE_ID every start makes a new one. */
  async #bridges (before: RawBuilder<Date>): Promise<bigint> {
    const old = this.#db.selectFrom('bridges').select('bridge_id').where('updated_at', '<', before)
      .where(({ not, exists, selectFrom }) => not(exists(selectFrom('conferences as c').select('c.conference_id')
        .whereRef('c.bridge_id', '=', 'bridges.bridge_id'))))
      .limit(BATCH)
    const gone = await this.#db.deleteFrom('bridges').where('bridge_id', 'in', old).returning('bridge_id').execute()
    if (gone.length > 0) await this.#db.deleteFrom('leases').where('name', 'in', gone.map(row => `bridge:${row.bridge_id}`)).execute()
    await this.#db.deleteFrom('journal_positions').where('updated_at', '<', before).execute()
    return BigInt(gone.length)
  }

  async #audit (before: RawBuilder<Date>): Promise<bigint> {
    const old = this.#db.selectFrom('audit_log').select('audit_id').where('occurred_at', '<', before).limit(BATCH)
    return (await this.#db.deleteFrom('audit_log').where('audit_id', 'in', old).executeTakeFirst()).numDeletedRows
  }
}

/** Compares rightly with columns of both kinds, as sessions are in UTC. */
const instant = (date: Date): RawBuilder<Date> => sql<Date>`${date.toISOString()}::timestamptz`
