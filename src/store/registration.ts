import { type Kysely, sql } from 'kysely'
import type { Clock } from '../lib/clock.ts'
import { messageOf } from '../lib/errors.ts'
import { type Logger, Tally } from '../lib/log.ts'
import { instanceOf } from './kept-secret.ts'
import type { Database } from './database.ts'
import { type Lease, LEASE_MS, Leases } from './leases.ts'
import { closeLost } from './lost.ts'
import type { Tables } from './tables.ts'

export type RegistrationOptions = {
  readonly database: Database
  readonly bridgeId: string
  readonly region: string
  /** Sessions this bridge takes at most. */
  readonly capacity: number
  readonly dataDir: string
  /** Asked at every heartbeat. */
  readonly state: () => { readonly status: 'online' | 'draining', readonly sessions: number }
  /** Others have taken this bridge for dead and closed its rows: say again what lives. */
  readonly onRevived: () => void
  readonly log: Logger
  readonly clock: Clock
  readonly leaseMs?: number
  readonly heartbeatMs?: number
}

const HEARTBEAT_MS = 3_000
const PREFIX = 'bridge:'
const REASON = 'its bridge was lost'

/**
 * This bridge among the others: its row, its lease, and the funeral of those whose lease has run out. A bridge that dies is
 * found within its lease and one heartbeat, 13 s.
 */
export class Registration implements AsyncDisposable {
  readonly #options: RegistrationOptions
  readonly #leases: Leases
  readonly #leaseMs: number
  readonly #owner: string
  readonly #tally: Tally
  readonly #ticking: Disposable
  #lease: Lease | undefined
  /** Since when every heartbeat has succeeded. Who was cut off himself cannot tell who else is dead. */
  #steadySince: number | undefined
  #hasBeenHere = false
  #beating: Promise<void> | undefined
  #isClosed = false

  private constructor (options: RegistrationOptions, owner: string) {
    this.#options = options
    this.#owner = owner
    this.#leaseMs = options.leaseMs ?? LEASE_MS
    this.#leases = new Leases(options.database.db, this.#leaseMs)
    this.#tally = new Tally(options.log, options.clock, 30_000)
    this.#ticking = options.clock.every(options.heartbeatMs ?? HEARTBEAT_MS, () => { void this.beat() })
    void options.database.ready.then(() => this.beat())
  }

  /** The owner of the lease is the data folder, which one process at a time can hold: a restart takes its own lease back at once. */
  static async open (options: RegistrationOptions): Promise<Registration> {
    return new Registration(options, await instanceOf(options.dataDir))
  }

  /** Goes up each time this bridge id changes hands; undefined while it is not ours. */
  get fence (): number | undefined { return this.#lease?.fence }

  /** One heartbeat; never two at a time. */
  beat (): Promise<void> {
    if (this.#isClosed || !this.#options.database.isReady) return Promise.resolve()
    this.#beating ??= this.#beat().finally(() => { this.#beating = undefined })
    return this.#beating
  }

  async [Symbol.asyncDispose] (): Promise<void> {
    this.#isClosed = true
    this.#ticking[Symbol.dispose]()
    await this.#beating
    if (!this.#lease) return
    try {
      await this.#writeRow('offline', 0)
      await this.#leases.release(this.#lease)
    } catch (error) {
      this.#options.log.warn({ error: messageOf(error) }, 'this bridge could not sign off; its lease will run out')
    }
  }

  async #beat (): Promise<void> {
    try {
      if (!await this.#hold()) return
      const { status, sessions } = this.#options.state()
      await this.#writeRow(status, sessions)
      this.#steadySince ??= this.#options.clock.now()
      if (this.#options.clock.now() - this.#steadySince >= this.#leaseMs) await this.#reap()
    } catch (error) {
      this.#steadySince = undefined
      this.#tally.count('a heartbeat failed', { error: messageOf(error) })
    }
  }

  /** @returns whether the lease is ours now */
  async #hold (): Promise<boolean> {
    if (this.#lease && await this.#leases.renew(this.#lease)) return true
    this.#steadySince = undefined
    this.#lease = await this.#leases.acquire(PREFIX + this.#options.bridgeId, this.#owner)
    if (!this.#lease) {
      const { bridgeId: bridge } = this.#options
      this.#tally.count('another process has this BRIDGE_ID, or had until a moment ago: each bridge needs its own', { bridge }, 'error')
      return false
    }
    if (this.#hasBeenHere) {
      this.#options.log.warn({ fence: this.#lease.fence }, 'this bridge had been taken for dead and is back')
      this.#options.onRevived()
    }
    this.#hasBeenHere = true
    return true
  }

  async #writeRow (status: string, sessions: number): Promise<void> {
    const { database, bridgeId, region, capacity, clock } = this.#options
    const now = new Date(clock.wall()).toISOString()
    const row = { region, status, capacity, current_load: sessions, last_heartbeat: now, updated_at: now }
    await database.db.insertInto('bridges').values({ bridge_id: bridgeId, created_at: now, ...row })
      .onConflict(conflict => conflict.column('bridge_id').doUpdateSet(row)).execute()
  }

  async #reap (): Promise<void> {
    const { db } = this.#options.database
    const leaseName = sql<string>`${PREFIX}::text || bridges.bridge_id`
    const expired = await db.selectFrom('leases').innerJoin('bridges', join => join.on('leases.name', '=', leaseName))
      .select(['leases.name', 'leases.fence', 'bridges.bridge_id'])
      .where('leases.expires_at', '<', sql<Date>`now()`).where('bridges.status', 'not in', ['lost', 'offline']).execute()
    for (const dead of expired) await this.#bury(db, dead)
  }

  /** The fence decides which of several survivors does it, and tells the dead one, should it wake up. */
  async #bury (db: Kysely<Tables>, { name, fence, bridge_id: bridge }: { name: string, fence: number, bridge_id: string }): Promise<void> {
    await db.transaction().execute(async transaction => {
      const { numUpdatedRows } = await transaction.updateTable('leases').set({ owner: `reaper:${this.#owner}`, fence: fence + 1 })
        .where('name', '=', name).where('fence', '=', fence).where('expires_at', '<', sql<Date>`now()`).executeTakeFirst()
      if (numUpdatedRows === 0n) return
      const count = await closeLost(transaction, bridge, { reason: REASON, recordings: true })
      await transaction.updateTable('bridges').set({ status: 'lost', current_load: 0, updated_at: sql`CURRENT_TIMESTAMP` })
        .where('bridge_id', '=', bridge).execute()
      this.#options.log.warn({ bridge, ...count }, 'a bridge is dead; what it left open was closed as lost')
    })
  }
}
