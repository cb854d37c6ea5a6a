import { type Kysely, sql } from 'kysely'
import { type Migration, Migrator } from 'kysely/migration'
import pg from 'pg'
import { conferences } from './001-conferences.ts'
import { ownership } from './002-ownership.ts'
import { access } from './003-access.ts'
import { quality } from './004-quality.ts'
import { links } from './005-links.ts'

const TABLE = 'migrations'
const UNDEFINED_TABLE = '42P01'

/** Never edited once released: a change is a new file and a new line. */
const migrations = (schema: string): Record<string, Migration> => ({
  '001_conferences': conferences(schema),
  '002_ownership': ownership(schema),
  '003_access': access(schema),
  '004_quality': quality(schema),
  '005_links': links(schema)
})

const migrator = (db: Kysely<never>, schema: string): Migrator => new Migrator({
  db,
  provider: { getMigrations: async () => migrations(schema) },
  migrationTableSchema: schema,
  migrationTableName: TABLE,
  migrationLockTableName: 'migration_lock'
})

/**
 * Brings the schema up to date. Bridges that start together wait for each other on an advisory lock.
 * @returns the names of the migrations run now
 */
export async function migrate (db: Kysely<never>, schema: string): Promise<string[]> {
  const { error, results = [] } = await migrator(db, schema).migrateToLatest()
  if (error) throw error
  return results.map(result => result.migrationName)
}

/**
 * The migrations this version knows and the database has not seen. One query: the migrator's own way of finding out reads the
 * catalogue, which takes the embedded database half a second at each start.
 */
export async function pendingMigrations (db: Kysely<never>, schema: string): Promise<string[]> {
  const done = await executed(db, schema)
  return Object.keys(migrations(schema)).filter(name => !done.has(name))
}

async function executed (db: Kysely<never>, schema: string): Promise<Set<string>> {
  try {
    const { rows } = await sql<{ name: string }>`select name from ${sql.id(schema, TABLE)}`.execute(db)
    return new Set(rows.map(row => row.name))
  } catch (error) {
    if (error instanceof pg.DatabaseError && error.code === UNDEFINED_TABLE) return new Set()
    throw error
  }
}
