import { within } from '../lib/abort.ts'
import type { Clock } from '../lib/clock.ts'
import { messageOf } from '../lib/errors.ts'
import { type Logger, Tally } from '../lib/log.ts'
import type { Bridge } from '../room/bridge.ts'
import type { Room } from '../room/room.ts'
import type { Cache, CacheValue } from './cache.ts'
import { type BridgeFacts, roomBridgesKey, sharedState, statusKey, totals } from './state-keys.ts'

export type MirrorOptions = {
  readonly cache: Cache
  readonly bridge: Bridge
  readonly facts: BridgeFacts
  readonly log: Logger
  readonly clock: Clock
  /** How long what a dead bridge wrote stays. */
  readonly ttlSeconds?: number | undefined
}

/** A flushed cache is whole again after this. */
const SYNC_MS = 5_000
const TTL_S = 300
/** A bridge's own status says that it lives, and counts in the sums: it goes first. Six syncs may fail before it does. */
const STATUS_TTL_S = 30
/** Changes that come together are written together. */
const SOON_MS = 100
/** Commands under way at once: few enough that answers to others do not wait. */
const CHUNK = 50
const GOODBYE_MS = 1_000
const BRIDGES = 'bridges'

/**
 * Keeps the cache a picture of this bridge: what changed is written soon, everything else is kept from expiring, and what is
 * gone from the cache is written again. Errors end a round, nothing more: the next one makes up for it.
 */
export class StateMirror implements AsyncDisposable {
  readonly #options: MirrorOptions
  readonly #ttl: number
  readonly #tally: Tally
  readonly #ticking: Disposable
  /** What the cache holds of ours, as far as we know: by key, the value as text. */
  readonly #written = new Map<string, string>()
  #rooms: ReadonlySet<string> = new Set()
  #soon: Disposable | undefined
  #syncing: Promise<void> | undefined
  #rates = new BitRates()
  #isClosed = false

  constructor (options: MirrorOptions) {
    this.#options = options
    this.#ttl = options.ttlSeconds ?? TTL_S
    this.#tally = new Tally(options.log, options.clock, 60_000)
    this.#ticking = options.clock.every(SYNC_MS, () => { void this.sync() })
    this.changed()
  }

  /** Something happened: call it as often as you like. */
  changed (): void {
    if (this.#isClosed) return
    this.#soon ??= this.#options.clock.after(SOON_MS, () => {
      this.#soon = undefined
      void this.sync()
    })
  }

  /** One round; never two at a time. Never rejects. */
  sync (): Promise<void> {
    this.#syncing ??= this.#round()
      .catch(error => this.#tally.count('the shared state could not be written to the cache', { error: messageOf(error) }, 'debug'))
      .finally(() => { this.#syncing = undefined })
    return this.#syncing
  }

  async [Symbol.asyncDispose] (): Promise<void> {
    this.#isClosed = true
    this.#ticking[Symbol.dispose]()
    this.#soon?.[Symbol.dispose]()
    await within(GOODBYE_MS, this.#goodbye()).catch(() => false)
  }

  async #round (): Promise<void> {
    const { bridge, facts, cache, clock } = this.#options
    this.#rates.measure(bridge.rooms, clock.now())
    const { own, rooms } = sharedState(bridge, facts, room => this.#rates.kbps(room))
    await this.#remove([...this.#written.keys()].filter(key => !own.has(key)))
    await inChunks([...own], ([key, value]) => this.#keep(key, value))
    await cache.addMember(BRIDGES, facts.bridgeId, this.#ttl)
    const alive = await this.#sumUp()
    await this.#placeInRooms(rooms, alive)
  }

  async #keep (key: string, value: CacheValue): Promise<void> {
    const ttl = key === statusKey(this.#options.facts.bridgeId) ? STATUS_TTL_S : this.#ttl
    const text = JSON.stringify(value)
    const isKnown = this.#written.get(key) === text
    const isEmpty = value.type === 'set' && value.members.length === 0
    if (isKnown && (isEmpty || await this.#options.cache.touch(key, ttl))) return
    this.#written.delete(key) // If this fails, nobody knows what is there.
    await this.#options.cache.set(key, value, ttl)
    this.#written.set(key, text)
  }

  async #remove (keys: readonly string[]): Promise<void> {
    await this.#options.cache.delete(keys)
    for (const key of keys) this.#written.delete(key)
  }

  /** Adds up what the living bridges say of themselves. @returns their ids */
  async #sumUp (): Promise<Set<string>> {
    const { cache } = this.#options
    const bridges = await cache.members(BRIDGES)
    const statuses = new Map(await Promise.all(bridges.map(async id => [id, await cache.hash(statusKey(id))] as const)))
    const alive = bridges.filter(id => Object.keys(statuses.get(id) ?? {}).length > 0)
    await cache.removeMembers(BRIDGES, bridges.filter(id => !alive.includes(id)))
    for (const [field, key] of Object.entries(totals)) {
      const total = alive.reduce((sum, id) => sum + Number(statuses.get(id)?.[field] ?? 0), 0)
      await cache.set(key, { type: 'string', text: String(total) }, STATUS_TTL_S)
    }
    return new Set(alive)
  }

  async #placeInRooms (rooms: ReadonlySet<string>, alive: ReadonlySet<string>): Promise<void> {
    const { cache, facts: { bridgeId } } = this.#options
    await inChunks([...this.#rooms].filter(room => !rooms.has(room)), room => cache.removeMembers(roomBridgesKey(room), [bridgeId]))
    this.#rooms = rooms
    await inChunks([...rooms], async room => {
      await cache.addMember(roomBridgesKey(room), bridgeId, this.#ttl)
      const dead = (await cache.members(roomBridgesKey(room))).filter(id => !alive.has(id) && id !== bridgeId)
      await cache.removeMembers(roomBridgesKey(room), dead)
    })
  }

  async #goodbye (): Promise<void> {
    await this.#syncing
    const { cache, facts: { bridgeId } } = this.#options
    await this.#remove([...this.#written.keys()])
    await cache.removeMembers(BRIDGES, [bridgeId])
    await this.#placeInRooms(new Set(), new Set())
    await this.#sumUp()
  }
}

/** Bit rates of rooms between one look and the next. */
class BitRates {
  #at = 0
  #bytes = new Map<Room, number>()
  #kbps = new Map<Room, number>()

  measure (rooms: readonly Room[], now: number): void {
    const seconds = (now - this.#at) / 1000
    if (seconds < SYNC_MS / 2000) return // Too soon after the last for a figure that means something.
    const bytes = new Map(rooms.map(room => [room, bytesOf(room)]))
    const kbps = (room: Room): number => (bytes.get(room)! - (this.#bytes.get(room) ?? 0)) * 8 / 1000 / seconds
    this.#kbps = new Map(rooms.map(room => [room, Math.max(0, Math.round(kbps(room)))])) // Tracks that left take their bytes along.
    this.#bytes = bytes
    this.#at = now
  }

  kbps (room: Room): number { return this.#kbps.get(room) ?? 0 }
}

const bytesOf = (room: Room): number =>
  room.participants.values().reduce((sum, { tracks }) => tracks.values().reduce((s, track) => s + track.bytes, sum), 0)

async function inChunks<T> (items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  for (let i = 0; i < items.length; i += CHUNK) await Promise.all(items.slice(i, i + CHUNK).map(work))
}
