// What a newcomer sees: the greeting, a picture without an encoder, a clean end, and a port that is taken explained.
import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { once } from 'node:events'
import test from 'node:test'
import { freePort, startService, waitUntil } from '../support/service.ts'

test('the first start greets with everything a newcomer needs, and the login link works once', { timeout: 120_000 }, async () => {
  await using service = await startService({ env: { AURALINK_ADMIN_API_KEY: '' } })
  await waitUntil('the greeting', 5000, () => service.output().includes('ready in'))
  const output = service.output()
  const port = new URL(service.url).port
  assert.match(output, new RegExp(`http://[^ ]+:${port}/\\?login=[A-Za-z0-9_-]{20,}`), 'console with a one-time token')
  assert.match(output, new RegExp(`rtmp://[^ ]+:${service.rtmpPort}/live`), 'RTMP URL')
  assert.match(output, /[Ss]tream key +[A-Za-z0-9_-]{16,}/, 'stream key')
  assert.match(output, /\/whep\/demo/, 'WHEP URL')
  assert.match(output, /\/metrics/, 'metrics')
  assert.ok(output.includes(service.dataDir), 'data folder')

  const token = /login=([A-Za-z0-9_-]+)/.exec(output)![1]
  const login = () => fetch(`${service.url}/api/v1/console/login`, { method: 'POST', headers: { 'content-type': 'application/json', 'x-requested-with': 'auralink-console' }, body: JSON.stringify({ token }) })
  const first = await login()
  assert.equal(first.ok, true, await first.text())
  const cookie = first.headers.getSetCookie()[0] ?? ''
  assert.match(cookie, /HttpOnly/i)
  assert.match(cookie, /SameSite=Strict/i)
  assert.equal((await fetch(`${service.url}/api/v1/sessions`, { headers: { cookie: cookie.split(';')[0]! } })).status, 200)
  assert.equal((await login()).status, 401, 'only once')
  assert.equal(await service.stop('SIGINT'), 0, 'Ctrl-C drains and exits 0')
})

test('--demo shows a picture to somebody without an encoder', { timeout: 120_000 }, async () => {
  await using service = await startService({ args: ['--demo'] })
  await waitUntil('the demo publishes', 20_000, async () => {
    const { items } = await service.call('GET', '/api/v1/sessions?state=active')
    return items.some((session: any) => session.type === 'rtmp' && session.room === 'demo')
  })
  assert.equal(await service.stop('SIGTERM'), 0)
})

test('a port in use is named, with who wanted it and the setting to change', { timeout: 120_000 }, async () => {
  const port = await freePort()
  const other = createServer().listen(port, '0.0.0.0')
  await once(other, 'listening')
  try {
    for (const setting of ['RTMP_INGEST_PORT', 'HTTP_PORT', 'PROMETHEUS_PORT']) {
      const error = await startService({ env: { [setting]: String(port) } }).then(s => { void s[Symbol.asyncDispose](); return 'it started' }, e => String(e))
      assert.match(error, new RegExp(`[Pp]ort ${port}.*already in use`, 's'), setting)
      assert.match(error, new RegExp(setting))
    }
  } finally {
    other.close()
  }
})
