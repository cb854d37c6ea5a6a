import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import test from 'node:test'
import { controlUnderTest, type ControlUnderTest } from '../../../test/support/control.ts'
import { OidcProvider } from '../../../test/support/oidc-provider.ts'
import { systemClock } from '../../lib/clock.ts'
import type { Fetch } from './jwks.ts'
import { Oidc, type OidcSettings } from './oidc.ts'

const fetchIt: Fetch = (url, init) => fetch(url, { ...init, redirect: 'error' })

async function opened (more: Partial<OidcSettings> = {}) {
  const provider = await new OidcProvider().open()
  const { issuer, clientId, clientSecret } = provider
  const settings = { issuer, clientId, clientSecret, publicUrl: 'https://bridge.example', roleClaim: 'realm_access.roles', roles: { admins: ['admin'], operators: ['rooms', 'record'] } as const, ...more }
  const it = await controlUnderTest({ clock: systemClock, auth: { oidc: new Oidc(settings, { fetch: fetchIt, clock: systemClock }) } })
  return { provider, it, async [Symbol.asyncDispose] () { await it[Symbol.asyncDispose](); await provider[Symbol.asyncDispose]() } }
}

const cookiesOf = (header: string | string[] | number | undefined): string => [header].flat().map(line => String(line).split(';')[0]).join('; ')

/** What a browser does: to us, to the provider, back to us. */
async function logIn (it: ControlUnderTest, tamper: { cookie?: string, path?: (path: string) => string } = {}) {
  const begin = await it.app.inject({ method: 'GET', url: '/api/v1/console/oidc/login' })
  assert.equal(begin.statusCode, 302)
  const atProvider = await fetch(String(begin.headers['location']), { redirect: 'manual' })
  assert.equal(atProvider.status, 302)
  const { origin, pathname, search } = new URL(atProvider.headers.get('location')!)
  assert.equal(origin, 'https://bridge.example')
  const url = tamper.path?.(pathname + search) ?? pathname + search
  const cookie = tamper.cookie ?? cookiesOf(begin.headers['set-cookie'])
  return { url, cookie, answer: await it.app.inject({ method: 'GET', url, headers: { cookie } }) }
}

test('a person of the provider is let in, with the rights of their roles', async () => {
  await using around = await opened()
  const { it } = around
  assert.equal((await it.app.inject({ method: 'GET', url: '/api/v1/console/login' })).json().oidc, '/api/v1/console/oidc/login')
  const { answer } = await logIn(it)
  assert.deepEqual([answer.statusCode, answer.headers['location']], [302, '/'])
  const session = [answer.headers['set-cookie']].flat().find(line => String(line).startsWith('auralink_session='))
  assert.match(String(session), /HttpOnly; SameSite=Strict/)
  const me = await it.app.inject({ method: 'GET', url: '/api/v1/me', headers: { cookie: cookiesOf(session) } })
  assert.deepEqual(me.json(), { kind: 'console', subject: 'ann@example.com', scopes: ['rooms', 'record'], room: null })
})

test('nobody comes back who did not leave from here, or twice, or from another browser', async () => {
  await using around = await opened()
  const { it } = around
  const { url, cookie, answer } = await logIn(it)
  assert.equal(answer.statusCode, 302)
  assert.equal((await it.app.inject({ method: 'GET', url, headers: { cookie } })).statusCode, 401, 'twice')
  assert.equal((await logIn(it, { cookie: 'auralink_oidc=other' })).answer.statusCode, 401, 'another browser')
  assert.equal((await logIn(it, { cookie: '' })).answer.statusCode, 401, 'no cookie')
  assert.equal((await logIn(it, { path: path => path.replace(/state=[^&]+/, 'state=made-up') })).answer.statusCode, 401, 'another state')
  assert.equal((await logIn(it, { path: path => path.replace(/code=[^&]+/, 'code=made-up') })).answer.statusCode, 401, 'another code')
  assert.equal((await it.app.inject({ method: 'GET', url: '/api/v1/console/oidc/callback?error=access_denied' })).statusCode, 401)
})

test('an ID token that is not quite right lets nobody in', async () => {
  await using around = await opened()
  const { it, provider } = around
  const right = provider.claims
  for (const wrong of [{ nonce: 'other' }, { aud: 'other' }, { iss: 'https://evil.example' }, { exp: 1 }, { aud: [provider.clientId, 'other'] }, { sub: undefined }]) {
    provider.claims = { ...right, ...wrong }
    assert.equal((await logIn(it)).answer.statusCode, 401, JSON.stringify(wrong))
  }
  provider.claims = right
  provider.forger = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
  assert.equal((await logIn(it)).answer.statusCode, 401, 'another key')
})

test('who has no role here is not let in, whatever the role is called', async () => {
  await using around = await opened()
  for (const roles of [[], ['guests'], ['constructor', '__proto__'], 'operators2', { operators: true }, undefined]) {
    around.provider.claims = { realm_access: { roles } }
    assert.equal((await logIn(around.it)).answer.statusCode, 403, JSON.stringify(roles))
  }
})

test('a provider that is away is a dependency that is away', async () => {
  await using around = await opened()
  around.provider.down = true
  const answer = await around.it.app.inject({ method: 'GET', url: '/api/v1/console/oidc/login' })
  assert.deepEqual([answer.statusCode, answer.json().code], [503, 'dependency_unavailable'])
})

test('a discovery document of another issuer is not believed', async () => {
  await using provider = await new OidcProvider().open()
  const fetchWrong: Fetch = async (url, init) => fetchIt(url.replace('localhost', '127.0.0.1'), init)
  const { clientId, clientSecret } = provider
  const oidc = new Oidc({ issuer: provider.issuer.replace('127.0.0.1', 'localhost'), clientId, clientSecret, publicUrl: 'https://b.example', roleClaim: 'roles', roles: {} }, { fetch: fetchWrong, clock: systemClock })
  await assert.rejects(oidc.begin(), { code: 'dependency_unavailable' })
})
