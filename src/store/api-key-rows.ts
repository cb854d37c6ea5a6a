import { randomBytes } from 'node:crypto'
import path from 'node:path'
import type { Selectable } from 'kysely'
import { messageOf } from '../lib/errors.ts'
import type { Logger } from '../lib/log.ts'
import { keptSecret } from './kept-secret.ts'
import type { Database } from './database.ts'
import type { Tables } from './tables.ts'

/** A key as it is kept: never the key itself. */
export type ApiKeyRow<Scope extends string = string> = {
  readonly id: string
  readonly name: string
  /** SHA-256 of the key, hex. */
  readonly hash: string
  readonly scopes: readonly Scope[]
  /** The one room it is for; all rooms if undefined. */
  readonly room: string | undefined
  readonly createdAt: Date
  readonly expiresAt: Date | undefined
  readonly lastUsedAt: Date | undefined
}

/** API keys as rows. */
export class StoredApiKeys<Scope extends string = string> {
  readonly #database: Database
  readonly #log: Logger

  constructor (database: Database, log: Logger) {
    this.#database = database
    this.#log = log
  }

  async insert (row: ApiKeyRow<Scope>): Promise<void> {
    await this.#database.db.insertInto('api_keys').values({
      key_id: row.id,
      name: row.name,
      key_hash: row.hash,
      scopes: [...row.scopes],
      room_name: row.room ?? null,
      created_at: row.createdAt.toISOString(),
      expires_at: row.expiresAt?.toISOString() ?? null,
      last_used_at: row.lastUsedAt?.toISOString() ?? null
    }).execute()
  }

  async findByHash (hash: string): Promise<ApiKeyRow<Scope> | undefined> {
    const row = await this.#database.db.selectFrom('api_keys').selectAll().where('key_hash', '=', hash).executeTakeFirst()
    return row && keyOf(row)
  }

  async get (id: string): Promise<ApiKeyRow<Scope> | undefined> {
    const row = await this.#database.db.selectFrom('api_keys').selectAll().where('key_id', '=', id).executeTakeFirst()
    return row && keyOf(row)
  }

  /** Newest first. */
  async list (): Promise<ApiKeyRow<Scope>[]> {
    const rows = await this.#database.db.selectFrom('api_keys').selectAll().orderBy('key_id', 'desc').execute()
    return rows.map(row => keyOf<Scope>(row))
  }

  /** @returns false when there was none. */
  async delete (id: string): Promise<boolean> {
    const { numDeletedRows } = await this.#database.db.deleteFrom('api_keys').where('key_id', '=', id).executeTakeFirst()
    return numDeletedRows > 0n
  }

  /** Notes that a key was used. Nobody waits for it, and a lost one matters little. */
  used (id: string, at: Date): void {
    this.#database.db.updateTable('api_keys').set({ last_used_at: at.toISOString() }).where('key_id', '=', id).execute()
      .catch(error => this.#log.debug({ keyId: id, error: messageOf(error) }, 'the use of an API key was not noted'))
  }
}

function keyOf<Scope extends string> (row: Selectable<Tables['api_keys']>): ApiKeyRow<Scope> {
  return {
    id: row.key_id,
    name: row.name,
    hash: row.key_hash,
    scopes: row.scopes as Scope[],
    room: row.room_name ?? undefined,
    createdAt: row.created_at,
    expiresAt: row.expires_at ?? undefined,
    lastUsedAt: row.last_used_at ?? undefined
  }
}

/** The administrator's key, made at the first start and kept in a file that only the owner may read. */
export const adminApiKey = (dataDir: string): Promise<{ secret: string, isNew: boolean }> =>
  keptSecret(path.join(dataDir, 'admin-api-key'), () => `alk_${randomBytes(32).toString('base64url')}`)
