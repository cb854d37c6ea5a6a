// What the table of settings promises: a setting is read by the running service, or it says that it has no effect yet.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import test from 'node:test'
import { App } from '../src/app.ts'
import { commandLine } from '../src/config/command-line.ts'
import { load } from '../src/config/load.ts'
import { SameAs } from '../src/config/setting.ts'
import { camel, fullKey, rows } from '../src/config/table.ts'
import { DashboardSimulator } from '../src/dev/simulators/dashboard.ts'
import { silentLogger } from '../src/lib/log.ts'
import { openLog } from '../src/run.ts'
import { freePort } from './support/service.ts'
import { prefill, temporaryFolder } from './support/stores.ts'
import { testCertificate } from './support/test-certificate.ts'
import { until } from './support/until.ts'

/** The same object, that notes the full path of every leaf somebody looks at. */
function watched<T extends object> (object: T, seen: Set<string>, at = ''): T {
  return new Proxy(object, {
    get (target, name, receiver) {
      const value: unknown = Reflect.get(target, name, receiver)
      if (typeof name === 'symbol') return value
      const where = at === '' ? name : `${at}.${name}`
      const isSection = typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
      if (isSection) return watched(value, seen, where)
      seen.add(where)
      return value
    }
  })
}

const API_KEY = 'an-admin-key-of-some-length'

/** Every feature that depends on a setting being there is switched on, and used once. */
async function readByARunningService (): Promise<Set<string>> {
  await using dashboard = await DashboardSimulator.start()
  using folder = temporaryFolder()
  await prefill(folder.path)
  const [cert, key] = ['cert.pem', 'key.pem'].map(name => path.join(folder.path, name)) as [string, string]
  writeFileSync(cert, testCertificate.cert)
  writeFileSync(key, testCertificate.key)
  const [http, probes, rtmps, redis] = await Promise.all([freePort(), freePort(), freePort(), freePort()])
  const ports = { HTTP_PORT: http, HEALTH_CHECK_PORT: probes, PROMETHEUS_PORT: 0, RTMP_INGEST_PORT: 0, RTMPS_PORT: rtmps, MEDIA_UDP_PORT: 0, REDIS_PORT: redis }
  const env = {
    ...Object.fromEntries(Object.entries(ports).map(([name, port]) => [name, String(port)])),
    DATA_DIR: folder.path, TLS_CERT_FILE: cert, TLS_KEY_FILE: key, JWT_SECRET: 'a-secret-of-at-least-thirty-two-bytes', ENABLE_SSO: 'true', OIDC_ISSUER: 'https://sso.example',
    OIDC_CLIENT_ID: 'auralink', PUBLIC_URL: 'https://bridge.example', DASHBOARD_SERVICE_URL: dashboard.url, REDIS_HOST: '127.0.0.1',
    AURALINK_ADMIN_API_KEY: API_KEY, OUTBOUND_ALLOW_PRIVATE: '127.0.0.1:9'
  }
  const cli = commandLine([])
  const sources = { argv: cli, env }
  const loaded = load(sources)
  const seen = new Set<string>()
  const config = watched(loaded.config, seen)
  openLog(config)
  const app = await App.start({ loaded: { ...loaded, config }, sources, cli, log: silentLogger })
  try {
    const headers = { 'x-auralink-api-key': API_KEY, 'content-type': 'application/json' }
    assert.equal((await fetch(`http://127.0.0.1:${probes}/ready`)).status, 200, 'the probes have a port of their own')
    assert.equal((await fetch(`http://127.0.0.1:${probes}/status`)).status, 404, 'and nothing else is there')
    const post = async (where: string, body: object): Promise<Response> =>
      fetch(`http://127.0.0.1:${http}/api/v1/${where}`, { method: 'POST', headers, body: JSON.stringify(body) })
    assert.equal((await post('recordings', { room: 'demo' })).status, 201)
    assert.equal((await post('webhooks', { url: 'https://127.0.0.1:9/' })).status, 201)
    await until('webhooks to be looked after', () => seen.has('webhooks.concurrency'))
    const { key } = await (await post('api-keys', { name: 'limited', scopes: ['rooms'] })).json() as { key: string }
    assert.equal((await fetch(`http://127.0.0.1:${http}/api/v1/sessions`, { headers: { 'x-auralink-api-key': key } })).status, 200)
    const { token } = await (await post('tokens', { scopes: ['view'], room: 'demo' })).json() as { token: string }
    assert.equal((await fetch(`http://127.0.0.1:${http}/whep/demo`, { method: 'OPTIONS', headers: { authorization: `Bearer ${token}` } })).status, 204)
    await app.drain(Math.min(app.drainDeadlineMs, 1000))
  } finally {
    await app[Symbol.asyncDispose]()
  }
  return seen
}

test('every setting is read, or says that it has no effect yet; none says so wrongly', { timeout: 120_000 }, async () => {
  const seen = await readByARunningService()
  const used = new Set(rows.filter(({ path: [root, ...names] }) => root === 'auralink' && seen.has(names.map(camel).join('.'))).map(({ key }) => key))
  // What is only the default of a setting that is used, is used.
  for (let grew = true; grew;) {
    grew = false
    for (const { key, setting: { fallback } } of rows) {
      if (!(fallback instanceof SameAs) || !used.has(key) || used.has(fullKey(fallback.key))) continue
      used.add(fullKey(fallback.key))
      grew = true
    }
  }
  const unread = rows.filter(({ key, setting: { extras } }) => !extras.later && !used.has(key)).map(({ key }) => key)
  const wronglyLater = rows.filter(({ key, setting: { extras } }) => extras.later && used.has(key)).map(({ key }) => key)
  assert.deepEqual({ unread, wronglyLater }, { unread: [], wronglyLater: [] })
})
