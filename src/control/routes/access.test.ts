import assert from 'node:assert/strict'
import type { LightMyRequestResponse } from 'fastify'
import test from 'node:test'
import { ADMIN_KEY, admin, controlUnderTest, type ControlUnderTest, restingLeg } from '../../../test/support/control.ts'
import { ManualClock } from '../../../test/support/manual-clock.ts'
import { codec } from '../../media/codec.ts'

const host = 'bridge.example:8080'
const here = { host, origin: `http://${host}` }
const login = (it: ControlUnderTest, payload: object, headers: Record<string, string> = here) =>
  it.app.inject({ method: 'POST', url: '/api/v1/console/login', headers, payload })
const cookieOf = (answer: LightMyRequestResponse): string => String(answer.headers['set-cookie']).split(';')[0]!

test('the one-time token logs in once; the cookie is out of reach of scripts and other sites', async () => {
  await using it = await controlUnderTest()
  const token = it.auth.console.issueOneTimeToken()
  const answer = await login(it, { token })
  assert.equal(answer.statusCode, 200)
  assert.deepEqual(answer.json(), { kind: 'console', subject: 'admin', scopes: ['admin'], room: null })
  assert.match(String(answer.headers['set-cookie']), /^auralink_session=[\w-]{43}; Max-Age=86400; Path=\/; HttpOnly; SameSite=Strict$/)
  assert.equal((await login(it, { token })).statusCode, 401, 'used up')
  assert.equal((await it.app.inject({ method: 'GET', url: '/api/v1/me', headers: { cookie: cookieOf(answer) } })).json().kind, 'console')
})

test('an API key logs in for as long as it is valid, and with its own rights only', async () => {
  const clock = new ManualClock()
  await using it = await controlUnderTest({ clock })
  const { row, key } = await it.auth.apiKeys.create({ name: 'ops', scopes: ['record'] })
  const answer = await login(it, { apiKey: key })
  assert.deepEqual(answer.json().scopes, ['record'])
  const ask = (url: string) => it.app.inject({ method: 'GET', url, headers: { cookie: cookieOf(answer) } })
  assert.equal((await ask('/api/v1/recordings')).statusCode, 200)
  assert.equal((await ask('/api/v1/api-keys')).statusCode, 403)
  await it.ask('DELETE', `/api/v1/api-keys/${row.id}`)
  assert.equal((await ask('/api/v1/recordings')).statusCode, 401, 'revoked')
})

test('a session ends by logging out, by resting and by age', async () => {
  const clock = new ManualClock()
  await using it = await controlUnderTest({ clock })
  const open = async () => ({ cookie: cookieOf(await login(it, { apiKey: ADMIN_KEY })), ...here })
  const me = async (headers: Record<string, string>) => (await it.app.inject({ method: 'GET', url: '/api/v1/me', headers })).statusCode
  const first = await open()
  assert.equal((await it.app.inject({ method: 'POST', url: '/api/v1/console/logout', headers: first })).statusCode, 204)
  assert.equal(await me(first), 401)
  const second = await open()
  clock.advance(8 * 3_600_000)
  assert.equal(await me(second), 401, 'eight hours at rest')
  const third = await open()
  for (let hour = 0; hour < 23; hour++) {
    clock.advance(3_600_000)
    assert.equal(await me(third), 200)
  }
  clock.advance(3_600_000)
  assert.equal(await me(third), 401, 'a day, however busy')
})

test('with a cookie, nothing is changed from another site', async () => {
  await using it = await controlUnderTest()
  const cookie = cookieOf(await login(it, { apiKey: ADMIN_KEY }))
  const start = async (headers: Record<string, string>) =>
    (await it.app.inject({ method: 'POST', url: '/api/v1/recordings', headers: { host, cookie, ...headers }, payload: { room: 'hall' } })).statusCode
  assert.equal(await start({}), 403, 'neither origin nor header')
  for (const origin of ['https://evil.example', 'null', `https://sub.${host}`, 'http://bridge.example', 'rubbish']) assert.equal(await start({ origin }), 403, origin)
  assert.equal(await start({ origin: 'https://evil.example', 'x-requested-with': 'auralink-console' }), 403, 'the origin decides')
  assert.equal(await start({ origin: here.origin }), 201)
  assert.equal(await start({ 'x-requested-with': 'auralink-console' }), 201)
  assert.equal((await it.ask('POST', '/api/v1/recordings', { headers: { ...admin, origin: 'https://evil.example' }, payload: { room: 'hall' } })).statusCode, 201, 'a key is no cookie')
  assert.equal((await login(it, { apiKey: ADMIN_KEY }, { host, origin: 'https://evil.example' })).statusCode, 403, 'nobody is logged in by another site')
})

