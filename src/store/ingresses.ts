import { type Insertable, type Kysely, type Selectable, sql } from 'kysely'
import { within } from '../lib/abort.ts'
import { AppError, messageOf } from '../lib/errors.ts'
import { newId } from '../lib/ids.ts'
import type { Logger } from '../lib/log.ts'
import type { Database } from './database.ts'
import { firstFree, slugOf } from './identity.ts'
import type { Page } from './page.ts'
import { randomKey, type Vault } from './sealed.ts'
import type { Tables } from './tables.ts'

export type Ingress = {
  readonly id: string
  readonly protocol: 'rtmp'
  readonly room: string
  /** Who the encoder is in the room. */
  readonly identity: string
  readonly name: string
  readonly enabled: boolean
  /** Empty when it can no longer be shown: the data folder's `secret` is not the one it was sealed with. It needs a new one. */
  readonly streamKey: string
  readonly createdAt: Date
}
export type IngressRequest = {
  readonly protocol: 'rtmp'
  readonly room: string
  /** Made of the name, or else of the room, if left out. */
  readonly identity?: string | undefined
  readonly name?: string | undefined
  /** One's own instead of a random one; at least 16 characters. */
  readonly streamKey?: string | undefined
}
export type IngressChange = {
  readonly room?: string | undefined
  readonly identity?: string | undefined
  readonly name?: string | undefined
  readonly enabled?: boolean | undefined
}

type Row = Selectable<Tables['ingresses']>
type Surroundings = { readonly vault: Vault, readonly log: Logger }

/** The application name in `rtmp://host/live/key`. */
const APPLICATION = 'live'
const DEMO_ID = 'ing_demo'
const MIN_OWN_KEY_LENGTH = 16
/** Kept in memory for the time the database is away. */
const MAX_REMEMBERED = 10_000
/** Whoever guesses keys gets no more of the database than this at a time. */
const MAX_LOOKUPS = 16
const LOOKUP_MS = 1_000

/** The doors encoders come through, and the keys to them. */
export class Ingresses {
  /** Called when a door is closed (removed, disabled, or its key changed): what runs through it should end. */
  onClosed: (id: string) => void = () => {}
  readonly #database: Database
  readonly #vault: Vault
  readonly #log: Logger
  /** By the hash of the key. Everything asked for lately, and everything there was at the start. */
  readonly #remembered = new Map<string, Row>()
  #lookups = 0

  constructor (database: Database, { vault, log }: Surroundings) {
    this.#database = database
    this.#vault = vault
    this.#log = log
    void database.ready.then(() => this.#loadAll())
  }

  get #db (): Kysely<Tables> { return this.#database.db }

  /** @throws AppError `conflict` when the chosen stream key is taken, `bad_request` when it is too short */
  async create ({ protocol, room, identity, name, streamKey = randomKey() }: IngressRequest): Promise<Ingress> {
    if (streamKey.length < MIN_OWN_KEY_LENGTH) {
      throw new AppError('bad_request', `streamKey: expected at least ${MIN_OWN_KEY_LENGTH} characters`)
    }
    const id = newId('ingress')
    const who = identity ?? await this.#freeIdentity(room, slugOf(name ?? '') || slugOf(room) || protocol)
    const row = this.#row({ id, protocol, room, identity: who, name: name ?? who, streamKey })
    const made = await this.#db.insertInto('ingresses').values(row).onConflict(conflict => conflict.doNothing())
      .returningAll().executeTakeFirst()
    if (!made) throw new AppError('conflict', 'this stream key is in use by another ingress')
    return this.#opened(this.#remember(made))
  }

  async list ({ limit, after, room }: Page & { room?: string | undefined }): Promise<Ingress[]> {
    const rows = await this.#db.selectFrom('ingresses').selectAll()
      .$if(room !== undefined, query => query.where('room_name', '=', room!))
      .$if(after !== undefined, query => query.where('ingress_id', '<', after!))
      .orderBy('ingress_id', 'desc').limit(limit).execute()
    return rows.map(row => this.#opened(row))
  }

  async get (id: string): Promise<Ingress | undefined> {
    const row = await this.#db.selectFrom('ingresses').selectAll().where('ingress_id', '=', id).executeTakeFirst()
    return row && this.#opened(row)
  }

  async update (id: string, { room, identity, name, enabled }: IngressChange): Promise<Ingress | undefined> {
    const change = {
      ...(room === undefined ? {} : { room_name: room }),
      ...(identity === undefined ? {} : { identity }),
      ...(name === undefined ? {} : { display_name: name }),
      ...(enabled === undefined ? {} : { enabled })
    }
    return this.#change(id, change, enabled === false)
  }

  /** A new key; the old one is worth nothing from now on. */
  async rotateKey (id: string): Promise<Ingress | undefined> {
    const streamKey = randomKey()
    return this.#change(id, { key_hash: this.#vault.hash(streamKey), key_sealed: this.#vault.seal(streamKey, id) }, true)
  }

  /** @returns false when there was none. */
  async delete (id: string): Promise<boolean> {
    const gone = await this.#db.deleteFrom('ingresses').where('ingress_id', '=', id).returning('key_hash').executeTakeFirst()
    if (!gone) return false
    this.#remembered.delete(gone.key_hash)
    this.onClosed(id)
    return true
  }

  /**
   * Which door this key opens; undefined if none, or one that is disabled. Looked up by a keyed hash, so that there is nothing
   * to learn from how long it takes. While the database is away the answer comes from memory.
   * @throws AppError `overloaded` when too many ask at once, `dependency_unavailable` when a key is unknown and cannot be looked up
   */
  async resolve (application: string, streamKey: string): Promise<Ingress | undefined> {
    if (application.replace(/\/+$/, '') !== APPLICATION) return undefined
    const hash = this.#vault.hash(streamKey)
    const row = await this.#find(hash)
    return row?.enabled ? this.#opened(row) : undefined
  }

  /** The door that is there from the first start, so that a newcomer has something to publish to. */
  async ensureDemo (): Promise<Ingress> {
    const row = this.#row({ id: DEMO_ID, protocol: 'rtmp', room: 'demo', identity: 'demo', name: 'Demo', streamKey: randomKey() })
    await this.#db.insertInto('ingresses').values(row).onConflict(conflict => conflict.doNothing()).execute()
    const kept = await this.get(DEMO_ID)
    return kept?.streamKey ? kept : (await this.rotateKey(DEMO_ID))!
  }

  /** Two encoders of one identity would keep each other out. */
  async #freeIdentity (room: string, wanted: string): Promise<string> {
    const others = await this.#db.selectFrom('ingresses').select('identity').where('room_name', '=', room).execute()
    return firstFree(wanted, new Set(others.map(({ identity }) => identity)))
  }

  /** By the hash of its key: in the database if it answers, else in memory. */
  async #find (hash: string): Promise<Row | undefined> {
    const remembered = this.#remembered.get(hash)
    if (!this.#database.isReady || this.#lookups >= MAX_LOOKUPS) return remembered ?? this.#cannotTell()
    this.#lookups++
    try {
      const row = await this.#lookUp(hash)
      if (row) this.#remember(row)
      else this.#remembered.delete(hash)
      return row
    } catch (error) {
      this.#log.warn({ error: messageOf(error) }, 'a stream key is looked up in memory: the database does not answer')
      return remembered ?? this.#cannotTell()
    } finally {
      this.#lookups--
    }
  }

  async #lookUp (hash: string): Promise<Row | undefined> {
    let row: Row | undefined
    const looking = this.#db.selectFrom('ingresses').selectAll().where('key_hash', '=', hash).executeTakeFirst()
    if (!await within(LOOKUP_MS, looking.then(found => { row = found }))) throw new AppError('dependency_unavailable', 'no answer in time')
    return row
  }

