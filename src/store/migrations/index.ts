import type { Kysely } from 'kysely'
import { type Migration, Migrator } from 'kysely/migration'
import { conferences } from './001-conferences.ts'
import { ownership } from './002-ownership.ts'
import { access } from './003-access.ts'

/** Never edited once released: a change is a new file and a new line. */
const migrations = (schema: string): Record<string, Migration> => ({
  '001_conferences': conferences(schema),
  '002_ownership': ownership(schema),
  '003_access': access(schema)
})

const migrator = (db: Kysely<never>, schema: string): Migrator => new Migrator({
  db,
  provider: { getMigrations: async () => migrations(schema) },
  migrationTableSchema: schema,
  migrationTableName: 'migrations',
  migrationLockTableName: 'migration_lock'
})

/**
 * Brings the schema up to date. Bridges that start together wait for each other on an advisory lock.
 * @returns the names of the migrations run now.
 */
export async function migrate (db: Kysely<never>, schema: string): Promise<string[]> {
  const { error, results = [] } = await migrator(db, schema).migrateToLatest()
  if (error) throw error
  return results.map(result => result.migrationName)
}

/** The migrations this version knows and the database has not seen. */
export async function pendingMigrations (db: Kysely<never>, schema: string): Promise<string[]> {
  const all = await migrator(db, schema).getMigrations()
  return all.filter(migration => !migration.executedAt).map(migration => migration.name)
}
