import type { Selectable } from 'kysely'
import type { Clock } from '../lib/clock.ts'
import { messageOf } from '../lib/errors.ts'
import type { Logger } from '../lib/log.ts'
import type { Database } from './database.ts'
import type { Tables } from './tables.ts'

export type EventInfo = {
  /** Place in the one order of all events of all bridges. */
  readonly sequence: number
  readonly id: string
  /** `session.active`, `conference.ended`, … */
  readonly type: string
  readonly at: Date
  readonly room: string | undefined
  readonly data: unknown
}

export type EventFilter = { readonly limit: number, readonly room?: string | undefined, readonly types?: readonly string[] | undefined }

/** Events of other bridges are looked for this often while somebody listens. */
const POLL_MS = 1_000
const SWEEP_EVERY_MS = 10 * 60_000
/** Longer than the last retry of a webhook, which comes after about 75 hours. */
const KEPT_DAYS = 7
/** One sweep holds no lock for long. */
const SWEEP_ROWS = 5_000

/** The outbox: everything that happened, in order, for as long as it is kept. */
export class Events implements Disposable {
  readonly #database: Database
  readonly #clock: Clock
  readonly #log: Logger
  readonly #listeners = new Set<() => void>()
  readonly #sweeping: Disposable
  #polling: Disposable | undefined

  constructor (database: Database, { clock, log }: { readonly clock: Clock, readonly log: Logger }) {
    this.#database = database
    this.#clock = clock
    this.#log = log
    this.#sweeping = clock.every(SWEEP_EVERY_MS, () => {
      this.sweep().catch(error => log.warn({ error: messageOf(error) }, 'old events could not be deleted'))
    })
  }

  /** In order, those after `sequence`. */
  async after (sequence: number, { limit, room, types }: EventFilter): Promise<EventInfo[]> {
    const rows = await this.#database.db.selectFrom('events').selectAll().where('cursor', '>', sequence)
      .$if(room !== undefined, query => query.where('room_name', '=', room!))
      .$if(types !== undefined && types.length > 0, query => query.where('type', 'in', types!))
      .orderBy('cursor').limit(limit).execute()
    return rows.map(eventOf)
  }

  /** The last `limit` there are, in order. */
  async newest ({ limit, room }: Omit<EventFilter, 'types'>): Promise<EventInfo[]> {
    const rows = await this.#database.db.selectFrom('events').selectAll()
      .$if(room !== undefined, query => query.where('room_name', '=', room!))
      .orderBy('cursor', 'desc').limit(limit).execute()
    return rows.reverse().map(eventOf)
  }

  async find (id: string): Promise<EventInfo | undefined> {
    const row = await this.#database.db.selectFrom('events').selectAll().where('event_id', '=', id).executeTakeFirst()
    return row && eventOf(row)
  }

  /** The newest event's place; 0 when there is none. */
  async last (): Promise<number> {
    const { last } = await this.#database.db.selectFrom('events').select(eb => eb.fn.max('cursor').as('last')).executeTakeFirstOrThrow()
    return last ?? 0
  }

  /** Calls `wake` when there may be news. May call too often, never too rarely. */
  onAppended (wake: () => void): Disposable {
    const listener = (): void => wake() // Its own identity, so that the same function may listen twice.
    this.#listeners.add(listener)
    this.#polling ??= this.#clock.every(POLL_MS, () => this.appended())
    return {
      [Symbol.dispose]: () => {
        this.#listeners.delete(listener)
        if (this.#listeners.size === 0) this.#stopPolling()
      }
    }
  }

  /** There may be news: told by the journal. */
  appended (): void {
    for (const listener of this.#listeners) listener()
  }

  /** Deletes events that have been kept long enough, except those that a webhook still waits for. @returns how many */
  async sweep (): Promise<number> {
    if (!this.#database.isReady) return 0
    const oldest = new Date(this.#clock.wall() - KEPT_DAYS * 86_400_000)
    const { db } = this.#database
    const old = db.selectFrom('events').select('cursor').where('occurred_at', '<', oldest)
      .where(({ not, exists, selectFrom }) => not(exists(selectFrom('webhook_deliveries').select('delivery_id')
        .whereRef('event_cursor', '=', 'events.cursor').where('state', '=', 'pending'))))
      .orderBy('cursor').limit(SWEEP_ROWS)
    const { numDeletedRows } = await db.deleteFrom('events').where('cursor', 'in', old).executeTakeFirst()
    if (numDeletedRows > 0n) this.#log.info({ events: Number(numDeletedRows) }, 'old events were deleted')
    return Number(numDeletedRows)
  }

  [Symbol.dispose] (): void {
    this.#sweeping[Symbol.dispose]()
    this.#listeners.clear()
    this.#stopPolling()
  }

  #stopPolling (): void {
    this.#polling?.[Symbol.dispose]()
    this.#polling = undefined
  }
}

export const eventOf = (row: Selectable<Tables['events']>): EventInfo =>
  ({ sequence: row.cursor, id: row.event_id, type: row.type, at: row.occurred_at, room: row.room_name ?? undefined, data: row.data })
