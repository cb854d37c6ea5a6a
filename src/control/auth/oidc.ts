import { createHash, randomBytes } from 'node:crypto'
import type { Clock } from '../../lib/clock.ts'
import { AppError } from '../../lib/errors.ts'
import { jose } from './jose.ts'
import { type Fetch, fetchText, Jwks } from './jwks.ts'
import { decodedHeader } from './jwt.ts'
import type { Principal, Scope } from './principal.ts'

export type OidcSettings = {
  /** The provider; its discovery document lies under it. */
  readonly issuer: string
  readonly clientId: string
  /** Left out for a public client: PKCE alone then. */
  readonly clientSecret?: string | undefined
  /** Our own address as browsers see it: the provider sends them back there. */
  readonly publicUrl: string
  /** Where the roles stand in the ID token; dots go deeper: `realm_access.roles`. */
  readonly roleClaim: string
  /** What each role may do. Who has none of them is not let in. */
  readonly roles: Readonly<Record<string, readonly Scope[]>>
  readonly scope?: string
}

const LOGIN_MS = 10 * 60_000
const MAX_LOGINS = 1_000
const TIMEOUT_MS = 5_000
const DISCOVERY_FRESH_MS = 60 * 60_000
const LEEWAY_SECONDS = 30

type Provider = { readonly issuer: string, readonly authorization_endpoint: string, readonly token_endpoint: string, readonly jwks_uri: string }
type Login = { readonly nonce: string, readonly verifier: string, readonly browser: string, readonly until: number }

/** Login at an OpenID Connect provider: authorization code with PKCE (OpenID Connect Core section 3.1, RFC 7636, RFC 9700). */
export class Oidc {
  readonly loginSeconds = LOGIN_MS / 1000
  readonly #settings: OidcSettings
  readonly #fetch: Fetch
  readonly #clock: Clock
  readonly #jwks: Jwks
  readonly #logins = new Map<string, Login>()
  #provider: { readonly value: Provider, readonly at: number } | undefined

  constructor (settings: OidcSettings, { fetch, clock }: { fetch: Fetch, clock: Clock }) {
    this.#settings = { ...settings, issuer: settings.issuer.replace(/\/$/, '') }
    this.#fetch = fetch
    this.#clock = clock
    this.#jwks = new Jwks({ url: async () => (await this.#discover()).jwks_uri, fetch, clock })
  }

  get #redirectUri (): string { return `${this.#settings.publicUrl.replace(/\/$/, '')}/api/v1/console/oidc/callback` }

  /** @returns where to send the browser, and what to put into its cookie. */
  async begin (): Promise<{ url: string, browser: string }> {
    const provider = await this.#discover()
    const [state, nonce, verifier, browser] = [random(), random(), random(), random()] as const
    if (this.#logins.size >= MAX_LOGINS) this.#logins.delete(this.#logins.keys().next().value!)
    this.#logins.set(state, { nonce, verifier, browser, until: this.#clock.now() + LOGIN_MS })
    const url = new URL(provider.authorization_endpoint)
    const query = {
      response_type: 'code',
      client_id: this.#settings.clientId,
      redirect_uri: this.#redirectUri,
      scope: this.#settings.scope ?? 'openid profile email',
      state,
      nonce,
      code_challenge: createHash('sha256').update(verifier).digest('base64url'),
      code_challenge_method: 'S256'
    }
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value)
    return { url: url.href, browser }
  }

