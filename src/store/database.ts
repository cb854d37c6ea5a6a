import { Kysely, PostgresDialect, sql } from 'kysely'
import path from 'node:path'
import { ChildController } from '../lib/abort.ts'
import type { Clock } from '../lib/clock.ts'
import { AppError, messageOf } from '../lib/errors.ts'
import type { Logger } from '../lib/log.ts'
import { lockFolder } from './folder-lock.ts'
import { parseDatabaseUrl } from './database-url.ts'
import { EmbeddedPostgres } from './embedded.ts'
import { migrate, pendingMigrations } from './migrations/index.ts'
import { pause } from '../lib/pause.ts'
import { BoundedPool, type PoolOptions, type PoolStatistics, type Row, type Statement } from './pool.ts'
import type { Tables } from './tables.ts'

export type DatabaseOptions = {
  /** `postgresql://…` or `jdbc:postgresql://…`; without it, the embedded database in `dataDir`. */
  readonly url?: string | undefined
  readonly user?: string | undefined
  readonly password?: string | undefined
  readonly poolSize: number
  readonly autoMigrate: boolean
  /** Of the tables; `ingress_egress` if not given. */
  readonly schema?: string | undefined
  /** Taken by this process alone, whichever database is used. */
  readonly dataDir: string
  readonly statementTimeoutMs?: number | undefined
  readonly connectTimeoutMs?: number | undefined
  /** A connection unused for so long is closed. */
  readonly idleTimeoutMs?: number | undefined
  /** A connection older than this is replaced. */
  readonly maxLifetimeMs?: number | undefined
}

type Surroundings = { readonly log: Logger, readonly clock: Clock, readonly signal: AbortSignal }

const SCHEMA = 'ingress_egress'
/** Together with the client's grace these make the longest wait of anybody: 4.5 s. */
const STATEMENT_TIMEOUT_MS = 2_500
const CONNECT_TIMEOUT_MS = 1_500
const IDLE_TIMEOUT_MS = 600_000
const MAX_LIFETIME_MS = 1_800_000
const MIGRATION_TIMEOUT_MS = 600_000
/** One session serves all connections of the embedded database: more would only wait inside instead of outside. */
const EMBEDDED_POOL_SIZE = 4
const FIRST_RETRY_MS = 250
const LAST_RETRY_MS = 5_000

/** PostgreSQL, near or far. Usable once `ready` has resolved; before and after that every query may fail, within 5 s. */
export class Database implements AsyncDisposable {
  readonly kind: 'embedded' | 'postgresql'
  /** Where it is, without credentials. */
  readonly endpoint: string
  readonly db: Kysely<Tables>
  /** Of the tables. */
  readonly schema: string
  /** Called when the server did not answer somebody: it may be away. */
  onTrouble: () => void = () => {}
  /** Resolves when the schema is there. Never rejects. */
  readonly ready: Promise<void>
  readonly #postgres: EmbeddedPostgres | undefined
  readonly #pool: BoundedPool
  readonly #scope: AsyncDisposableStack
  #isReady = false

