import { createClient } from '@redis/client'
import { within } from '../lib/abort.ts'
import type { Clock } from '../lib/clock.ts'
import { AppError, messageOf } from '../lib/errors.ts'
import { type Logger, Tally } from '../lib/log.ts'
import type { Cache, CacheValue } from './cache.ts'

export type RedisOptions = {
  readonly host: string
  readonly port: number
  readonly username?: string | undefined
  readonly password?: string | undefined
  readonly database: number
  readonly keyPrefix: string
  /** How long one command may take. */
  readonly timeoutMs?: number | undefined
}

export type Surroundings = { readonly log: Logger, readonly clock: Clock }

const TIMEOUT_MS = 2_000
const MAX_QUEUED_COMMANDS = 5_000
const FIRST_RETRY_MS = 100
const LAST_RETRY_MS = 2_000
const CLOSE_MS = 1_000
const SAID_EVERY_MS = 30_000

/**
 * Redis, over one connection. The client's own time limits do not end a command that has been written (its `timeout` and abort
 * signals only reach the queue), so the socket has the limit, and pings keep an idle one from running into it. A socket that
 * timed out would be given up for good by the client's own strategy: ours always tries again.
 */
export class RedisCache implements Cache {
  readonly kind = 'redis'
  onTrouble: () => void = () => {}
  readonly endpoint: string
  readonly #client: ReturnType<typeof makeClient>
  readonly #prefix: string
  readonly #timeoutMs: number
  #running = 0

  constructor (options: RedisOptions, { log, clock }: Surroundings) {
    const tally = new Tally(log, clock, SAID_EVERY_MS)
    this.endpoint = `redis://${options.host}:${options.port}/${options.database}`
    this.#prefix = options.keyPrefix
    this.#timeoutMs = options.timeoutMs ?? TIMEOUT_MS
    this.#client = makeClient(options, this.#timeoutMs)
    this.#client.on('error', error => {
      tally.count('Redis is not there; nothing depends on it', { error: messageOf(error) || error.constructor.name })
      this.onTrouble()
    })
    this.#client.on('ready', () => log.info({ endpoint: this.endpoint }, 'connected to Redis'))
    this.#client.connect().catch(() => {}) // Said by the error event; rejects only when closed before it was ever connected.
  }

  get pool (): Cache['pool'] {
    const isOpen = this.#client.isReady
    const active = isOpen && this.#running > 0 ? 1 : 0
    return { active, idle: isOpen ? 1 - active : 0, waiting: Math.max(0, this.#running - 1), max: 1 }
  }

  async set (key: string, value: CacheValue, ttlSeconds: number): Promise<void> {
    const name = this.#prefix + key
    if (value.type === 'string') {
      await this.#do(client => client.set(name, value.text, { expiration: { type: 'EX', value: ttlSeconds } }))
      return
    }
    if (value.type === 'set' && value.members.length === 0) return this.delete([key]) // Redis has no empty sets.
    await this.#do(client => {
      const all = client.multi().del(name)
      const filled = value.type === 'set' ? all.sAdd(name, [...value.members]) : all.hSet(name, { ...value.fields })
      return filled.expire(name, ttlSeconds).exec()
    })
  }

  async touch (key: string, ttlSeconds: number): Promise<boolean> {
    return await this.#do(client => client.expire(this.#prefix + key, ttlSeconds)) === 1
  }

  async delete (keys: readonly string[]): Promise<void> {
    if (keys.length > 0) await this.#do(client => client.unlink(keys.map(key => this.#prefix + key)))
  }

  async addMember (key: string, member: string, ttlSeconds: number): Promise<void> {
    await this.#do(client => client.multi().sAdd(this.#prefix + key, member).expire(this.#prefix + key, ttlSeconds).exec())
  }

  async removeMembers (key: string, members: readonly string[]): Promise<void> {
    if (members.length > 0) await this.#do(client => client.sRem(this.#prefix + key, [...members]))
  }

  members (key: string): Promise<string[]> { return this.#do(client => client.sMembers(this.#prefix + key)) }
  async hash (key: string): Promise<Record<string, string>> { return { ...await this.#do(client => client.hGetAll(this.#prefix + key)) } }
  async string (key: string): Promise<string | undefined> { return await this.#do(client => client.get(this.#prefix + key)) ?? undefined }

  async check (signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted()
    try {
      await this.#do(client => client.ping())
    } catch (cause) {
      throw new AppError('dependency_unavailable', `Redis does not answer: ${messageOf(cause)}`, { cause })
    }
  }

  async [Symbol.asyncDispose] (): Promise<void> {
    const closing = this.#client.isReady && await within(CLOSE_MS, this.#client.close()).catch(() => false)
    if (!closing) this.#client.destroy()
  }

  async #do<T> (command: (client: ReturnType<typeof makeClient>) => Promise<T>): Promise<T> {
    this.#running++
    try {
      let result: T | undefined
      const done = command(this.#client).then(value => { result = value })
      if (!await within(this.#timeoutMs, done)) throw new AppError('dependency_unavailable', `Redis took longer than ${this.#timeoutMs} ms`)
      return result as T
    } finally {
      this.#running--
    }
  }
}

function makeClient ({ host, port, username, password, database }: RedisOptions, timeoutMs: number) {
  return createClient({
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    database,
    disableOfflineQueue: true,
    commandsQueueMaxLength: MAX_QUEUED_COMMANDS,
    pingInterval: Math.floor(timeoutMs / 2),
    socket: {
      host,
      port,
      connectTimeout: timeoutMs,
      socketTimeout: timeoutMs,
      reconnectStrategy: retries => Math.min(FIRST_RETRY_MS * 2 ** retries, LAST_RETRY_MS) * (0.75 + Math.random() / 2)
    }
  })
}
