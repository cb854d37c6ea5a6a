import type { Clock } from '../lib/clock.ts'
import type { Cache, CacheValue } from './cache.ts'

type Entry = { readonly value: CacheValue, readonly until: number }

/** As many keys as fifty thousand participants make. */
const MAX_KEYS = 100_000

/** The cache of a bridge that runs alone. The oldest keys go first when there are too many. */
export class MemoryCache implements Cache {
  readonly kind = 'memory'
  readonly endpoint = 'memory'
  onTrouble = (): void => {}
  readonly pool = { active: 0, idle: 0, waiting: 0, max: 0 }
  readonly #clock: Clock
  readonly #entries = new Map<string, Entry>()

  constructor (clock: Clock) { this.#clock = clock }

  async set (key: string, value: CacheValue, ttlSeconds: number): Promise<void> {
    this.#entries.delete(key)
    if (this.#entries.size >= MAX_KEYS) this.#entries.delete(this.#entries.keys().next().value!)
    this.#entries.set(key, { value, until: this.#clock.now() + ttlSeconds * 1000 })
  }

  async touch (key: string, ttlSeconds: number): Promise<boolean> {
    const value = this.#read(key)
    if (value) await this.set(key, value, ttlSeconds)
    return value !== undefined
  }

  async delete (keys: readonly string[]): Promise<void> {
    for (const key of keys) this.#entries.delete(key)
  }

  async addMember (key: string, member: string, ttlSeconds: number): Promise<void> {
    await this.set(key, { type: 'set', members: [...new Set([...await this.members(key), member])] }, ttlSeconds)
  }

  async removeMembers (key: string, gone: readonly string[]): Promise<void> {
    const entry = this.#entries.get(key)
    const members = (await this.members(key)).filter(member => !gone.includes(member))
    if (members.length === 0) this.#entries.delete(key)
    else if (entry) this.#entries.set(key, { ...entry, value: { type: 'set', members } })
  }

  async members (key: string): Promise<string[]> {
    const value = this.#read(key)
    return value?.type === 'set' ? [...value.members] : []
  }

  async hash (key: string): Promise<Record<string, string>> {
    const value = this.#read(key)
    return value?.type === 'hash' ? { ...value.fields } : {}
  }

  async string (key: string): Promise<string | undefined> {
    const value = this.#read(key)
    return value?.type === 'string' ? value.text : undefined
  }

  async check (): Promise<void> {}
  async [Symbol.asyncDispose] (): Promise<void> { this.#entries.clear() }

  #read (key: string): CacheValue | undefined {
    const entry = this.#entries.get(key)
    if (entry && entry.until <= this.#clock.now()) {
      this.#entries.delete(key)
      return undefined
    }
    return entry?.value
  }
}