test('a token is worth no more than whoever asked for it, and not for long', async () => {
  const clock = new ManualClock()
  await using it = await controlUnderTest({ clock })
  const { key } = await it.auth.apiKeys.create({ name: 'app', scopes: ['view', 'publish'], room: 'hall' })
  const mint = (headers: Record<string, string>, payload: object) => it.app.inject({ method: 'POST', url: '/api/v1/tokens', headers, payload })
  const mine = { 'x-auralink-api-key': key }
  const answer = await mint(mine, { scopes: ['view'], expiresIn: 60 })
  assert.equal(answer.statusCode, 201)
  const { token, expiresAt } = answer.json()
  assert.equal(Date.parse(expiresAt), clock.wall() + 60_000)
  const bearer = { authorization: `Bearer ${token}` }
  const me = await it.app.inject({ method: 'GET', url: '/api/v1/me', headers: bearer })
  assert.deepEqual([me.json().kind, me.json().scopes, me.json().room], ['token', ['view'], 'hall'])

  assert.equal((await mint(mine, { scopes: ['admin'] })).statusCode, 403)
  assert.equal((await mint(mine, { scopes: ['view'], room: 'other' })).statusCode, 403)
  assert.equal((await mint(bearer, { scopes: ['view'] })).statusCode, 403, 'a token does not beget tokens')
  assert.equal((await mint(mine, { scopes: ['view'], expiresIn: 3601 })).statusCode, 400)
  assert.equal((await mint({}, { scopes: ['view'] })).statusCode, 401)
  const visitor = { method: 'POST', ip: '192.0.2.1', host, headers: bearer }
  assert.equal((await it.auth.authorize(visitor, 'view', 'hall')).shortLived, true)
  await assert.rejects(it.auth.authorize(visitor, 'view', 'other'), { code: 'forbidden' })
  await assert.rejects(it.auth.authorize(visitor, 'publish', 'hall'), { code: 'forbidden' })
  clock.advance(120_000)
  await assert.rejects(it.auth.authorize(visitor, 'view', 'hall'), { code: 'unauthorized' })
})

test('a token for one participant says who its holder is', async () => {
  await using it = await controlUnderTest()
  const { token } = (await it.ask('POST', '/api/v1/tokens', { payload: { scopes: ['publish'], room: 'hall', identity: 'ann' } })).json()
  const visitor = { method: 'POST', ip: '192.0.2.1', host: 'localhost', headers: { authorization: `Bearer ${token}` } }
  assert.equal((await it.auth.authorize(visitor, 'publish', 'hall')).identity, 'ann')
  const nameless = await it.ask('POST', '/api/v1/tokens', { payload: { scopes: ['publish'], identity: '' } })
  assert.equal(nameless.statusCode, 400)
})

test('a viewer’s token tells who is in its room, and nothing else', async () => {
  await using it = await controlUnderTest()
  await it.bridge.admit(restingLeg('rtmp', { identity: 'camera' }), { room: 'hall', remoteAddress: '192.0.2.9' })
  it.bridge.room('hall')!.find('camera')!.publish(codec('opus'))
  const { token } = (await it.ask('POST', '/api/v1/tokens', { payload: { scopes: ['view'], room: 'hall' } })).json()
  const ask = (url: string) => it.app.inject({ method: 'GET', url, headers: { authorization: `Bearer ${token}` } })
  const roster = await ask('/api/v1/rooms/hall/roster')
  assert.deepEqual(roster.json(), { items: [{ identity: 'camera', name: 'camera', source: 'rtmp', kinds: ['audio'] }], next: null })
  for (const path of ['/api/v1/rooms/other/roster', '/api/v1/sessions', '/api/v1/conferences/hall/participants', '/api/v1/events']) {
    assert.equal((await ask(path)).statusCode, 403, path)
  }
  const empty = await it.ask('GET', '/api/v1/rooms/nobody/roster')
  assert.deepEqual(empty.json(), { items: [], next: null }, 'not open yet is no mistake')
})

test('API keys: shown once, kept as a hash, revoked, expired', async () => {
  const clock = new ManualClock()
  await using it = await controlUnderTest({ clock })
  const expiresAt = new Date(clock.wall() + 60_000).toISOString()
  const made = (await it.ask('POST', '/api/v1/api-keys', { payload: { name: 'ci', scopes: ['record'], expiresAt } })).json()
  assert.match(made.key, /^alk_[\w-]{43}$/)
  const stored = JSON.stringify(await it.keys.list())
  assert.ok(!stored.includes(made.key))
  for (const path of ['/api/v1/api-keys', `/api/v1/api-keys/${made.id}`]) assert.ok(!(await it.ask('GET', path)).body.includes(made.key))
  const use = async () => (await it.app.inject({ method: 'GET', url: '/api/v1/recordings', headers: { authorization: `Bearer ${made.key}` } })).statusCode
  assert.equal(await use(), 200)
  assert.notEqual((await it.ask('GET', `/api/v1/api-keys/${made.id}`)).json().lastUsedAt, null)
  clock.advance(60_000)
  assert.equal(await use(), 401, 'expired')
})

test('where API keys do not count, nobody gets in with one', async () => {
  await using it = await controlUnderTest({ auth: { acceptApiKeys: false } })
  assert.equal((await it.ask('GET', '/api/v1/me')).statusCode, 401)
  assert.equal((await login(it, { apiKey: ADMIN_KEY })).statusCode, 401)
  assert.equal((await login(it, { token: it.auth.console.issueOneTimeToken() })).statusCode, 200)
})

test('keys are believed while their table cannot be read, strangers are not', async () => {
  const clock = new ManualClock()
  await using it = await controlUnderTest({ clock })
  const { key } = await it.auth.apiKeys.create({ name: 'ops', scopes: ['record'] })
  assert.ok(await it.auth.apiKeys.verify(key))
  it.keys.findByHash = () => Promise.reject(new Error('the database is away'))
  clock.advance(30 * 60_000)
  assert.ok(await it.auth.apiKeys.verify(key))
  await assert.rejects(it.auth.apiKeys.verify('alk_unknown'))
  clock.advance(31 * 60_000)
  await assert.rejects(it.auth.apiKeys.verify(key), 'not for ever')
})
