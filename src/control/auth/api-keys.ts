import { hash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Clock } from '../../lib/clock.ts'
import { newId } from '../../lib/ids.ts'
import type { Principal, Scope } from './principal.ts'

/** A key as it is kept: never the key itself. */
export type ApiKeyRow = {
  readonly id: string
  readonly name: string
  /** SHA-256 of the key, hex. A key has 256 random bits, so that nothing slower is needed. */
  readonly hash: string
  readonly scopes: readonly Scope[]
  readonly room: string | undefined
  readonly createdAt: Date
  readonly expiresAt: Date | undefined
  readonly lastUsedAt: Date | undefined
}

/** Where API keys are kept. */
export interface ApiKeyRows {
  insert (row: ApiKeyRow): Promise<void>
  findByHash (hash: string): Promise<ApiKeyRow | undefined>
  get (id: string): Promise<ApiKeyRow | undefined>
  list (): Promise<readonly ApiKeyRow[]>
  /** @returns false when there was none. */
  delete (id: string): Promise<boolean>
  /** Notes that a key was used; may be late or lost. */
  used (id: string, at: Date): void
}

export type NewApiKey = Pick<ApiKeyRow, 'name' | 'scopes'> & { readonly room?: string | undefined, readonly expiresAt?: Date | undefined }

/** How long a key once seen is believed without asking again: a key revoked on another bridge dies within this. */
const FRESH_MS = 10_000
/** … and how long while the rows cannot be read: an outage of the database must not lock the operators out. */
const STALE_MS = 60 * 60_000
/** Also bounds what a flood of wrong keys can make us remember. */
const MAX_REMEMBERED = 2_000
const USED_EVERY_MS = 60_000

type Remembered = { readonly row: ApiKeyRow | undefined, readonly at: number, usedAt: number }

/** API keys: made, checked, revoked. A key reads `alk_` and 43 characters of base64url. */
export class ApiKeys {
  readonly #rows: ApiKeyRows
  readonly #clock: Clock
  readonly #adminHash: Buffer | undefined
  readonly #remembered = new Map<string, Remembered>()

  /** @param adminKey a key from the settings that may do everything and is in no table. */
  constructor (rows: ApiKeyRows, clock: Clock, adminKey?: string) {
    this.#rows = rows
    this.#clock = clock
    this.#adminHash = adminKey === undefined ? undefined : sha256(adminKey)
  }

  /** @returns the row and, this once, the key. */
  async create ({ name, scopes, room, expiresAt }: NewApiKey): Promise<{ row: ApiKeyRow, key: string }> {
    const key = `alk_${randomBytes(32).toString('base64url')}`
    const createdAt = new Date(this.#clock.wall())
    const row = { id: newId('apiKey'), name, hash: hashOf(key), scopes, room, createdAt, expiresAt, lastUsedAt: undefined }
    await this.#rows.insert(row)
    this.#remembered.delete(row.hash)
    return { row, key }
  }

  list (): Promise<readonly ApiKeyRow[]> { return this.#rows.list() }
  get (id: string): Promise<ApiKeyRow | undefined> { return this.#rows.get(id) }

  async revoke (id: string): Promise<boolean> {
    for (const [hash, { row }] of this.#remembered) if (row?.id === id) this.#remembered.delete(hash)
    return this.#rows.delete(id)
  }

  /** @returns whose key it is; undefined if it is nobody's. */
  async verify (key: string): Promise<Principal | undefined> {
    const digest = sha256(key)
    if (this.#adminHash && timingSafeEqual(digest, this.#adminHash)) return adminPrincipal
    const row = await this.#find(digest.toString('hex'))
    if (!row || (row.expiresAt && row.expiresAt.getTime() <= this.#clock.wall())) return undefined
    this.#noteUse(row)
    return { kind: 'apiKey', subject: row.id, scopes: new Set(row.scopes), room: row.room, shortLived: false, keyId: row.id }
  }

  /** Whether a key that let somebody in earlier still would. */
  async stillValid (hash: string): Promise<boolean> {
    if (this.#adminHash?.toString('hex') === hash) return true
    const row = await this.#find(hash)
    return row !== undefined && !(row.expiresAt && row.expiresAt.getTime() <= this.#clock.wall())
  }

  /** The comparison happens on digests, inside an index: there is nothing to learn from how long it takes. */
  async #find (hash: string): Promise<ApiKeyRow | undefined> {
    const known = this.#remembered.get(hash)
    const age = known ? this.#clock.now() - known.at : Infinity
    if (known && age < FRESH_MS) return known.row
    try {
      const row = await this.#rows.findByHash(hash)
      this.#remember(hash, { row, at: this.#clock.now(), usedAt: known?.usedAt ?? -Infinity })
      return row
    } catch (error) {
      if (known?.row && age < STALE_MS) return known.row
      throw error
    }
  }

  #remember (hash: string, entry: Remembered): void {
    this.#remembered.delete(hash)
    if (this.#remembered.size >= MAX_REMEMBERED) this.#remembered.delete(this.#remembered.keys().next().value!)
    this.#remembered.set(hash, entry)
  }

  #noteUse (row: ApiKeyRow): void {
    const entry = this.#remembered.get(row.hash)
    const now = this.#clock.now()
    if (!entry || now - entry.usedAt < USED_EVERY_MS) return
    entry.usedAt = now
    this.#rows.used(row.id, new Date(this.#clock.wall()))
  }
}

export const adminPrincipal: Principal =
  { kind: 'apiKey', subject: 'admin', scopes: new Set<Scope>(['admin']), room: undefined, shortLived: false, keyId: undefined }

const sha256 = (text: string): Buffer => hash('sha256', text, 'buffer')
export const hashOf = (key: string): string => sha256(key).toString('hex')

/** Keys kept in this process only: for tests, and for whoever runs without a database. */
export class MemoryApiKeyRows implements ApiKeyRows {
  readonly #rows = new Map<string, ApiKeyRow>()

  async insert (row: ApiKeyRow): Promise<void> { this.#rows.set(row.id, row) }
  async findByHash (hash: string): Promise<ApiKeyRow | undefined> { return this.#rows.values().find(row => row.hash === hash) }
  async get (id: string): Promise<ApiKeyRow | undefined> { return this.#rows.get(id) }
  async list (): Promise<readonly ApiKeyRow[]> { return [...this.#rows.values()] }
  async delete (id: string): Promise<boolean> { return this.#rows.delete(id) }
  used (id: string, at: Date): void {
    const row = this.#rows.get(id)
    if (row) this.#rows.set(id, { ...row, lastUsedAt: at })
  }
}
