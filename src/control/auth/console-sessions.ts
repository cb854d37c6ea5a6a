import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Clock } from '../../lib/clock.ts'
import type { Principal } from './principal.ts'

const MAX_SESSIONS = 1_000
const IDLE_MS = 8 * 60 * 60_000
const LONGEST_MS = 24 * 60 * 60_000
const ONE_TIME_MS = 24 * 60 * 60_000

type ConsoleSession = { readonly principal: Principal, readonly keyHash: string | undefined, readonly until: number, idleUntil: number }

/** Who is logged in to the console. Kept in memory: a restart logs everybody out, and nothing is left on a disk to steal. */
export class ConsoleSessions {
  readonly #clock: Clock
  readonly #sessions = new Map<string, ConsoleSession>()
  #oneTime: { readonly hash: Buffer, readonly until: number } | undefined

  constructor (clock: Clock) { this.#clock = clock }

  /** A token that logs one person in, once, with every right: printed at the first start. A new one ends the one before. */
  issueOneTimeToken (): string {
    const token = randomBytes(24).toString('base64url')
    this.#oneTime = { hash: sha256(token), until: this.#clock.now() + ONE_TIME_MS }
    return token
  }

  /** @returns whether the token was the one, and uses it up. */
  redeem (token: string): boolean {
    const expected = this.#oneTime
    if (!expected || expected.until <= this.#clock.now() || !timingSafeEqual(sha256(token), expected.hash)) return false
    this.#oneTime = undefined
    return true
  }

  /**
   * @param keyHash the hash of the API key it was opened with: the session ends with the key.
   * @returns what goes into the cookie.
   */
  open (principal: Principal, keyHash?: string): string {
    if (this.#sessions.size >= MAX_SESSIONS) this.#sessions.delete(this.#sessions.keys().next().value!)
    const id = randomBytes(32).toString('base64url')
    const now = this.#clock.now()
    this.#sessions.set(nameOf(id), { principal, keyHash, until: now + LONGEST_MS, idleUntil: now + IDLE_MS })
    return id
  }

  find (id: string): { principal: Principal, keyHash: string | undefined } | undefined {
    const name = nameOf(id) // Looked up by its hash: how long that takes says nothing about any id.
    const session = this.#sessions.get(name)
    if (!session) return undefined
    const now = this.#clock.now()
    if (session.until <= now || session.idleUntil <= now) {
      this.#sessions.delete(name)
      return undefined
    }
    session.idleUntil = now + IDLE_MS
    return session
  }

  close (id: string): void { this.#sessions.delete(nameOf(id)) }
}

const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest()
const nameOf = (id: string): string => sha256(id).toString('base64')

/** Seconds the browser keeps the cookie; the session behind it may end earlier. */
export const COOKIE_MAX_AGE_S = LONGEST_MS / 1000
