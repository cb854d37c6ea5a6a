import { sql } from 'kysely'
import type { Migration } from 'kysely/migration'

/** A migration that is some SQL, run in one schema: names without one mean it. */
export const statements = (schema: string, text: string): Migration => ({
  async up (db) {
    await sql`set local search_path to ${sql.id(schema)}`.execute(db)
    await sql.raw(text).execute(db)
  }
})
