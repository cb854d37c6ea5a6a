import { randomBytes } from 'node:crypto'
import type { ExpressionBuilder, Selectable } from 'kysely'
import type { Clock } from '../lib/clock.ts'
import { newId } from '../lib/ids.ts'
import type { Database } from './database.ts'
import type { Page } from './page.ts'
import type { Vault } from './sealed.ts'
import type { Tables } from './tables.ts'
import { deliveryRow } from './webhook-deliveries.ts'

export type Webhook = {
  readonly id: string
  readonly url: string
  /** Types it wants; empty means all. */
  readonly events: readonly string[]
  readonly description: string
  readonly enabled: boolean
  readonly disabledReason: string | undefined
  readonly createdAt: Date
}
export type WebhookRequest = {
  readonly url: string
  readonly events?: readonly string[] | undefined
  readonly description?: string | undefined
}
export type WebhookChange = Partial<WebhookRequest> & { readonly enabled?: boolean | undefined }
export type WebhookDelivery = {
  readonly eventId: string
  readonly state: 'pending' | 'delivered' | 'failed'
  readonly attempts: number
  readonly lastStatus: number | undefined
  readonly nextAttemptAt: Date | undefined
}

export type WebhookOptions = {
  readonly vault: Vault
  readonly clock: Clock
  /** Throws AppError `destination_not_allowed` for an address that nothing may be sent to. */
  readonly guard: (url: string) => Promise<void>
}

type Secret = { readonly sealed: string, readonly expiresAt: string | null }

/** Standard Webhooks: `whsec_` and 24 to 64 bytes in base64. */
const SECRET_BYTES = 32
const OLD_SECRET_MS = 24 * 60 * 60_000
const DISABLED_BY_HAND = 'disabled by an administrator'

/** The addresses that want to be told, and how the telling went. Sending is somebody else's work. */
export class Webhooks {
  readonly #database: Database
  readonly #options: WebhookOptions

  constructor (database: Database, options: WebhookOptions) {
    this.#database = database
    this.#options = options
  }

  get #db () { return this.#database.db }

