import assert from 'node:assert/strict'
import test from 'node:test'
import { admin, controlUnderTest } from '../../test/support/control.ts'

const preflight = { 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type' }

test('unless configured, no other origin may read or ask', async () => {
  await using it = await controlUnderTest()
  for (const origin of ['https://evil.example', 'null', 'http://localhost.evil.example']) {
    for (const [method, headers] of [['GET', { ...admin, origin }], ['OPTIONS', { origin, ...preflight }]] as const) {
      const answer = await it.app.inject({ method, url: '/api/v1/conferences', headers })
      assert.equal(answer.headers['access-control-allow-origin'], undefined, `${method} ${origin}`)
    }
  }
})

test('a configured origin may, its subdomains and lookalikes may not, and nobody with cookies', async () => {
  await using it = await controlUnderTest({ options: { cors: { origins: ['https://app.example'], methods: ['GET', 'POST'] } } })
  const ask = (origin: string) => it.app.inject({ method: 'OPTIONS', url: '/api/v1/conferences', headers: { origin, ...preflight } })
  const allowed = await ask('https://app.example')
  assert.deepEqual([allowed.statusCode, allowed.headers['access-control-allow-origin'], allowed.headers['access-control-allow-credentials']], [204, 'https://app.example', undefined])
  for (const origin of ['https://evil.example', 'null', 'https://sub.app.example', 'https://app.example.evil', 'http://app.example']) {
    assert.equal((await ask(origin)).headers['access-control-allow-origin'], undefined, origin)
  }
  const refused = await it.app.inject({ method: 'GET', url: '/api/v1/conferences', headers: { origin: 'https://app.example' } })
  assert.deepEqual([refused.statusCode, refused.headers['access-control-allow-origin']], [401, 'https://app.example'], 'errors can be read too')
})

test('any origin is never any origin with credentials', async () => {
  await using it = await controlUnderTest({ options: { cors: { origins: ['*'], methods: ['GET'] } } })
  const answer = await it.app.inject({ method: 'GET', url: '/api/v1/conferences', headers: { ...admin, origin: 'https://x.example' } })
  assert.deepEqual([answer.headers['access-control-allow-origin'], answer.headers['access-control-allow-credentials']], ['*', undefined])
})

test('browsers are told what not to do', async () => {
  await using it = await controlUnderTest()
  for (const url of ['/docs', '/status', '/api/v1/conferences']) {
    const { headers } = await it.ask('GET', url)
    assert.match(String(headers['content-security-policy']), /default-src 'none'.*frame-ancestors 'none'/, url)
    assert.doesNotMatch(String(headers['content-security-policy']), /unsafe|https?:/, url)
    assert.equal(headers['x-content-type-options'], 'nosniff', url)
    assert.equal(headers['x-frame-options'], 'SAMEORIGIN', url)
    assert.deepEqual([headers['server'], headers['x-powered-by']], [undefined, undefined])
  }
  assert.equal((await it.ask('GET', '/api/v1/conferences')).headers['cache-control'], 'no-store')
})

test('every answer has all of the headers, refusals and preflights too', async () => {
  await using it = await controlUnderTest({ options: { cors: { origins: ['https://app.example'], methods: ['GET'] } } })
  const expected = {
    'content-security-policy': "default-src 'none';script-src 'self';style-src 'self';img-src 'self' data:;font-src 'self';media-src 'self' blob:;connect-src 'self';manifest-src 'self';base-uri 'none';form-action 'self';frame-ancestors 'none'",
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'origin-agent-cluster': '?1',
    'referrer-policy': 'no-referrer',
    'strict-transport-security': 'max-age=31536000',
    'x-content-type-options': 'nosniff',
    'x-dns-prefetch-control': 'off',
    'x-download-options': 'noopen',
    'x-frame-options': 'SAMEORIGIN',
    'x-permitted-cross-domain-policies': 'none',
    'x-xss-protection': '0'
  }
  const asked = [
    it.ask('GET', '/docs'), it.ask('GET', '/api/v1/conferences'), it.app.inject({ method: 'GET', url: '/api/v1/conferences' }),
    it.app.inject({ method: 'OPTIONS', url: '/api/v1/conferences', headers: { origin: 'https://app.example', ...preflight } })
  ]
  for (const { headers, statusCode } of await Promise.all(asked)) {
    const got = Object.fromEntries(Object.keys(expected).map(name => [name, headers[name]]))
    assert.deepEqual(got, expected, String(statusCode))
  }
})

test('the description’s page fetches nothing from anywhere', async () => {
  await using it = await controlUnderTest()
  const { body } = await it.ask('GET', '/docs')
  assert.doesNotMatch(body, /https?:\/\/|<script/)
  assert.match(body, /\/api\/v1\/recordings\/\{id\}\/file/)
  assert.match(body, /range_not_satisfiable/)
})

test('too many requests of one caller are refused, with the time to wait; other callers go on', async () => {
  const rateLimit = { enabled: true, requestsPerMinute: 5, burst: 2 }
  await using it = await controlUnderTest({ options: { rateLimit } })
  const [mine, others] = await Promise.all(['mine', 'other'].map(async name => ({ 'x-auralink-api-key': (await it.auth.apiKeys.create({ name, scopes: ['rooms'] })).key })))
  const ask = async (headers: Record<string, string>) => it.app.inject({ method: 'GET', url: '/api/v1/conferences', headers })
  for (let i = 0; i < 7; i++) assert.equal((await ask(mine!)).statusCode, 200)
  const refused = await ask(mine!)
  assert.deepEqual([refused.statusCode, refused.json().code], [429, 'rate_limited'])
  assert.ok(Number(refused.headers['retry-after']) > 0)
  assert.equal((await ask(others!)).statusCode, 200)
  for (let i = 0; i < 20; i++) assert.equal((await ask(admin)).statusCode, 200, 'the operator is not counted')
  assert.equal((await it.ask('GET', '/health')).statusCode, 200, 'probes are never limited')
  rateLimit.requestsPerMinute = 20
  assert.equal((await ask(mine!)).statusCode, 200, 'a limit that was raised counts at once')
  rateLimit.requestsPerMinute = 5
  rateLimit.enabled = false
  for (let i = 0; i < 20; i++) assert.equal((await ask(mine!)).statusCode, 200, 'and so does one that was lifted')
})