  #cannotTell (): never {
    throw new AppError(this.#lookups >= MAX_LOOKUPS ? 'overloaded' : 'dependency_unavailable', 'stream keys cannot be looked up now')
  }

  async #change (id: string, change: Partial<Row>, closes: boolean): Promise<Ingress | undefined> {
    const row = await this.#db.updateTable('ingresses').set({ ...(change as object), updated_at: sql`CURRENT_TIMESTAMP` })
      .where('ingress_id', '=', id).returningAll().executeTakeFirst()
    if (!row) return undefined
    for (const [hash, old] of this.#remembered) if (old.ingress_id === id) this.#remembered.delete(hash)
    this.#remember(row)
    if (closes) this.onClosed(id)
    return this.#opened(row)
  }

  async #loadAll (): Promise<void> {
    try {
      const rows = await this.#db.selectFrom('ingresses').selectAll().orderBy('ingress_id', 'desc').limit(MAX_REMEMBERED).execute()
      for (const row of rows) this.#remember(row)
      const unreadable = rows.filter(row => this.#streamKey(row) === '').length
      if (unreadable > 0) {
        this.#log.error({ unreadable }, 'some stream keys open nothing here: they were sealed with another secret; bridges that share a database share it')
      }
    } catch (error) {
      this.#log.warn({ error: messageOf(error) }, 'ingresses could not be read ahead')
    }
  }

  #remember (row: Row): Row {
    this.#remembered.delete(row.key_hash)
    if (this.#remembered.size >= MAX_REMEMBERED) this.#remembered.delete(this.#remembered.keys().next().value!)
    this.#remembered.set(row.key_hash, row)
    return row
  }

  #row ({ id, protocol, room, identity, name, streamKey }: Omit<Ingress, 'enabled' | 'createdAt'>): Insertable<Tables['ingresses']> {
    const key = { key_hash: this.#vault.hash(streamKey), key_sealed: this.#vault.seal(streamKey, id) }
    return { ingress_id: id, protocol, room_name: room, identity, display_name: name, enabled: true, ...key }
  }

  #opened (row: Row): Ingress {
    return {
      id: row.ingress_id,
      protocol: row.protocol as 'rtmp',
      room: row.room_name,
      identity: row.identity,
      name: row.display_name,
      enabled: row.enabled,
      streamKey: this.#streamKey(row),
      createdAt: row.created_at
    }
  }

  #streamKey (row: Row): string {
    try {
      return this.#vault.open(row.key_sealed, row.ingress_id)
    } catch {
      return '' // Said once, at the start.
    }
  }
}
