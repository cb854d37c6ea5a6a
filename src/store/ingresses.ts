import { type Insertable, type Kysely, type Selectable, sql } from 'kysely'
import { within } from '../lib/abort.ts'
import { AppError, messageOf } from '../lib/errors.ts'
import { newId } from '../lib/ids.ts'
import type { Logger } from '../lib/log.ts'
import type { Database } from './database.ts'
import { firstFree, slugOf } from './identity.ts'
import type { Page } from './page.ts'
import { randomKey, type Vault } from './sealed.ts'
import { openTarget, requireOwn, sealTarget, type Target } from './target.ts'
import type { Tables } from './tables.ts'

export type Ingress = {
  readonly id: string
  /** Encoders come through `rtmp`; what is behind `whep` is pulled. */
  readonly protocol: 'rtmp' | 'whep'
  readonly room: string
  /** Who the encoder is in the room. */
  readonly identity: string
  readonly name: string
  readonly enabled: boolean
  /** Empty when it can no longer be shown: the data folder's `secret` is not the one it was sealed with. It needs a new one. */
  readonly streamKey: string
  /** Of one that is pulled; undefined also when it can no longer be opened. */
  readonly source: Target | undefined
  readonly createdAt: Date
}
export type IngressRequest = {
  readonly protocol: 'rtmp' | 'whep'
  readonly room: string
  /** With `whep`: where from. */
  readonly source?: Target | undefined
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
type Surroundings = {
  readonly vault: Vault
  readonly log: Logger
  /** This bridge's data folder. */
  readonly keeper: string
  /** Throws AppError `destination_not_allowed` for an address that nothing may be sent to. */
  readonly guard: (url: string) => Promise<void>
}

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
  /** Called when one that is pulled is opened or has changed. What it throws is told to whoever asked for it. */
  onPull: (ingress: Ingress) => Promise<void> = async () => {}
  readonly #database: Database
  readonly #vault: Vault
  readonly #log: Logger
  readonly #keeper: string
  readonly #guard: (url: string) => Promise<void>
  /** By the hash of the key. Everything asked for lately, and everything there was at the start. */
  readonly #remembered = new Map<string, Row>()
  #lookups = 0

  constructor (database: Database, { vault, log, keeper, guard }: Surroundings) {
    this.#database = database
    this.#vault = vault
    this.#log = log
    this.#keeper = keeper
    this.#guard = guard
    void database.ready.then(() => this.#loadAll())
  }

  get #db (): Kysely<Tables> { return this.#database.db }

  /** @throws AppError `conflict` when the chosen stream key is taken, `bad_request` when it is too short, `destination_not_allowed`, or what pulling throws */
  async create ({ protocol, room, identity, name, source, streamKey = randomKey() }: IngressRequest): Promise<Ingress> {
    if (streamKey.length < MIN_OWN_KEY_LENGTH) {
      throw new AppError('bad_request', `streamKey: expected at least ${MIN_OWN_KEY_LENGTH} characters`)
    }
    if (source) await this.#guard(source.url)
    const id = newId('ingress')
    const who = identity ?? await this.#freeIdentity(room, slugOf(name ?? '') || slugOf(room) || protocol)
    const row = this.#row({ id, protocol, room, identity: who, name: name ?? who, streamKey, source })
    const made = await this.#db.insertInto('ingresses').values(row).onConflict(conflict => conflict.doNothing())
      .returningAll().executeTakeFirst()
    if (!made) throw new AppError('conflict', 'this stream key is in use by another ingress')
    const ingress = this.#opened(this.#remember(made))
    try {
      await this.#pull(ingress)
      return ingress
    } catch (error) {
      await this.delete(id)
      throw error
    }
  }

  /** Those that this bridge pulls, oldest first. */
  async pulled (): Promise<Ingress[]> {
    const rows = await this.#db.selectFrom('ingresses').selectAll().where('keeper', '=', this.#keeper).where('enabled', '=', true).orderBy('ingress_id').execute()
    return rows.map(row => this.#opened(row))
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

  /** @throws AppError `conflict` where another bridge pulls it */
  async update (id: string, { room, identity, name, enabled }: IngressChange): Promise<Ingress | undefined> {
    const change = {
      ...(room === undefined ? {} : { room_name: room }),
      ...(identity === undefined ? {} : { identity }),
      ...(name === undefined ? {} : { display_name: name }),
      ...(enabled === undefined ? {} : { enabled })
    }
    await this.#requireOwn(id)
    const changed = await this.#change(id, change, enabled === false)
    if (changed) await this.#pull(changed)
    return changed
  }

  /** A new key; the old one is worth nothing from now on. @throws AppError `conflict` for one without a key */
  async rotateKey (id: string): Promise<Ingress | undefined> {
    if ((await this.get(id))?.source) throw new AppError('conflict', 'this ingress is pulled: it has no stream key')
    const streamKey = randomKey()
    return this.#change(id, { key_hash: this.#vault.hash(streamKey), key_sealed: this.#vault.seal(streamKey, id) }, true)
  }

  /** @returns false when there was none. @throws AppError `conflict` where another bridge pulls it */
  async delete (id: string): Promise<boolean> {
    await this.#requireOwn(id)
    const gone = await this.#db.deleteFrom('ingresses').where('ingress_id', '=', id).returning('key_hash').executeTakeFirst()
    if (!gone) return false
    if (gone.key_hash !== null) this.#remembered.delete(gone.key_hash)
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
    const row = this.#row({ id: DEMO_ID, protocol: 'rtmp', room: 'demo', identity: 'demo', name: 'Demo', streamKey: randomKey(), source: undefined })
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

  async #requireOwn (id: string): Promise<void> {
    const row = await this.#db.selectFrom('ingresses').select('keeper').where('ingress_id', '=', id).executeTakeFirst()
    await requireOwn(this.#db, row?.keeper, this.#keeper)
  }

  async #pull (ingress: Ingress): Promise<void> { if (ingress.source && ingress.enabled) await this.onPull(ingress) }

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
      const unreadable = rows.filter(row => row.key_sealed !== null && this.#streamKey(row) === '').length
      if (unreadable > 0) {
        this.#log.error({ unreadable }, 'some stream keys open nothing here: they were sealed with another secret; bridges that share a database share it')
      }
    } catch (error) {
      this.#log.warn({ error: messageOf(error) }, 'ingresses could not be read ahead')
    }
  }

  #remember (row: Row): Row {
    if (row.key_hash === null) return row
    this.#remembered.delete(row.key_hash)
    if (this.#remembered.size >= MAX_REMEMBERED) this.#remembered.delete(this.#remembered.keys().next().value!)
    this.#remembered.set(row.key_hash, row)
    return row
  }

  #row ({ id, protocol, room, identity, name, streamKey, source }: Omit<Ingress, 'enabled' | 'createdAt'>): Insertable<Tables['ingresses']> {
    const way = source
      ? { source_sealed: sealTarget(this.#vault, source, id), keeper: this.#keeper }
      : { key_hash: this.#vault.hash(streamKey), key_sealed: this.#vault.seal(streamKey, id) }
    return { ingress_id: id, protocol, room_name: room, identity, display_name: name, enabled: true, ...way }
  }

  #opened (row: Row): Ingress {
    return {
      id: row.ingress_id,
      protocol: row.protocol as Ingress['protocol'],
      room: row.room_name,
      identity: row.identity,
      name: row.display_name,
      enabled: row.enabled,
      streamKey: this.#streamKey(row),
      source: row.source_sealed === null ? undefined : openTarget(this.#vault, row.source_sealed, row.ingress_id),
      createdAt: row.created_at
    }
  }

  #streamKey (row: Row): string {
    if (row.key_sealed === null) return ''
    try {
      return this.#vault.open(row.key_sealed, row.ingress_id)
    } catch {
      return '' // Said once, at the start.
    }
  }
}
