import { createHash, generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { SignJWT } from 'jose'

type Grant = { readonly nonce: string, readonly challenge: string, readonly redirectUri: string }

/** An OpenID Connect provider that lets everybody in, and keeps its clients to the rules: PKCE, secret, redirect address, codes used once. */
export class OidcProvider implements AsyncDisposable {
  readonly clientId = 'auralink-console'
  readonly clientSecret = 'oidc client secret & more'
  /** What the ID token says about the person; claims named here win over the right ones. */
  claims: Record<string, unknown> = { email: 'ann@example.com', realm_access: { roles: ['operators'] } }
  /** Signs with this instead of the published key. */
  forger: KeyObject | undefined
  down = false
  readonly #keys = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  readonly #grants = new Map<string, Grant>()
  readonly #server = createServer((request, response) => { void this.#answer(request, response) })

  async open (): Promise<this> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    return this
  }

  get issuer (): string { return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}` }

  async [Symbol.asyncDispose] (): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.#server.closeAllConnections()
    await closed
  }

  async #answer (request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', this.issuer)
    const json = (status: number, body: unknown): void => { response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body)) }
    if (this.down) return json(503, {})
    if (url.pathname === '/.well-known/openid-configuration') {
      const { issuer } = this
      return json(200, { issuer, authorization_endpoint: `${issuer}/authorize`, token_endpoint: `${issuer}/token`, jwks_uri: `${issuer}/keys` })
    }
    if (url.pathname === '/keys') return json(200, { keys: [{ ...this.#keys.publicKey.export({ format: 'jwk' }), kid: 'provider-1', use: 'sig', alg: 'ES256' }] })
    if (url.pathname === '/authorize') return this.#authorize(url.searchParams, response)
    if (url.pathname === '/token') return this.#token(request, json)
    json(404, {})
  }

  #authorize (query: URLSearchParams, response: ServerResponse): void {
    const [redirectUri = '', nonce = '', challenge = ''] = ['redirect_uri', 'nonce', 'code_challenge'].map(name => query.get(name) ?? '')
    const right = query.get('response_type') === 'code' && query.get('client_id') === this.clientId && query.get('code_challenge_method') === 'S256' &&
      query.get('scope')?.split(' ').includes('openid') && redirectUri !== '' && nonce !== '' && challenge !== '' && query.has('state')
    if (!right) return void response.writeHead(400).end()
    const code = randomUUID()
    this.#grants.set(code, { nonce, challenge, redirectUri })
    response.writeHead(302, { location: `${redirectUri}?${new URLSearchParams({ code, state: query.get('state')! })}` }).end()
  }

  async #token (request: IncomingMessage, json: (status: number, body: unknown) => void): Promise<void> {
    const form = new URLSearchParams(await text(request))
    const grant = this.#grants.get(form.get('code') ?? '')
    this.#grants.delete(form.get('code') ?? '')
    const pair = `${encodeURIComponent(this.clientId)}:${encodeURIComponent(this.clientSecret)}`
    const right = grant && request.headers.authorization === `Basic ${Buffer.from(pair).toString('base64')}` && form.get('grant_type') === 'authorization_code' &&
      form.get('redirect_uri') === grant.redirectUri && createHash('sha256').update(form.get('code_verifier') ?? '').digest('base64url') === grant.challenge
    if (!right) return json(400, { error: 'invalid_grant' })
    const now = Math.floor(Date.now() / 1000)
    const idToken = await new SignJWT({ iss: this.issuer, aud: this.clientId, sub: 'user-1', iat: now, exp: now + 300, nonce: grant.nonce, ...this.claims })
      .setProtectedHeader({ alg: 'ES256', kid: 'provider-1' }).sign(this.forger ?? this.#keys.privateKey)
    json(200, { access_token: 'unused', token_type: 'Bearer', id_token: idToken })
  }
}
