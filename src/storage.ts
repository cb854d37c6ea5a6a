import type { Config } from './config/load.ts'
import type { Clock } from './lib/clock.ts'
import type { Logger } from './lib/log.ts'
import { folderKey, instanceOf } from './store/kept-secret.ts'
import { type Database, openDatabase } from './store/database.ts'
import type { Cache } from './store/cache.ts'
import { Events } from './store/events.ts'
import { Ingresses } from './store/ingresses.ts'
import { StoreJournal } from './store/journal.ts'
import { openCache } from './store/open-cache.ts'
import { Vault } from './store/sealed.ts'
import { Streams } from './store/streams.ts'

/** What is kept: the database with everything that writes to it, and the cache. */
export type Storage = {
  readonly database: Database
  readonly cache: Cache
  readonly journal: StoreJournal
  readonly events: Events
  readonly ingresses: Ingresses
  readonly streams: Streams
  readonly vault: Vault
}

type Surroundings = {
  readonly config: Config
  readonly log: Logger
  readonly clock: Clock
  readonly stack: AsyncDisposableStack
  readonly signal: AbortSignal
  /** Throws AppError `destination_not_allowed` for a WHIP or WHEP server that nothing may be sent to. */
  readonly guard: (url: string) => Promise<void>
}

/** A database that takes longer to connect to counts as away: nobody's request waits for it. */
const MAX_CONNECT_MS = 1_500

/** Opens them in the order they build on each other; the stack closes them the other way round. */
export async function openStorage ({ config, log, clock, stack, signal, guard }: Surroundings): Promise<Storage> {
  const { service: { dataDir, bridgeId }, database: { url, username, password, schema, pool, autoMigrate }, redis, security: { secretKey } } = config
  const connections = { poolSize: pool.size, idleTimeoutMs: pool.idleTimeout, maxLifetimeMs: pool.maxLifetime, connectTimeoutMs: Math.min(pool.connectionTimeout, MAX_CONNECT_MS) }
  const database = stack.use(await openDatabase({ url, user: username, password, schema, autoMigrate, dataDir, ...connections }, { log, clock, signal }))
  const { host, port, password: redisPassword, database: index, keyPrefix, timeout: timeoutMs } = redis
  const cache = stack.use(await openCache({ host, port, password: redisPassword, database: index, keyPrefix, timeoutMs }, { log, clock }))
  const journal = stack.use(await StoreJournal.open({ database, bridgeId, dataDir, log, clock }))
  const events = stack.use(new Events(database, { clock, log }))
  journal.onApplied = () => events.appended()
  const keeper = await instanceOf(dataDir)
  const vault = new Vault(secretKey === undefined ? await folderKey(dataDir) : Buffer.from(secretKey))
  const ingresses = new Ingresses(database, { vault, log, keeper, guard })
  const streams = new Streams(database, { vault, keeper, guard })
  return { database, cache, journal, events, ingresses, streams, vault }
}
