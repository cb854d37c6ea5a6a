import type { PostgresPool, PostgresPoolClient } from 'kysely'
import type { Socket } from 'node:net'
import pg from 'pg'
import type { Logger } from '../lib/log.ts'
import { AppError, messageOf } from '../lib/errors.ts'

export type PoolStatistics = {
  readonly active: number
  readonly idle: number
  readonly total: number
  /** Callers in line for a connection. */
  readonly waiting: number
  readonly max: number
}

export type PoolOptions = pg.PoolConfig & { readonly max: number, readonly statementTimeoutMs: number, readonly connectTimeoutMs: number }

export type Statement = { readonly text: string, readonly values?: readonly unknown[] }
export type Row = Readonly<Record<string, unknown>>

/** A connection, lent to one at a time. */
export type LentClient = PostgresPoolClient & {
  /**
   * Sends all statements in one go and waits for all answers: one round trip. Each is run, whatever became of those before it; in a
   * transaction none succeeds after one that failed. Each has the time of one statement after the one before.
   * @throws what the first one that failed did
   */
  all (statements: readonly Statement[]): Promise<(readonly Row[])[]>
}

/** The server gives up first, so that a slow statement fails with its reason and the connection stays. */
const CLIENT_GRACE_MS = 500
const IDLE_IN_TRANSACTION_MS = 5_000
const TYPE_INT8 = 20
const TYPE_TIMESTAMP = 1114

const parsers: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') => {
    if (oid === TYPE_INT8) return Number
    // TIMESTAMP columns hold UTC here; the driver would take it for local time.
    if (oid === TYPE_TIMESTAMP) return (text: string) => new Date(`${text.replace(' ', 'T')}Z`)
    return pg.types.getTypeParser(oid, format as 'text')
  }) as pg.CustomTypesConfig['getTypeParser']
}

/**
 * A pool in which nobody waits longer than the two timeouts together, whatever the server does. A connection on which a
 * statement went unanswered is destroyed, never lent again: its answer may still come.
 */
export class BoundedPool implements PostgresPool {
  readonly options: object
  /** Called when the server did not answer: it may be away. */
  onTrouble: () => void = () => {}
  readonly #pool: pg.Pool
  readonly #answerMs: number

  constructor ({ statementTimeoutMs, connectTimeoutMs, ...config }: PoolOptions, log: Logger) {
    this.#answerMs = statementTimeoutMs + CLIENT_GRACE_MS
    this.#pool = new pg.Pool({
      ...config,
      types: parsers,
      connectionTimeoutMillis: connectTimeoutMs,
      query_timeout: this.#answerMs,
      pipeline: true,
      options: sessionOptions({ timezone: 'UTC', statement_timeout: statementTimeoutMs, idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS }),
      application_name: 'auralink-ingress-egress',
      keepAlive: true
    })
    this.#pool.on('error', error => {
      log.warn({ error: messageOf(error) }, 'an idle database connection broke')
      this.onTrouble()
    })
    this.options = this.#pool.options
  }

  get statistics (): PoolStatistics {
    const { totalCount, idleCount, waitingCount } = this.#pool
    return { active: totalCount - idleCount, idle: idleCount, total: totalCount, waiting: waitingCount, max: this.#pool.options.max }
  }

  async connect (): Promise<LentClient> {
    try {
      return lend(await this.#pool.connect(), this.#answerMs, () => this.onTrouble())
    } catch (error) {
      this.onTrouble()
      throw unavailable(error)
    }
  }

  end (): Promise<void> { return this.#pool.end() }
}

const sessionOptions = (settings: Record<string, string | number>): string =>
  Object.entries(settings).map(([name, value]) => `-c ${name}=${value}`).join(' ')

/** SQLSTATE classes of a server that is there and can do nothing: connection lost, out of resources, shutting down or starting. */
const CANNOT_NOW = /^(?:08|53|57)/

/** Where it is and why it failed is for the log (`messageOf`), not for whoever asked us. */
const unavailable = (cause: unknown): AppError => new AppError('dependency_unavailable', 'The database is not available.', { cause })

const lent = new WeakMap<pg.PoolClient, LentClient>()

/**
 * The same object for the same connection each time: kysely knows its connections by identity.
 * @param answerMs how long to wait for the answer to one statement
 */
function lend (client: pg.PoolClient, answerMs: number, onTrouble: () => void): LentClient {
  const known = lent.get(client)
  if (known) return known
  let broken: Error | undefined
  // The pool listens to idle connections only: unheard, the end of one that is lent would end the process.
  client.on('error', error => { broken = error })
  const ask = async (text: string, values: readonly unknown[], withinMs: number): Promise<pg.QueryResult> => {
    if (broken) throw unavailable(broken)
    try {
      return await client.query({ text, values: values as unknown[], query_timeout: withinMs } as pg.QueryConfig)
    } catch (error) {
      if (error instanceof pg.DatabaseError && !CANNOT_NOW.test(error.code ?? '')) throw error
      if (!(error instanceof pg.DatabaseError)) broken = error as Error // Not the server's answer: there was none.
      onTrouble()
      throw unavailable(error)
    }
  }
  const query = (text: string, values: readonly unknown[]): Promise<unknown> => ask(text, values, answerMs)
  const all = async (statements: readonly Statement[]): Promise<(readonly Row[])[]> => {
    const socket = socketOf(client)
    socket?.cork() // One packet, one system call.
    const asked = statements.map(({ text, values = [] }, index) => ask(text, values, answerMs * (index + 1)))
    socket?.uncork()
    await Promise.allSettled(asked) // Nothing of it may be under way when the caller goes on.
    return (await Promise.all(asked)).map(({ rows }) => rows)
  }
  const release = (destroy?: boolean): void => {
    if (broken) socketOf(client)?.destroy() // A polite end would wait for the server that does not answer.
    client.release(broken ?? destroy)
  }
  const lentClient = Object.assign(Object.create(client), { query, all, release }) as LentClient
  lent.set(client, lentClient)
  return lentClient
}

const socketOf = (client: pg.PoolClient): Socket | undefined =>
  (client as unknown as { connection?: { stream?: Socket } }).connection?.stream
