import { isIPv6 } from 'node:net'
import type { Clock } from '../../lib/clock.ts'

/** Wrong stream keys from one source within `FAILURE_WINDOW_MS` after which it is not listened to for `BAN_MS`. */
const MAX_FAILURES = 5
const FAILURE_WINDOW_MS = 60_000
const BAN_MS = 60_000
/** Sources with failures that are remembered; the oldest is forgotten first. */
const MAX_SOURCES = 10_000

export type DoormanLimits = {
  /** Connections in all. */
  readonly connections: number
  /** Connections of one source that have not yet shown a stream key. */
  readonly strangersPerSource: number
}

export type Turned =
  'too many connections' | 'too many connections from one address that do not publish' | 'too many wrong stream keys from one address'

type Failures = { count: number, since: number, bannedUntil: number }

/** One connection's place. Disposing leaves. */
export interface Pass extends Disposable {
  /** It has shown a stream key that is right: it is no stranger any more. */
  known (): void
  /** It has shown one that is wrong. */
  failed (): void
  /** Its source has shown too many wrong ones since it came in. */
  readonly banned: boolean
}

/** Who may stand at the door, and how long: limits by the address that connections come from. */
export class Doorman {
  readonly #limits: DoormanLimits
  readonly #clock: Clock
  readonly #strangers = new Map<string, number>()
  readonly #failures = new Map<string, Failures>()
  #connections = 0

  constructor (limits: DoormanLimits, clock: Clock) {
    this.#limits = limits
    this.#clock = clock
  }

  get connections (): number { return this.#connections }

  /** @returns a pass, or why there is none. */
  enter (address: string): Pass | Turned {
    const source = sourceOf(address)
    if (this.#connections >= this.#limits.connections) return 'too many connections'
    if ((this.#strangers.get(source) ?? 0) >= this.#limits.strangersPerSource) return 'too many connections from one address that do not publish'
    if (this.#banned(source)) return 'too many wrong stream keys from one address'
    return this.#pass(source)
  }

  #pass (source: string): Pass {
    this.#connections++
    this.#addStranger(source, 1)
    let stranger = true
    const known = (): void => {
      if (stranger) this.#addStranger(source, -1)
      stranger = false
    }
    const isBanned = (): boolean => this.#banned(source)
    let gone = false
    return {
      known,
      failed: () => this.#fail(source),
      get banned () { return isBanned() },
      [Symbol.dispose]: () => {
        if (gone) return
        gone = true
        known()
        this.#connections--
      }
    }
  }

  #addStranger (source: string, change: number): void {
    const count = (this.#strangers.get(source) ?? 0) + change
    if (count > 0) this.#strangers.set(source, count)
    else this.#strangers.delete(source)
  }

  #banned (source: string): boolean { return (this.#failures.get(source)?.bannedUntil ?? 0) > this.#clock.now() }

  #fail (source: string): void {
    const now = this.#clock.now()
    const last = this.#failures.get(source)
    const fresh = !last || now - last.since > FAILURE_WINDOW_MS
    const failures = fresh ? { count: 1, since: now, bannedUntil: 0 } : { ...last, count: last.count + 1 }
    if (failures.count >= MAX_FAILURES) failures.bannedUntil = now + BAN_MS
    this.#failures.delete(source) // Set again, it is the youngest.
    this.#failures.set(source, failures)
    if (this.#failures.size > MAX_SOURCES) this.#failures.delete(this.#failures.keys().next().value!)
  }
}

/** An IPv4 address; of an IPv6 address the /64, which is what one customer has. */
export function sourceOf (address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)
  if (mapped) return mapped[1]!
  if (!isIPv6(address)) return address
  const [head = '', tail = ''] = address.split('%', 1)[0]!.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === '' ? [] : tail.split(':')
  const zeros = Array.from({ length: Math.max(0, 8 - left.length - right.length) }, () => '0')
  return [...left, ...zeros, ...right].slice(0, 4).map(group => parseInt(group, 16).toString(16)).join(':')
}