  /** @throws AppError `unauthorized`; `forbidden` for somebody without a role here; `dependency_unavailable`. */
  async finish ({ code, state, browser }: { code: string, state: string, browser: string }): Promise<Principal> {
    const login = this.#logins.get(state)
    this.#logins.delete(state) // Once only, whatever comes of it.
    if (!login || login.until <= this.#clock.now() || login.browser !== browser) {
      throw new AppError('unauthorized', 'This login is not known, or took too long. Please begin again.')
    }
    const claims = await this.#verify(await this.#exchange(code, login.verifier), login.nonce)
    const roles = valueAt(claims, this.#settings.roleClaim)
    const names = (Array.isArray(roles) ? roles : [roles]).filter(role => typeof role === 'string')
    const scopes = new Set(names.flatMap(name => Object.hasOwn(this.#settings.roles, name) ? this.#settings.roles[name]! : []))
    if (scopes.size === 0) throw new AppError('forbidden', 'None of your roles has any rights here.')
    const who = claims['email'] ?? claims['preferred_username'] ?? claims['sub']
    return { kind: 'console', subject: String(who).slice(0, 256), scopes, room: undefined, shortLived: false, keyId: undefined }
  }

  async #exchange (code: string, verifier: string): Promise<string> {
    const { clientId, clientSecret } = this.#settings
    const { token_endpoint: endpoint } = await this.#discover()
    const headers: Record<string, string> = { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' }
    if (clientSecret !== undefined) {
      const pair = `${encodeURIComponent(clientId)}:${encodeURIComponent(clientSecret)}` // RFC 6749 section 2.3.1
      headers['authorization'] = `Basic ${Buffer.from(pair).toString('base64')}`
    }
    const form = new URLSearchParams({ grant_type: 'authorization_code', code, redirect_uri: this.#redirectUri, code_verifier: verifier })
    if (clientSecret === undefined) form.set('client_id', clientId)
    const { status, text } = await this.#ask(endpoint, { method: 'POST', headers, body: form.toString() })
    if (status >= 500) throw new AppError('dependency_unavailable', `The identity provider answered ${status}.`)
    const token = status === 200 ? (JSON.parse(text) as { id_token?: unknown }).id_token : undefined
    if (typeof token !== 'string') throw new AppError('unauthorized', 'The identity provider did not take its own code back.')
    return token
  }

  async #verify (idToken: string, nonce: string): Promise<Record<string, unknown>> {
    const { issuer } = await this.#discover()
    const { clientId } = this.#settings
    try {
      const { alg, kid } = decodedHeader(idToken)
      const algorithm = (['RS256', 'ES256', 'EdDSA'] as const).find(name => name === alg)
      const key = algorithm && await this.#jwks.find(kid, algorithm)
      if (!key) throw new AppError('unauthorized')
      const requiredClaims = ['exp', 'iat', 'sub']
      const currentDate = new Date(this.#clock.wall())
      const { jwtVerify } = await jose()
      const { payload } = await jwtVerify(idToken, key, {
        issuer, audience: clientId, algorithms: [algorithm], clockTolerance: LEEWAY_SECONDS, currentDate, requiredClaims
      })
      const forUs = !Array.isArray(payload.aud) || payload.aud.length === 1 || payload['azp'] === clientId
      if (payload['nonce'] !== nonce || !forUs) throw new AppError('unauthorized')
      return payload
    } catch (error) {
      if (error instanceof AppError && error.code === 'dependency_unavailable') throw error
      throw new AppError('unauthorized', 'What the identity provider sent does not hold.', { cause: error })
    }
  }

  /** The provider's endpoints (OpenID Connect Discovery section 4), kept for an hour. */
  async #discover (): Promise<Provider> {
    const known = this.#provider
    if (known && this.#clock.now() - known.at < DISCOVERY_FRESH_MS) return known.value
    try {
      const { status, text } = await this.#ask(`${this.#settings.issuer}/.well-known/openid-configuration`, {})
      if (status !== 200) throw new AppError('dependency_unavailable', `discovery answered ${status}`)
      this.#provider = { value: this.#checked(JSON.parse(text)), at: this.#clock.now() }
      return this.#provider.value
    } catch (error) {
      if (known) return known.value
      throw new AppError('dependency_unavailable', 'The identity provider cannot be reached.', { cause: error })
    }
  }

  #checked (document: Partial<Provider> | null): Provider {
    const { issuer, authorization_endpoint, token_endpoint, jwks_uri } = document ?? {}
    if (issuer?.replace(/\/$/, '') !== this.#settings.issuer) {
      throw new AppError('dependency_unavailable', 'the discovery document is another issuer’s')
    }
    for (const url of [authorization_endpoint, token_endpoint, jwks_uri]) {
      if (!/^https?:\/\//.test(url ?? '')) throw new AppError('dependency_unavailable', 'the discovery document misses an endpoint')
    }
    return document as Provider
  }

  #ask (url: string, init: { method?: string, headers?: Record<string, string>, body?: string }): Promise<{ status: number, text: string }> {
    return fetchText(this.#fetch, url, { ...init, signal: AbortSignal.timeout(TIMEOUT_MS) })
      .catch(error => { throw new AppError('dependency_unavailable', 'The identity provider cannot be reached.', { cause: error }) })
  }
}

const random = (): string => randomBytes(32).toString('base64url')

/** `a.b.c` in an object. A claim's own name may hold dots too: the whole name goes first. */
function valueAt (claims: Record<string, unknown>, path: string): unknown {
  if (Object.hasOwn(claims, path)) return claims[path]
  let value: unknown = claims
  for (const name of path.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined
    value = (value as Record<string, unknown>)[name]
  }
  return value
}
