import type { Kysely, Selectable } from 'kysely'
import { AppError } from '../lib/errors.ts'
import { newId } from '../lib/ids.ts'
import type { Database } from './database.ts'
import type { Page } from './page.ts'
import type { Vault } from './sealed.ts'
import type { Tables } from './tables.ts'
import { openTarget, requireOwn, sealTarget, type Target } from './target.ts'

export type Destination = {
  readonly id: string
  /** Undefined when it can no longer be opened: the data folder's `secret` is not the one it was sealed with. */
  readonly target: Target | undefined
}
export type Stream = {
  readonly id: string
  readonly room: string
  /** The identity that is sent; without, whoever is there. */
  readonly participant: string | undefined
  readonly name: string | undefined
  readonly destinations: readonly Destination[]
  readonly createdAt: Date
}
export type StreamRequest = { readonly room: string, readonly participant?: string | undefined, readonly name?: string | undefined, readonly destinations: readonly Target[] }

export type StreamsOptions = {
  readonly vault: Vault
  /** This bridge's data folder. */
  readonly keeper: string
  /** Throws AppError `destination_not_allowed` for an address that nothing may be sent to. */
  readonly guard: (url: string) => Promise<void>
}

/** Of one stream: more are a mistake, or somebody else's amplifier. */
const MAX_DESTINATIONS = 16

type Row = Selectable<Tables['streams']>

/** What is sent out of rooms, and where to: kept until somebody ends it, also over restarts. */
export class Streams {
  /** Called when a destination is to be sent to. What it throws is told to whoever asked for it. */
  onOpened: (stream: Stream, destination: Destination) => Promise<void> = async () => {}
  /** Called with the destination's id when it is no more. */
  onClosed: (id: string) => void = () => {}
  readonly #database: Database
  readonly #options: StreamsOptions

  constructor (database: Database, options: StreamsOptions) {
    this.#database = database
    this.#options = options
  }

  get #db (): Kysely<Tables> { return this.#database.db }

  /** @throws AppError `destination_not_allowed`, or what opening throws: then there is no stream */
  async create ({ room, participant, name, destinations }: StreamRequest): Promise<Stream> {
    for (const { url } of destinations) await this.#options.guard(url)
    const id = newId('stream')
    await this.#db.insertInto('streams').values({ stream_id: id, keeper: this.#options.keeper, room_name: room, participant: participant ?? null, display_name: name ?? null }).execute()
    try {
      for (const target of destinations) await this.#add(id, target)
    } catch (error) {
      await this.delete(id)
      throw error
    }
    return (await this.get(id))!
  }

  /** Newest first. */
  async list ({ limit, after, room }: Page & { room?: string | undefined }): Promise<Stream[]> {
    const rows = await this.#db.selectFrom('streams').selectAll()
      .$if(room !== undefined, query => query.where('room_name', '=', room!))
      .$if(after !== undefined, query => query.where('stream_id', '<', after!))
      .orderBy('stream_id', 'desc').limit(limit).execute()
    return await this.#withDestinations(rows)
  }

  /** Those that this bridge sends. */
  async own (): Promise<Stream[]> {
    const rows = await this.#db.selectFrom('streams').selectAll().where('keeper', '=', this.#options.keeper).orderBy('stream_id').execute()
    return await this.#withDestinations(rows)
  }

  async get (id: string): Promise<Stream | undefined> {
    const rows = await this.#db.selectFrom('streams').selectAll().where('stream_id', '=', id).execute()
    return (await this.#withDestinations(rows))[0]
  }

  /** @returns false when there was none @throws AppError `conflict` where another bridge sends it, as the next two */
  async delete (id: string): Promise<boolean> {
    const found = await this.#own(id)
    if (!found) return false
    await this.#db.deleteFrom('streams').where('stream_id', '=', id).execute()
    for (const destination of found.destinations) this.onClosed(destination.id)
    return true
  }

  /** @returns undefined when there is no such stream @throws AppError `conflict` when it has too many, `destination_not_allowed`, or what opening throws */
  async addDestination (id: string, target: Target): Promise<Stream | undefined> {
    await this.#options.guard(target.url)
    const stream = await this.#own(id)
    if (!stream) return undefined
    if (stream.destinations.length >= MAX_DESTINATIONS) throw new AppError('conflict', `a stream has at most ${MAX_DESTINATIONS} destinations`)
    await this.#add(id, target)
    return await this.get(id)
  }

  /** @returns false when there was none */
  async removeDestination (id: string, destination: string): Promise<boolean> {
    if (!await this.#own(id)) return false
    const { numDeletedRows } = await this.#db.deleteFrom('stream_destinations').where('stream_id', '=', id).where('destination_id', '=', destination).executeTakeFirst()
    if (numDeletedRows === 0n) return false
    this.onClosed(destination)
    return true
  }

  async #own (id: string): Promise<Stream | undefined> {
    const row = await this.#db.selectFrom('streams').selectAll().where('stream_id', '=', id).executeTakeFirst()
    await requireOwn(this.#db, row?.keeper, this.#options.keeper)
    return row && (await this.#withDestinations([row]))[0]
  }

  async #add (streamId: string, target: Target): Promise<void> {
    const id = newId('destination')
    await this.#db.insertInto('stream_destinations').values({ destination_id: id, stream_id: streamId, target_sealed: sealTarget(this.#options.vault, target, id) }).execute()
    const stream = (await this.get(streamId))!
    try {
      await this.onOpened(stream, { id, target })
    } catch (error) {
      await this.removeDestination(streamId, id)
      throw error
    }
  }

  async #withDestinations (rows: readonly Row[]): Promise<Stream[]> {
    if (rows.length === 0) return []
    const found = await this.#db.selectFrom('stream_destinations').selectAll().where('stream_id', 'in', rows.map(row => row.stream_id)).orderBy('destination_id').execute()
    return rows.map(row => ({
      id: row.stream_id,
      room: row.room_name,
      participant: row.participant ?? undefined,
      name: row.display_name ?? undefined,
      destinations: found.filter(({ stream_id }) => stream_id === row.stream_id)
        .map(({ destination_id: id, target_sealed: sealed }) => ({ id, target: openTarget(this.#options.vault, sealed, id) })),
      createdAt: row.created_at
    }))
  }
}
