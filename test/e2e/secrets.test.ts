// No secret comes out anywhere: the real service, told secrets that cannot be mistaken, made to fail in every way we know.
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { once } from 'node:events'
import { connect, type AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'node:test'
import { SignJWT } from 'jose'
import { DashboardSimulator } from '../../src/dev/simulators/dashboard.ts'
import { missing } from '../support/peers.ts'
import { PostgresServer } from '../support/postgres.ts'
import { publish, Publishers } from '../support/publishers.ts'
import { RedisServer } from '../support/redis.ts'
import { type Service, startService, waitUntil } from '../support/service.ts'

const canaries: Record<string, string> = {
  databasePassword: 'Canary0Db5f0e7d', redisPassword: 'Canary1Redis9ab2', adminKey: 'Canary2Admin-3c4d5e6f7a8b', jwtSecret: 'Canary3Jwt-of-at-least-thirty-two-bytes', dashboardKey: 'Canary4Dash77aa',
  wrongStreamKey: 'Canary5Stream0011', wrongApiKey: 'Canary6Wrong2233', receiverPassword: 'Canary7Hook4455', icePassword: 'Canary8Ice66778899aabbccdd', queryToken: 'Canary9Query9900',
  oidcSecret: 'Canary10Oidc1122', wrongLogin: 'Canary11Login3344'
}

test('no secret shows in logs, metrics, status, events, errors or descriptions', { skip: missing('pg_ctlcluster', 'redis-server'), timeout: 240_000 }, async () => {
  await using postgres = await PostgresServer.start()
  await using redis = await RedisServer.start(canaries.redisPassword)
  await using dashboard = await DashboardSimulator.start({ apiKey: 'another key: ours is refused' })
  await using receiver = await failingReceiver()
  const database = new URL(await postgres.database())
  await using service = await startService({
    env: {
      DATABASE_URL: `jdbc:postgresql://${database.host}${database.pathname}?user=postgres&password=${canaries.databasePassword}`, DB_PASSWORD: canaries.databasePassword!,
      REDIS_HOST: '127.0.0.1', REDIS_PORT: String(redis.port), REDIS_PASSWORD: canaries.redisPassword!, AURALINK_ADMIN_API_KEY: canaries.adminKey!,
      JWT_SECRET: canaries.jwtSecret!, DASHBOARD_SERVICE_URL: dashboard.url, DASHBOARD_API_KEY: canaries.dashboardKey!, OIDC_CLIENT_SECRET: canaries.oidcSecret!,
      OUTBOUND_ALLOW_PRIVATE: receiver.address, LOG_LEVEL: 'debug', LOG_FORMAT: 'json'
    }
  })
  const secrets = new Map(Object.entries(canaries))
  const shown = new Map<string, string>()
  const url = `http://user:${canaries.receiverPassword}@${receiver.address}/hook?token=${canaries.queryToken}`
  const hook = await service.call('POST', '/api/v1/webhooks', { url: `http://${receiver.address}/hook?token=${canaries.queryToken}` })
  secrets.set('webhookSecret', hook.secret.replace('whsec_', ''))
  secrets.set('rotatedWebhookSecret', (await service.call('POST', `/api/v1/webhooks/${hook.id}/rotate-secret`)).secret.replace('whsec_', ''))
  const ingress = await service.call('POST', '/api/v1/ingresses', { protocol: 'rtmp', room: 'canary' })
  secrets.set('streamKey', ingress.streamKey)
  const apiKey = await service.call('POST', '/api/v1/api-keys', { name: 'canary', scopes: ['rooms'] })
  secrets.set('apiKey', apiKey.key)
  const token = await new SignJWT({ scope: 'rooms' }).setProtectedHeader({ alg: 'HS256' }).setIssuer('auralink').setAudience('auralink-services').setExpirationTime('1h').setSubject('somebody')
    .sign(Buffer.from(canaries.jwtSecret!))
  secrets.set('token', token.split('.')[2]!)

  const ask = asker(service, shown)
  await ask('with a good token', 'GET', '/api/v1/conferences', { authorization: `Bearer ${token}` })
  await publishWrongly(service, canaries.wrongStreamKey!)
  await using publishers = await Publishers.start(service, 1, 'live')
  await failEverywhere(ask, url, token)
  await waitUntil('a webhook was tried', 20_000, () => receiver.requests > 0)
  await postgres.stop()
  await redis.stop()
  await sleep(2_000)
  await failEverywhere(ask, url, token)
  await Promise.all([postgres.start(), redis.start()])
  await waitUntil('the database is back', 30_000, async () => (await fetch(`${service.url}/ready`)).ok)
  assert.deepEqual(publishers.dropped, [])

  const key = { 'x-auralink-api-key': canaries.adminKey! }
  for (const where of ['/status', '/metrics', '/api/v1/events?after=0', '/openapi.json', '/docs', '/api/v1/sessions', '/api/v1/api-keys', '/api/v1/conferences', '/ready']) {
    await ask(where, 'GET', where, key)
    assert.notEqual(shown.get(where), '', where)
  }
  shown.set('metrics listener', await (await fetch(service.metricsUrl)).text())
  shown.set('events', await (await fetch(`${service.url}/api/v1/events?after=0`, { headers: key })).text())
  await service.stop('SIGINT')
  shown.set('output', service.output())
  assert.match(service.output(), /a dependency is not there/, 'the faults were real')
  assert.match(service.output(), /"level":"debug"/, 'every line was written')
  const found = [...shown].flatMap(([where, text]) => [...secrets].filter(([, secret]) => text.includes(secret)).map(([name]) => {
    const at = text.indexOf(secrets.get(name)!)
    return `${name} in ${where}: …${text.slice(Math.max(0, at - 200), at)}<here>`
  }))
  assert.deepEqual(found, [])
})

type Ask = (what: string, method: string, path: string, headers?: Record<string, string>, body?: string) => Promise<void>

/** Keeps every answer with its headers. */
const asker = (service: Service, shown: Map<string, string>): Ask => async (what, method, path, headers = {}, body) => {
  const answer = await fetch(service.url + path, { method, headers, redirect: 'manual', ...(body === undefined ? {} : { body }) })
  shown.set(what, `${shown.get(what) ?? ''}${JSON.stringify([...answer.headers])}${await answer.text()}`)
}

/** Every way to be refused in which a secret is at hand. */
async function failEverywhere (ask: Ask, webhookUrl: string, token: string): Promise<void> {
  const json = { 'content-type': 'application/json', 'x-auralink-api-key': canaries.adminKey! }
  await ask('a wrong key', 'GET', '/api/v1/conferences', { 'x-auralink-api-key': canaries.wrongApiKey! })
  await ask('a wrong bearer', 'GET', '/api/v1/conferences', { authorization: `Bearer ${canaries.wrongApiKey}` })
  await ask('a spoilt token', 'GET', '/api/v1/conferences', { authorization: `Bearer ${token}x` })
  await ask('a token in the query', 'GET', `/api/v1/conferences?token=${canaries.queryToken}&apiKey=${canaries.wrongApiKey}`, json)
  await ask('a path with a key', 'GET', `/api/v1/nothing/here?streamKey=${canaries.wrongStreamKey}`, json)
  await ask('a wrong login', 'POST', '/api/v1/console/login', { 'content-type': 'application/json' }, JSON.stringify({ token: canaries.wrongLogin }))
  await ask('a login with a wrong key', 'POST', '/api/v1/console/login', { 'content-type': 'application/json' }, JSON.stringify({ apiKey: canaries.wrongApiKey }))
  await ask('a webhook with a password', 'POST', '/api/v1/webhooks', json, JSON.stringify({ url: webhookUrl.replace('http:', 'ftp:') }))
  await ask('a webhook where none may be', 'POST', '/api/v1/webhooks', json, JSON.stringify({ url: `http://u:${canaries.receiverPassword}@169.254.169.254/?secret=${canaries.queryToken}` }))
  await ask('an ingress with fields too many', 'POST', '/api/v1/ingresses', json, JSON.stringify({ protocol: 'rtmp', room: 'canary', streamKey: canaries.wrongStreamKey }))
  await ask('broken JSON', 'POST', '/api/v1/ingresses', json, `{"streamKey": "${canaries.wrongStreamKey}", `)
  await ask('a wrong description', 'POST', '/whip/canary', { ...json, 'content-type': 'application/sdp' }, `v=0\r\na=ice-pwd:${canaries.icePassword}\r\n`)
  await ask('a wrong description to watch', 'POST', '/whep/canary', { ...json, 'content-type': 'application/sdp' }, `v=0\r\na=ice-pwd:${canaries.icePassword}\r\nm=video\r\n`)
  await ask('what is not there', 'GET', `/api/v1/ingresses/${canaries.wrongStreamKey}`, { authorization: `Bearer ${token}` })
}

/** Encoders with a wrong key, in the key's place and in the application's, and bytes that are no RTMP. */
async function publishWrongly (service: Service, key: string): Promise<void> {
  const { signal } = new AbortController()
  await assert.rejects(publish(`rtmp://127.0.0.1:${service.rtmpPort}/live`, key, signal))
  await assert.rejects(publish(`rtmp://127.0.0.1:${service.rtmpPort}/${key}`, key, signal))
  const socket = connect(service.rtmpPort, '127.0.0.1')
  await once(socket, 'connect')
  socket.on('error', () => {})
  socket.end(`GET /live/${key} HTTP/1.1\r\n\r\n`.repeat(100))
  await once(socket, 'close')
}

async function failingReceiver () {
  let requests = 0
  const server = createServer((request, response) => {
    requests++
    request.resume().on('end', () => response.writeHead(500).end(`no: ${canaries.receiverPassword}`))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    get requests () { return requests },
    async [Symbol.asyncDispose] () {
      server.closeAllConnections()
      await new Promise(resolve => { server.close(resolve) })
    }
  }
}
