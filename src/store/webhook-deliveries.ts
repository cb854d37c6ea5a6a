import { type Insertable, type Kysely, type Selectable, sql } from 'kysely'
import type { Clock } from '../lib/clock.ts'
import { uuidV7 } from '../lib/ids.ts'
import type { Database } from './database.ts'
import { type EventInfo, eventOf } from './events.ts'
import type { Vault } from './sealed.ts'
import type { Tables } from './tables.ts'

/** One event for one address, claimed by one bridge until `claimedUntil`. */
export type DueDelivery = {
  readonly id: string
  readonly endpointId: string
  readonly url: string
  /** The newest first; the request is signed with each of them. */
  readonly secrets: readonly string[]
  /** 1 for the first try. */
  readonly attempt: number
  readonly event: EventInfo
}

/** How a try ended. `gone`: the address wants nothing more, ever (410). */
export type DeliveryOutcome =
  | { readonly result: 'delivered', readonly status: number }
  | { readonly result: 'retry', readonly at: Date, readonly status?: number, readonly error?: string }
  | { readonly result: 'failed' | 'gone', readonly status?: number, readonly error?: string }

/** Events looked at in one go for one webhook. */
const FAN_OUT_BATCH = 500
/** A bridge that dies while sending keeps a delivery from the others for this long. */
const CLAIM_MS = 60_000
const ERROR_LENGTH = 500
const GONE = 'the receiver answered 410 Gone'

/** Which events go where, and when next. Several bridges may do this at once: each delivery has one of them at a time. */
export class WebhookDeliveries {
  readonly #database: Database
  readonly #vault: Vault
  readonly #clock: Clock

  constructor (database: Database, { vault, clock }: { readonly vault: Vault, readonly clock: Clock }) {
    this.#database = database
    this.#vault = vault
    this.#clock = clock
  }

  get #db (): Kysely<Tables> { return this.#database.db }

  /** Whether any webhook is not disabled. */
  async isWanted (): Promise<boolean> {
    return await this.#db.selectFrom('webhook_endpoints').select('endpoint_id').where('disabled_at', 'is', null).limit(1).executeTakeFirst() !== undefined
  }

