import type { CryptoKey, JWK } from 'jose'
import type { Clock } from '../../lib/clock.ts'
import { AppError } from '../../lib/errors.ts'
import { jose } from './jose.ts'

/** Fetches a URL for us: in the service, through the guarded dialer. Follows no redirect, and fails when the signal does. */
export type Fetch = (url: string, init: FetchInit) => Promise<{ readonly status: number, text (): Promise<string> }>
export type FetchInit = { method?: string, headers?: Record<string, string>, body?: string, signal: AbortSignal }

const FRESH_MS = 10 * 60_000
/** Keys once good are kept this long while their source is away. */
const LAST_GOOD_MS = 24 * 60 * 60_000
/** Tokens with made-up key ids cause at most one fetch in this time. */
const REFRESH_EVERY_MS = 30_000
const FETCH_TIMEOUT_MS = 5_000
const MAX_BYTES = 256 * 1024
const MAX_KEYS = 100

/** The one algorithm for each type of key: a token does not get to choose (RFC 8725 section 3.1). */
export const asymmetricAlgorithms = ['RS256', 'ES256', 'EdDSA'] as const
export type AsymmetricAlgorithm = typeof asymmetricAlgorithms[number]

type Key = { readonly kid: string | undefined, readonly algorithm: AsymmetricAlgorithm, readonly key: CryptoKey }

/** The public keys of an issuer (RFC 7517): cached, fetched again when a token names a key not seen yet, kept through outages. */
export class Jwks {
  readonly #url: () => Promise<string> | string
  readonly #fetch: Fetch
  readonly #clock: Clock
  #keys: readonly Key[] = []
  #fetchedAt = -Infinity
  #triedAt = -Infinity
  #refreshing: Promise<void> | undefined

  constructor ({ url, fetch, clock }: { url: string | (() => Promise<string>), fetch: Fetch, clock: Clock }) {
    this.#url = typeof url === 'string' ? () => url : url
    this.#fetch = fetch
    this.#clock = clock
  }

  /**
   * @returns the key a token's header asks for; undefined if there is none.
   * @throws AppError `dependency_unavailable` when no keys were ever had, or the last good ones are too old.
   */
  async find (kid: string | undefined, algorithm: AsymmetricAlgorithm): Promise<CryptoKey | undefined> {
    if (this.#age() > FRESH_MS && this.#mayRefresh()) {
      const refresh = this.#refresh()
      if (this.#age() > LAST_GOOD_MS) await refresh // Nothing to go on with; otherwise nobody waits.
    }
    const known = this.#age() <= LAST_GOOD_MS ? this.#pick(kid, algorithm) : undefined
    if (known) return known
    if (this.#refreshing) await this.#refreshing
    else if (this.#mayRefresh()) await this.#refresh()
    if (this.#age() > LAST_GOOD_MS) throw new AppError('dependency_unavailable', 'The keys that tokens are checked with cannot be fetched.')
    return this.#pick(kid, algorithm)
  }

  #age (): number { return this.#clock.now() - this.#fetchedAt }
  #mayRefresh (): boolean { return this.#refreshing === undefined && this.#clock.now() - this.#triedAt >= REFRESH_EVERY_MS }

  /** Without a key id there must be exactly one key that fits. */
  #pick (kid: string | undefined, algorithm: AsymmetricAlgorithm): CryptoKey | undefined {
    const fitting = this.#keys.filter(key => key.algorithm === algorithm && (kid === undefined || key.kid === kid))
    return fitting.length === 1 ? fitting[0]!.key : undefined
  }

  /** Never rejects: what could not be fetched leaves the keys as they are. */
  #refresh (): Promise<void> {
    this.#triedAt = this.#clock.now()
    this.#refreshing = this.#load().then(keys => {
      this.#keys = keys
      this.#fetchedAt = this.#clock.now()
    }, () => {}).finally(() => { this.#refreshing = undefined })
    return this.#refreshing
  }

  async #load (): Promise<Key[]> {
    const { status, text } = await fetchText(this.#fetch, await this.#url(), { signal: AbortSignal.timeout(FETCH_TIMEOUT_MS) })
    if (status !== 200) throw new AppError('dependency_unavailable', `the key set answered ${status}`)
    const { keys } = JSON.parse(text) as { keys?: unknown }
    if (!Array.isArray(keys)) throw new AppError('dependency_unavailable', 'the key set has no list of keys')
    const imported = await Promise.all(keys.slice(0, MAX_KEYS).filter(isObject).map(importKey))
    return imported.filter(key => key !== undefined)
  }
}

/** Fetches a text of bounded size. */
export async function fetchText (fetch: Fetch, url: string, init: FetchInit): Promise<{ status: number, text: string }> {
  const answer = await fetch(url, init)
  const text = await answer.text()
  if (text.length > MAX_BYTES) throw new AppError('dependency_unavailable', `the answer is longer than ${MAX_BYTES} bytes`)
  return { status: answer.status, text }
}

/** A key we can check signatures with, or undefined: private, weak, for encryption, or of a kind we do not use. */
async function importKey (jwk: JWK): Promise<Key | undefined> {
  const algorithm = algorithmOf(jwk)
  const { use = 'sig', alg = algorithm } = jwk
  if (!algorithm || 'd' in jwk || use !== 'sig' || alg !== algorithm) return undefined
  try {
    const { importJWK } = await jose()
    const key = await importJWK(jwk, algorithm)
    return key instanceof Uint8Array ? undefined : { kid: jwk.kid, algorithm, key }
  } catch {
    return undefined // One broken key must not cost the others.
  }
}

const isObject = (value: unknown): value is JWK => typeof value === 'object' && value !== null

function algorithmOf ({ kty, crv, n }: JWK): AsymmetricAlgorithm | undefined {
  if (kty === 'RSA') return Buffer.from(n ?? '', 'base64url').length >= 256 ? 'RS256' : undefined // RFC 7518 section 3.3: 2048 bits or more.
  if (kty === 'EC' && crv === 'P-256') return 'ES256'
  return kty === 'OKP' && crv === 'Ed25519' ? 'EdDSA' : undefined
}
