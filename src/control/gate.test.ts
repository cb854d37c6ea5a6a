import assert from 'node:assert/strict'
import type { HTTPMethods } from 'fastify'
import test from 'node:test'
import { admin, controlUnderTest, type ControlUnderTest } from '../../test/support/control.ts'
import type { Scope } from './auth/principal.ts'

type Operation = { method: HTTPMethods, url: string, security: unknown[], description: string }

/** Every operation the description shows, with ids of nothing in particular. */
async function operations (it: ControlUnderTest): Promise<Operation[]> {
  const { paths } = (await it.ask('GET', '/openapi.json')).json() as { paths: Record<string, Record<string, { security: unknown[], description?: string }>> }
  return Object.entries(paths).flatMap(([path, methods]) => Object.entries(methods).map(([method, { security, description = '' }]) =>
    ({ method: method.toUpperCase() as HTTPMethods, url: path.replaceAll(/\{\w+\}/g, 'none'), security, description })))
}

const keyFor = async (it: ControlUnderTest, scopes: readonly Scope[], room?: string) =>
  ({ 'x-auralink-api-key': (await it.auth.apiKeys.create({ name: 'test', scopes, room })).key })

test('nobody passes without credentials, except where the description says so', async () => {
  await using it = await controlUnderTest()
  const all = await operations(it)
  assert.ok(all.length > 30)
  const open = new Set<string>()
  for (const { method, url, security } of all) {
    const { statusCode } = await it.app.inject({ method: method as 'GET', url, headers: {} })
    if (security.length === 0) open.add(`${method} ${url}`)
    else assert.equal(statusCode, 401, `${method} ${url}`)
  }
  assert.deepEqual([...open].sort(), ['GET /api/v1/console/login', 'GET /docs', 'GET /health', 'GET /metrics', 'GET /openapi.json', 'GET /ready', 'GET /status', 'POST /api/v1/console/login'])
})

test('a scope opens what needs it and nothing else', async () => {
  await using it = await controlUnderTest()
  const keys = new Map<string, Record<string, string>>()
  for (const scope of ['rooms', 'record', 'publish', 'admin'] as const) keys.set(scope, await keyFor(it, [scope]))
  for (const { method, url, description } of await operations(it)) {
    const needed = /Needs the scope `(\w+)`/.exec(description)?.[1]
    if (needed === undefined || url.endsWith('/stream')) continue
    for (const [scope, headers] of keys) {
      const { statusCode } = await it.app.inject({ method: method as 'GET', url, headers })
      if (scope === needed || scope === 'admin') assert.notEqual(statusCode, 403, `${method} ${url} with ${scope}`)
      else assert.equal(statusCode, 403, `${method} ${url} with ${scope}`)
    }
  }
})

test('credentials for one room see that room alone', async () => {
  await using it = await controlUnderTest()
  const mine = await keyFor(it, ['rooms', 'record'], 'mine')
  const made = (await it.ask('POST', '/api/v1/ingresses', { payload: { protocol: 'rtmp', room: 'theirs' } })).json()
  const started = (await it.ask('POST', '/api/v1/recordings', { payload: { room: 'theirs' } })).json()
  for (const [method, url] of [
    ['GET', `/api/v1/ingresses/${made.id}`], ['DELETE', `/api/v1/ingresses/${made.id}`], ['GET', `/api/v1/recordings/${started.id}`],
    ['POST', `/api/v1/recordings/${started.id}/stop`], ['GET', `/api/v1/recordings/${started.id}/file`], ['GET', '/api/v1/conferences/theirs']
  ] as const) assert.equal((await it.app.inject({ method, url, headers: mine })).statusCode, 404, `${method} ${url}`)
  for (const list of ['ingresses', 'ingresses?room=theirs', 'recordings', 'sessions?room=theirs']) {
    assert.deepEqual((await it.app.inject({ method: 'GET', url: `/api/v1/${list}`, headers: mine })).json().items, [], list)
  }
  for (const [url, payload] of [['/api/v1/ingresses', { protocol: 'rtmp', room: 'theirs' }], ['/api/v1/recordings', { room: 'theirs' }]] as const) {
    assert.equal((await it.app.inject({ method: 'POST', url, headers: mine, payload })).statusCode, 403, url)
  }
  const inside = await it.app.inject({ method: 'POST', url: '/api/v1/ingresses', headers: mine, payload: { protocol: 'rtmp', room: 'mine' } })
  assert.equal(inside.statusCode, 201)
  const moved = await it.app.inject({ method: 'PATCH', url: `/api/v1/ingresses/${inside.json().id}`, headers: mine, payload: { room: 'theirs' } })
  assert.equal(moved.statusCode, 403)
})

test('a key for one room is not for what is no room’s business, whatever its scopes', async () => {
  await using it = await controlUnderTest()
  const headers = await keyFor(it, ['admin'], 'mine')
  for (const url of ['/api/v1/api-keys', '/api/v1/webhooks', '/api/v1/drain']) assert.equal((await it.app.inject({ method: 'GET', url, headers })).statusCode, 403, url)
})

test('whatever changes something is on the record, done or refused', async () => {
  await using it = await controlUnderTest()
  for (const { method, url } of await operations(it)) {
    if (method === 'GET' || method === 'HEAD' || url === '/api/v1/drain') continue
    it.audited.length = 0
    await it.app.inject({ method: method as 'POST', url, headers: admin, payload: {} })
    assert.equal(it.audited.length, 1, `${method} ${url}`)
    assert.match(it.audited[0]!.action, /^[a-z][A-Za-z]+\.[a-z][A-Za-z]+$/)
  }
  it.audited.length = 0
  await it.ask('POST', '/api/v1/recordings/rec_1/stop', { headers: {} })
  const [entry] = it.audited
  assert.deepEqual([entry?.action, entry?.actor, entry?.status, entry?.target], ['recording.stop', 'anonymous', 401, { id: 'rec_1' }])
})

test('strangers cannot fill the audit log', async () => {
  await using it = await controlUnderTest()
  for (let i = 0; i < 100; i++) await it.ask('POST', '/api/v1/recordings', { headers: {}, payload: {} })
  assert.equal(it.audited.length, 60)
  await it.ask('POST', '/api/v1/recordings', { payload: {} })
  assert.equal(it.audited.length, 61, 'who is known always is on the record')
})

test('a route that forgets its scope cannot be made', async () => {
  await using it = await controlUnderTest()
  const { gate } = await import('./gate.ts')
  const { default: fastify } = await import('fastify')
  const app = fastify()
  gate(app, it.auth)
  assert.throws(() => app.get('/open', () => 'oops'), /does not say what scope/)
  assert.throws(() => app.post('/quiet', { config: { scope: 'admin' } }, () => 'oops'), /no name for the audit log/)
})

test('who guesses keys waits; who holds one does not notice from elsewhere', async () => {
  await using it = await controlUnderTest()
  const guess = (ip: string, key: string) => it.app.inject({ method: 'GET', url: '/api/v1/me', headers: { 'x-auralink-api-key': key }, remoteAddress: ip })
  for (let i = 0; i < 10; i++) assert.equal((await guess('192.0.2.1', `wrong${i}`)).statusCode, 401)
  const refused = await guess('192.0.2.1', 'alk_test_admin_key')
  assert.equal(refused.statusCode, 429)
  assert.ok(Number(refused.headers['retry-after']) > 0)
  assert.equal((await guess('192.0.2.2', 'alk_test_admin_key')).statusCode, 200)
})