  /** Makes delivery rows of events that have none yet. @returns how many events were looked at, so that the caller can go on */
  async fanOut (): Promise<number> {
    return this.#db.transaction().execute(async t => {
      const endpoints = await t.selectFrom('webhook_endpoints').select(['endpoint_id', 'event_types', 'fanned_out'])
        .where('disabled_at', 'is', null)
        .where(({ exists, selectFrom }) => exists(selectFrom('events').select('cursor')
          .whereRef('cursor', '>', 'webhook_endpoints.fanned_out')))
        .forUpdate().skipLocked().execute()
      let seen = 0
      for (const { endpoint_id: id, event_types: types, fanned_out: after } of endpoints) {
        const events = await t.selectFrom('events').selectAll().where('cursor', '>', after)
          .orderBy('cursor').limit(FAN_OUT_BATCH).execute()
        const wanted = events.filter(event => types.length === 0 || types.includes(event.type))
        if (wanted.length > 0) {
          await t.insertInto('webhook_deliveries').values(wanted.map(event => deliveryRow(id, event, this.#now)))
            .onConflict(conflict => conflict.doNothing()).execute()
        }
        const reached = events.at(-1)?.cursor ?? after
        await t.updateTable('webhook_endpoints').set({ fanned_out: reached }).where('endpoint_id', '=', id).execute()
        seen += events.length
      }
      return seen
    })
  }

  /**
   * Claims what is due: of each webhook and session only the oldest, so that one that fails holds back those behind it.
   * @param busy webhooks that have enough under way: theirs wait, so that one slow receiver does not hold up the others
   */
  async claim (limit: number, busy: readonly string[] = []): Promise<DueDelivery[]> {
    const now = this.#now
    const due = this.#db.selectFrom('webhook_deliveries as d').innerJoin('webhook_endpoints as e', 'e.endpoint_id', 'd.endpoint_id')
      .select('d.delivery_id').where('e.disabled_at', 'is', null).where('d.state', '=', 'pending').where('d.due_at', '<=', now)
      .$if(busy.length > 0, query => query.where('d.endpoint_id', 'not in', busy))
      .where(({ not, exists, selectFrom }) => not(exists(selectFrom('webhook_deliveries as p').select('p.delivery_id')
        .whereRef('p.endpoint_id', '=', 'd.endpoint_id').whereRef('p.order_key', '=', 'd.order_key').where('p.state', '=', 'pending')
        .whereRef('p.event_cursor', '<', 'd.event_cursor'))))
      .orderBy('d.event_cursor').limit(limit).forUpdate('d').skipLocked()
    const claimed = await this.#db.updateTable('webhook_deliveries')
      .set({ due_at: new Date(now.getTime() + CLAIM_MS).toISOString(), attempts: sql`attempts + 1` })
      .where('delivery_id', 'in', due).returning('delivery_id').execute()
    return claimed.length === 0 ? [] : this.#describe(claimed.map(row => row.delivery_id))
  }

  /** Writes down how a try ended. Until then the claim holds, and after it anybody tries again. */
  async settle ({ id, endpointId }: Pick<DueDelivery, 'id' | 'endpointId'>, outcome: DeliveryOutcome): Promise<void> {
    const now = this.#now.toISOString()
    const error = 'error' in outcome ? outcome.error?.slice(0, ERROR_LENGTH).toWellFormed() : undefined
    const next = outcome.result === 'retry'
      ? { due_at: outcome.at.toISOString() }
      : { state: outcome.result === 'delivered' ? 'delivered' : 'failed', settled_at: now }
    await this.#db.transaction().execute(async t => {
      await t.updateTable('webhook_deliveries').set({ last_status: outcome.status ?? null, last_error: error ?? null, ...next })
        .where('delivery_id', '=', id).execute()
      if (outcome.result !== 'gone') return
      await t.updateTable('webhook_endpoints').set({ disabled_at: now, disabled_reason: GONE })
        .where('endpoint_id', '=', endpointId).execute()
      await t.updateTable('webhook_deliveries').set({ state: 'failed', last_error: GONE, settled_at: now })
        .where('endpoint_id', '=', endpointId).where('state', '=', 'pending').execute()
    })
  }

  get #now (): Date { return new Date(this.#clock.wall()) }

  async #describe (ids: readonly string[]): Promise<DueDelivery[]> {
    const rows = await this.#db.selectFrom('webhook_deliveries as d')
      .innerJoin('webhook_endpoints as e', 'e.endpoint_id', 'd.endpoint_id').innerJoin('events', 'events.cursor', 'd.event_cursor')
      .select(['d.delivery_id', 'd.endpoint_id', 'd.attempts', 'e.url', 'e.secrets']).selectAll('events')
      .where('d.delivery_id', 'in', ids).orderBy('d.event_cursor').execute()
    return rows.map(row => ({
      id: row.delivery_id,
      endpointId: row.endpoint_id,
      url: row.url,
      secrets: row.secrets.filter(secret => !secret.expiresAt || Date.parse(secret.expiresAt) > this.#clock.wall())
        .map(secret => this.#vault.open(secret.sealed, row.endpoint_id)),
      attempt: row.attempts,
      event: eventOf(row)
    }))
  }
}

type EventRow = Selectable<Tables['events']>

/** A delivery that is due at once. */
export const deliveryRow = (endpointId: string, event: EventRow, now: Date): Insertable<Tables['webhook_deliveries']> => ({
  delivery_id: `dlv_${uuidV7()}`,
  endpoint_id: endpointId,
  event_cursor: event.cursor,
  order_key: event.session_id ?? event.participant_id ?? event.conference_id ?? String(event.data.id ?? event.event_id),
  state: 'pending',
  due_at: now.toISOString()
})
