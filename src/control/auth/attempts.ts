import { isIPv6 } from 'node:net'
import type { Clock } from '../../lib/clock.ts'

export type AttemptLimits = { readonly failures: number, readonly windowMs: number, readonly addresses: number }

const defaults: AttemptLimits = { failures: 10, windowMs: 60_000, addresses: 10_000 }

/**
 * Counts failed logins by address, so that nobody may guess on. Remembers a bounded number of addresses: under a flood from
 * more, the oldest are forgotten, and each of those had its full number of failures to begin with.
 */
export class Attempts {
  readonly #clock: Clock
  readonly #limits: AttemptLimits
  readonly #failures = new Map<string, { count: number, until: number }>()

  constructor (clock: Clock, limits: AttemptLimits = defaults) {
    this.#clock = clock
    this.#limits = limits
  }

  /** Milliseconds until this address may try again; 0 if it may now. */
  waitMs (address: string): number {
    if (this.#failures.size === 0) return 0
    const entry = this.#failures.get(network(address))
    if (!entry || entry.count < this.#limits.failures) return 0
    return Math.max(0, entry.until - this.#clock.now())
  }

  failed (address: string): void {
    const key = network(address)
    const now = this.#clock.now()
    const entry = this.#failures.get(key)
    if (entry && entry.until > now) {
      entry.count++
      return
    }
    this.#failures.delete(key)
    if (this.#failures.size >= this.#limits.addresses) this.#failures.delete(this.#failures.keys().next().value!)
    this.#failures.set(key, { count: 1, until: now + this.#limits.windowMs })
  }

  succeeded (address: string): void { this.#failures.delete(network(address)) }
}

/** Whoever has one IPv6 address usually has 2^64 of them: a /64 counts as one. */
export function network (address: string): string {
  if (!isIPv6(address) || address.startsWith('::ffff:')) return address
  const [head = '', tail] = address.split('::')
  const left = head.split(':').filter(Boolean)
  if (tail !== undefined) while (left.length < 4) left.push('0')
  return left.slice(0, 4).map(group => group.replace(/^0+(?=.)/, '')).join(':')
}
