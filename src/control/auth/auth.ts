import { AppError } from '../../lib/errors.ts'
import type { Clock } from '../../lib/clock.ts'
import { type ApiKeys, adminPrincipal, hashOf } from './api-keys.ts'
import { Attempts } from './attempts.ts'
import { ConsoleSessions } from './console-sessions.ts'
import { decodedHeader, JwtRefused, type JwtReason, type JwtVerifier } from './jwt.ts'
import type { Oidc } from './oidc.ts'
import { type Principal, requireRoom, requireScope, type Scope } from './principal.ts'
import { TooManyRequests } from '../too-many-requests.ts'
import { Refusals } from './refusals.ts'
import { MEDIA_TOKEN_TYPE, type TokenMint } from './token-mint.ts'

export const SESSION_COOKIE = 'auralink_session'
const MAX_CREDENTIAL_LENGTH = 16 * 1024

/** What a request has to show: Fastify's own satisfies it. */
export type Visitor = {
  readonly method: string
  readonly ip: string
  /** The host the client asked for, `name[:port]`. */
  readonly host: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly cookies?: Readonly<Record<string, string | undefined>>
}

export type AuthParts = {
  readonly clock: Clock
  readonly apiKeys: ApiKeys
  readonly mint: TokenMint
  readonly jwt?: JwtVerifier | undefined
  readonly oidc?: Oidc | undefined
  /** The header API keys come in. */
  readonly apiKeyHeader?: string
  /** Whether API keys count at all; without them there are tokens and console logins. */
  readonly acceptApiKeys?: boolean
}

/** What only somebody who guesses gets wrong; an expired token is no attack. */
const guesses: ReadonlySet<JwtReason> = new Set<JwtReason>(['signature', 'signature_missing', 'algorithm', 'algorithm_none', 'unknown_key'])

/** Says who is behind a request, and whether they may do what they ask for. */
export class Auth {
  readonly apiKeys: ApiKeys
  readonly mint: TokenMint
  readonly oidc: Oidc | undefined
  readonly console: ConsoleSessions
  readonly refusals = new Refusals()
  readonly #attempts: Attempts
  readonly #jwt: JwtVerifier | undefined
  readonly #header: string
  readonly #acceptApiKeys: boolean

  constructor ({ clock, apiKeys, mint, jwt, oidc, apiKeyHeader = 'X-AuraLink-API-Key', acceptApiKeys = true }: AuthParts) {
    this.apiKeys = apiKeys
    this.mint = mint
    this.oidc = oidc
    this.console = new ConsoleSessions(clock)
    this.#attempts = new Attempts(clock)
    this.#jwt = jwt
    this.#header = apiKeyHeader.toLowerCase()
    this.#acceptApiKeys = acceptApiKeys
  }

  /**
   * For routes of other parts: lets the request pass, or throws what to answer.
   * @throws AppError `unauthorized`, `forbidden`, `rate_limited`.
   */
  readonly authorize = async (visitor: Visitor, scope: Scope, room?: string): Promise<Principal> => {
    const principal = await this.identify(visitor)
    this.check('scope', () => requireScope(principal, scope))
    if (room !== undefined) this.check('room', () => requireRoom(principal, room))
    return principal
  }