  /** It is told of what happens from now on. @returns the webhook and, this once, its signing secret */
  async create ({ url, events = [], description = '' }: WebhookRequest): Promise<{ webhook: Webhook, secret: string }> {
    await this.#options.guard(url)
    const id = newId('webhook')
    const { secret, sealed } = this.#newSecret(id)
    const { last } = await this.#db.selectFrom('events').select(eb => eb.fn.max('cursor').as('last')).executeTakeFirstOrThrow()
    const row = await this.#db.insertInto('webhook_endpoints').values({
      endpoint_id: id,
      url,
      description,
      event_types: [...events],
      secrets: JSON.stringify([{ sealed, expiresAt: null }]),
      fanned_out: last ?? 0
    }).returningAll().executeTakeFirstOrThrow()
    return { webhook: webhookOf(row), secret }
  }

  /** Newest first. */
  async list (): Promise<Webhook[]> {
    return (await this.#db.selectFrom('webhook_endpoints').selectAll().orderBy('endpoint_id', 'desc').execute()).map(webhookOf)
  }

  async get (id: string): Promise<Webhook | undefined> {
    const row = await this.#row(id)
    return row && webhookOf(row)
  }

  async update (id: string, { url, events, description, enabled }: WebhookChange): Promise<Webhook | undefined> {
    if (url !== undefined) await this.#options.guard(url)
    const now = new Date(this.#options.clock.wall()).toISOString()
    const row = await this.#db.updateTable('webhook_endpoints').set(eb => ({
      endpoint_id: id, // Something to set, should nothing else be.
      ...(url === undefined ? {} : { url }),
      ...(events === undefined ? {} : { event_types: [...events] }),
      ...(description === undefined ? {} : { description }),
      ...(enabled === false ? { disabled_at: now, disabled_reason: DISABLED_BY_HAND } : {}),
      ...(enabled === true ? { disabled_at: null, disabled_reason: null, fanned_out: skipping(eb) } : {})
    })).where('endpoint_id', '=', id).returningAll().executeTakeFirst()
    return row && webhookOf(row)
  }

  /** @returns false when there was none */
  async delete (id: string): Promise<boolean> {
    const { numDeletedRows } = await this.#db.deleteFrom('webhook_endpoints').where('endpoint_id', '=', id).executeTakeFirst()
    return numDeletedRows > 0n
  }

  /** The old secret stays valid beside the new one for a day; an older one dies now. */
  async rotateSecret (id: string): Promise<string | undefined> {
    const row = await this.#row(id)
    if (!row) return undefined
    const { secret, sealed } = this.#newSecret(id)
    const expiresAt = new Date(this.#options.clock.wall() + OLD_SECRET_MS).toISOString()
    const secrets: Secret[] = [{ sealed, expiresAt: null }, ...row.secrets.slice(0, 1).map(old => ({ ...old, expiresAt }))]
    await this.#db.updateTable('webhook_endpoints').set({ secrets: JSON.stringify(secrets) }).where('endpoint_id', '=', id).execute()
    return secret
  }

  /** Newest first. */
  async deliveries (id: string, { limit, after }: Page): Promise<WebhookDelivery[]> {
    const rows = await this.#db.selectFrom('webhook_deliveries').innerJoin('events', 'cursor', 'event_cursor')
      .select(['event_id', 'state', 'attempts', 'last_status', 'due_at']).where('endpoint_id', '=', id)
      .$if(after !== undefined, query => query.where('event_cursor', '<',
        eb => eb.selectFrom('events').select('cursor').where('event_id', '=', after!)))
      .orderBy('event_cursor', 'desc').limit(limit).execute()
    return rows.map(row => ({
      eventId: row.event_id,
      state: row.state as WebhookDelivery['state'],
      attempts: row.attempts,
      lastStatus: row.last_status ?? undefined,
      nextAttemptAt: row.state === 'pending' ? row.due_at : undefined
    }))
  }

  /** Sends an event again, whatever became of it. @returns false when the webhook or the event is not known */
  async redeliver (id: string, eventId: string): Promise<boolean> {
    const event = await this.#db.selectFrom('events').selectAll().where('event_id', '=', eventId).executeTakeFirst()
    if (!event || !await this.#row(id)) return false
    const now = new Date(this.#options.clock.wall())
    const again = { state: 'pending', attempts: 0, due_at: now.toISOString(), settled_at: null }
    await this.#db.insertInto('webhook_deliveries').values(deliveryRow(id, event, now))
      .onConflict(conflict => conflict.columns(['endpoint_id', 'event_cursor']).doUpdateSet(again)).execute()
    return true
  }

  #row (id: string): Promise<Selectable<Tables['webhook_endpoints']> | undefined> {
    return this.#db.selectFrom('webhook_endpoints').selectAll().where('endpoint_id', '=', id).executeTakeFirst()
  }

  #newSecret (id: string): { secret: string, sealed: string } {
    const secret = `whsec_${randomBytes(SECRET_BYTES).toString('base64')}`
    return { secret, sealed: this.#options.vault.seal(secret, id) }
  }
}

/** Who had been disabled is told of what happens from now on, as a new one is. */
const skipping = (eb: ExpressionBuilder<Tables, 'webhook_endpoints'>) => eb.case()
  .when('disabled_at', 'is', null).then(eb.ref('fanned_out'))
  .else(eb.selectFrom('events').select(({ fn, lit }) => fn.coalesce(fn.max('cursor'), lit(0)).as('last'))).end()

const webhookOf = (row: Selectable<Tables['webhook_endpoints']>): Webhook => ({
  id: row.endpoint_id,
  url: row.url,
  events: row.event_types,
  description: row.description,
  enabled: row.disabled_at === null,
  disabledReason: row.disabled_reason ?? undefined,
  createdAt: row.created_at
})