  constructor ({ kind, endpoint, postgres }: Server, { pool, db, schema, prepared, scope }: Opened) {
    this.kind = kind
    this.endpoint = endpoint
    this.db = db
    this.schema = schema
    this.#postgres = postgres
    this.#pool = pool
    pool.onTrouble = () => this.onTrouble()
    this.#scope = scope
    this.ready = prepared.then(() => { this.#isReady = true })
  }

  /** The process of the embedded database. */
  get embeddedPid (): number | undefined { return this.#postgres?.pid }
  get isReady (): boolean { return this.#isReady }
  get pool (): PoolStatistics { return this.#pool.statistics }

  /** One round trip. @throws AppError `dependency_unavailable` */
  async check (signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted()
    if (!this.#isReady) throw new AppError('dependency_unavailable', 'the database is not connected or its schema is not up to date yet')
    const late = Promise.withResolvers<never>()
    const abort = (): void => late.reject(signal?.reason)
    signal?.addEventListener('abort', abort, { once: true })
    try {
      await Promise.race([sql`select 1`.execute(this.db), late.promise])
    } catch (cause) {
      throw cause instanceof AppError ? cause : new AppError('dependency_unavailable', `the database does not answer: ${messageOf(cause)}`, { cause })
    } finally {
      signal?.removeEventListener('abort', abort)
    }
  }

  /**
   * A transaction in two round trips, whatever there is to do: for what comes often, and needs no query builder. It asks one
   * thing, and does what the answer tells it to.
   */
  async transact (question: Statement, work: (answer: readonly Row[]) => readonly Statement[]): Promise<void> {
    const client = await this.#pool.connect()
    try {
      const [, answer = []] = await client.all([{ text: 'begin' }, question])
      await client.all([...work(answer), { text: 'commit' }]) // If anything failed, this one rolls back.
    } catch (error) {
      await client.query('rollback', []).catch(() => {}) // Without a connection there is no transaction either.
      throw error
    } finally {
      client.release()
    }
  }

  async [Symbol.asyncDispose] (): Promise<void> {
    await using _scope = this.#scope
    await this.db.destroy()
    await this.#pool.end().catch(() => {}) // kysely ends the pool only if it was ever used.
  }
}

/**
 * Opens the database. The embedded one is up when this returns; one that is elsewhere may be away, and is then tried again
 * until it is there: `ready` says when.
 * @throws AppError `conflict` when another process uses the data folder, `bad_request` for a URL that cannot be read
 */
export async function openDatabase (options: DatabaseOptions, { log, clock, signal }: Surroundings): Promise<Database> {
  await using scope = new AsyncDisposableStack()
  scope.use(lockFolder(options.dataDir))
  const server = options.url ? external(options.url, options) : await embedded(options, scope, { log, clock })
  const { autoMigrate, schema = SCHEMA } = options
  const limits = {
    statementTimeoutMs: options.statementTimeoutMs ?? STATEMENT_TIMEOUT_MS,
    connectTimeoutMs: options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
    idleTimeoutMillis: options.idleTimeoutMs ?? IDLE_TIMEOUT_MS,
    maxLifetimeSeconds: (options.maxLifetimeMs ?? MAX_LIFETIME_MS) / 1000
  }
  const pool = new BoundedPool({ ...server.connection, ...limits, max: server.poolSize }, log)
  const stop = scope.use(new ChildController(signal))
  scope.defer(() => stop.abort())
  const prepared = prepare({ ...server.connection, ...limits, max: 1 }, { autoMigrate, schema }, { log, clock, signal: stop.signal })
  if (server.kind === 'embedded') await prepared
  return new Database(server, { pool, db: kyselyOn<Tables>(pool).withSchema(schema), schema, prepared, scope: scope.move() })
}

type Server = {
  readonly kind: Database['kind']
  readonly endpoint: string
  readonly connection: Partial<PoolOptions>
  readonly poolSize: number
  readonly postgres?: EmbeddedPostgres
}

function external (url: string, { user, password, poolSize }: DatabaseOptions): Server {
  const { connectionString, endpoint } = parseDatabaseUrl(url, user, password)
  return { kind: 'postgresql', endpoint, connection: { connectionString }, poolSize }
}

type Tools = Omit<Surroundings, 'signal'>

async function embedded ({ dataDir, poolSize }: DatabaseOptions, scope: AsyncDisposableStack, tools: Tools): Promise<Server> {
  const folder = path.join(dataDir, 'postgres')
  const postgres = scope.use(await EmbeddedPostgres.start(folder, tools))
  const connection = { ...postgres.address, user: 'postgres', database: 'postgres' }
  return { kind: 'embedded', endpoint: `embedded:${folder}`, connection, poolSize: Math.min(poolSize, EMBEDDED_POOL_SIZE), postgres }
}

type Opened = {
  readonly pool: BoundedPool
  readonly db: Kysely<Tables>
  readonly schema: string
  readonly prepared: Promise<void>
  readonly scope: AsyncDisposableStack
}

type Migrating = { readonly autoMigrate: boolean, readonly schema: string }

/** Resolves when the schema is up to date, however long that takes; never if the signal comes first. */
async function prepare (connection: PoolOptions, migration: Migrating, { log, clock, signal }: Surroundings): Promise<void> {
  for (let wait = FIRST_RETRY_MS; !signal.aborted; wait = Math.min(wait * 2, LAST_RETRY_MS)) {
    try {
      await bringUpToDate(connection, migration, log)
      return
    } catch (error) {
      log.warn({ error: messageOf(error), retryMs: wait }, 'the database cannot be used yet')
    }
    await pause(clock, wait, signal)
  }
  await new Promise<never>(() => {})
}

async function bringUpToDate (connection: PoolOptions, { autoMigrate, schema }: Migrating, log: Logger): Promise<void> {
  const db = kyselyOn<never>(new BoundedPool({ ...connection, statementTimeoutMs: MIGRATION_TIMEOUT_MS }, log))
  try {
    const pending = await pendingMigrations(db, schema)
    if (pending.length === 0) return
    if (!autoMigrate) throw new AppError('conflict', `the schema lacks ${pending.join(', ')}: set DB_AUTO_MIGRATE=true once`)
    log.info({ migrations: await migrate(db, schema) }, 'the database schema was brought up to date')
  } finally {
    await db.destroy()
  }
}

const kyselyOn = <T>(pool: BoundedPool): Kysely<T> => new Kysely<T>({ dialect: new PostgresDialect({ pool }) })