  /** @throws AppError `unauthorized`, without saying why; `rate_limited` for an address that guessed too often. */
  async identify (visitor: Visitor): Promise<Principal> {
    const key = single(visitor.headers[this.#header])
    if (key !== undefined) return this.#byKey(visitor, key)
    const bearer = /^Bearer +(\S+)$/i.exec(single(visitor.headers['authorization']) ?? '')?.[1]
    if (bearer !== undefined) return bearer.includes('.') ? this.#byToken(visitor, bearer) : this.#byKey(visitor, bearer)
    const cookie = visitor.cookies?.[SESSION_COOKIE]
    if (cookie !== undefined) return this.#bySession(visitor, cookie)
    throw this.#refuse('missing')
  }

  /** Opens a console session. @returns the cookie's value. */
  async login (visitor: Visitor, credentials: { token: string } | { apiKey: string }): Promise<{ cookie: string, principal: Principal }> {
    this.#checkAttempts(visitor)
    if (crossOrigin(visitor)) throw this.#forbidCsrf()
    const byKey = 'apiKey' in credentials
    const principal = byKey ? await this.#verifyKey(credentials.apiKey) : this.console.redeem(credentials.token) ? adminPrincipal : undefined
    if (!principal) throw this.#wrong(visitor, 'login')
    this.#attempts.succeeded(visitor.ip)
    const inConsole = { ...principal, kind: 'console' } as const
    return { cookie: this.console.open(inConsole, byKey ? hashOf(credentials.apiKey) : undefined), principal: inConsole }
  }

  /** Runs a check and counts the refusal, if it is one. */
  check (reason: 'scope' | 'room', look: () => void): void {
    try {
      look()
    } catch (error) {
      this.refusals.count(reason)
      throw error
    }
  }

  async #byKey (visitor: Visitor, key: string): Promise<Principal> {
    this.#checkAttempts(visitor)
    const principal = await this.#verifyKey(key)
    if (!principal) throw this.#wrong(visitor, 'api_key')
    return principal
  }

  async #verifyKey (key: string): Promise<Principal | undefined> {
    return this.#acceptApiKeys && key.length <= MAX_CREDENTIAL_LENGTH ? this.apiKeys.verify(key) : undefined
  }

  async #byToken (visitor: Visitor, token: string): Promise<Principal> {
    this.#checkAttempts(visitor)
    try {
      const verifier = token.length <= MAX_CREDENTIAL_LENGTH && typeOf(token) === MEDIA_TOKEN_TYPE ? this.mint.verifier : this.#jwt
      if (!verifier) throw new JwtRefused('not_configured')
      return await verifier.verify(token)
    } catch (error) {
      if (!(error instanceof JwtRefused)) throw error
      if (guesses.has(error.reason)) throw this.#wrong(visitor, error.reason)
      throw this.#refuse(error.reason)
    }
  }

  async #bySession (visitor: Visitor, cookie: string): Promise<Principal> {
    const session = this.console.find(cookie)
    if (!session) throw this.#refuse('session')
    if (session.keyHash !== undefined && !await this.apiKeys.stillValid(session.keyHash)) {
      this.console.close(cookie)
      throw this.#refuse('session')
    }
    if (!safeMethods.has(visitor.method) && (crossOrigin(visitor) || !provablyOurs(visitor))) throw this.#forbidCsrf()
    return session.principal
  }

  #checkAttempts ({ ip }: Visitor): void {
    const wait = this.#attempts.waitMs(ip)
    if (wait === 0) return
    this.refusals.count('throttled')
    throw new TooManyRequests(wait)
  }

  #wrong ({ ip }: Visitor, reason: 'api_key' | 'login' | JwtReason): AppError {
    this.#attempts.failed(ip)
    return this.#refuse(reason)
  }

  #refuse (reason: 'missing' | 'session' | 'api_key' | 'login' | JwtReason): AppError {
    this.refusals.count(reason)
    return new AppError('unauthorized')
  }

  #forbidCsrf (): AppError {
    this.refusals.count('csrf')
    return new AppError('forbidden', 'This request did not come from the console.')
  }
}

const safeMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])
const single = (value: string | string[] | undefined): string | undefined => typeof value === 'string' ? value : undefined

/** A browser said it comes from another site. */
function crossOrigin ({ headers, host }: Visitor): boolean {
  const origin = single(headers['origin'])
  if (origin === undefined) return false
  return !URL.canParse(origin) || new URL(origin).host !== host
}

/**
 * A cookie goes along with whatever a page makes the browser send; our origin, or a header that no form can set, does not.
 * SameSite=Strict says the same a third time.
 */
const provablyOurs = ({ headers }: Visitor): boolean => headers['origin'] !== undefined || headers['x-requested-with'] !== undefined

/** The unproven `typ` of a token: it only chooses which verifier proves everything, `typ` included. */
function typeOf (token: string): string | undefined {
  const { typ } = decodedHeader(token)
  return typeof typ === 'string' ? typ.toLowerCase() : undefined
}
