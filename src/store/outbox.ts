import { type Insertable, sql, type Transaction } from 'kysely'
import type { Statement } from './pool.ts'
import type { Tables } from './tables.ts'
import { type NewRow, upsert } from './upsert.ts'

/** Any number will do, as long as nobody else uses it in this database. */
const EVENTS_LOCK = 0x6575_7265

// Whoever appends takes the lock first. It makes cursors visible in their order: without it a reader could pass cursor 8 while the
// transaction with cursor 7 has not committed yet, and never see 7.

/** What appends events to the outbox. A repeat appends nothing. */
export function appended (schema: string, rows: readonly NewRow<'events'>[]): Statement[] {
  if (rows.length === 0) return []
  return [{ text: `select pg_advisory_xact_lock(${EVENTS_LOCK})` }, upsert(schema, 'events', rows, { key: 'event_id' })]
}

/** The same in a transaction that is built otherwise. */
export async function insertEvents (t: Transaction<Tables>, rows: readonly Insertable<Tables['events']>[]): Promise<void> {
  if (rows.length === 0) return
  await sql`select pg_advisory_xact_lock(${EVENTS_LOCK})`.execute(t)
  await t.insertInto('events').values(rows).onConflict(conflict => conflict.column('event_id').doNothing()).execute()
}
