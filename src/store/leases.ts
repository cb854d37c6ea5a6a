import { type Kysely, sql } from 'kysely'
import type { Tables } from './tables.ts'

/**
 * The right to act for something, for a while. `fence` goes up with every new holder: whoever writes on behalf of the thing
 * says its fence, and is refused once somebody else has a higher one, however long it had been asleep.
 */
export type Lease = { readonly name: string, readonly owner: string, readonly fence: number }

export const LEASE_MS = 10_000

/** Leases in PostgreSQL, by its clock: the bridges' own may differ. */
export class Leases {
  readonly #db: Kysely<Tables>
  readonly #leaseMs: number

  constructor (db: Kysely<Tables>, leaseMs = LEASE_MS) {
    this.#db = db
    this.#leaseMs = leaseMs
  }

  /** @returns undefined while somebody else holds it */
  async acquire (name: string, owner: string): Promise<Lease | undefined> {
    const row = await this.#db.insertInto('leases').values({ name, owner, fence: 1, expires_at: this.#end })
      .onConflict(conflict => conflict.column('name')
        .doUpdateSet(eb => ({ owner: eb.ref('excluded.owner'), fence: sql`leases.fence + 1`, expires_at: eb.ref('excluded.expires_at') }))
        .where(eb => eb.or([eb('leases.expires_at', '<', sql<Date>`now()`), eb('leases.owner', '=', owner)])))
      .returning('fence').executeTakeFirst()
    return row && { name, owner, fence: row.fence }
  }

  /** @returns false when it is no longer ours */
  async renew ({ name, owner, fence }: Lease): Promise<boolean> {
    const { numUpdatedRows } = await this.#db.updateTable('leases').set({ expires_at: this.#end })
      .where('name', '=', name).where('owner', '=', owner).where('fence', '=', fence).executeTakeFirst()
    return numUpdatedRows > 0n
  }

  /** The row stays, so that fences never start again. */
  async release ({ name, owner, fence }: Lease): Promise<void> {
    await this.#db.updateTable('leases').set({ expires_at: sql`now() - interval '1 ms'` })
      .where('name', '=', name).where('owner', '=', owner).where('fence', '=', fence).execute()
  }

  get #end () { return sql<string>`now() + ${this.#leaseMs}::int * interval '1 ms'` }
}
