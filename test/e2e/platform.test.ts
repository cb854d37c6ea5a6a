// The contract with operators, on real PostgreSQL and Redis: variables, tables, keys, probes, metrics, signals, webhooks, the Dashboard.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import test from 'node:test'
import { type WebhookHeaders, verify } from '../../src/services/standard-webhooks.ts'
import { missing } from '../support/peers.ts'
import { PostgresServer } from '../support/postgres.ts'
import { publish, Publishers } from '../support/publishers.ts'
import { RedisServer } from '../support/redis.ts'
import { startService, waitUntil } from '../support/service.ts'
import { temporaryFolder } from '../support/stores.ts'

/** Every variable of the contract, with the values of its own examples. */
const variables: Record<string, string> = {
  AURALINK_SERVICE_NAME: 'ingress-egress', AURALINK_REGION: 'us-west-2', AURALINK_ENV: 'development', BRIDGE_ID: 'bridge-dev-001',
  ENABLE_AIC: 'true', ENABLE_SIP: 'true', ENABLE_RTMP: 'true', ENABLE_RECORDING: 'true', ENABLE_MESH: 'false', ENABLE_AURAID: 'true',
  DASHBOARD_SERVICE_URL: 'http://auralink-dashboard:8080', DASHBOARD_API_KEY: 'dev-dashboard-key', AI_CORE_GRPC_URL: 'auralink-ai-core:50051',
  WEBRTC_SERVER_URL: 'http://auralink-webrtc:7880', WEBRTC_API_KEY: 'key', DATABASE_URL: 'jdbc:postgresql://postgres:5432/auralink', DB_USER: 'auralink', DB_PASSWORD: 'secret',
  DB_POOL_SIZE: '20', DB_AUTO_MIGRATE: 'true', REDIS_HOST: 'redis', REDIS_PORT: '6379', REDIS_PASSWORD: 'secret', REDIS_DB: '0',
  SIP_SERVER_URL: 'sip:asterisk:5060', SIP_TRUNK_PROVIDER: 'twilio', SIP_TRUNK_CREDENTIALS: 'user:password', RTMP_INGEST_PORT: '1935', RECORDING_BUCKET: 'recordings',
  RECORDING_S3_REGION: 'us-west-2', ENABLE_METRICS: 'true', PROMETHEUS_PORT: '9090', LOG_LEVEL: 'DEBUG', LOG_FORMAT: 'json'
}

const columns: Record<string, string[]> = {
  bridges: [
    'bridge_id varchar(255) not null', 'region varchar(50) not null', 'status varchar(20) not null', 'capacity int4 default', 'current_load int4 default', 'last_heartbeat timestamp',
    'created_at timestamp default', 'updated_at timestamp default'
  ],
  conferences: [
    'conference_id varchar(255) not null', 'bridge_id varchar(255)', 'room_name varchar(255) not null', 'participant_count int4 default', 'status varchar(20) not null',
    'created_at timestamp default', 'ended_at timestamp'
  ],
  participants: [
    'participant_id varchar(255) not null', 'conference_id varchar(255)', 'aura_id varchar(255)', 'display_name varchar(255)', 'join_source varchar(50)', 'joined_at timestamp default',
    'left_at timestamp'
  ],
  external_sessions: [
    'session_id varchar(255) not null', 'session_type varchar(50) not null', 'conference_id varchar(255)', 'external_id varchar(255)', 'status varchar(20) not null', 'metadata jsonb',
    'created_at timestamp default', 'ended_at timestamp'
  ]
}
const COLUMNS = `
  select table_name, udt_name || coalesce('(' || character_maximum_length || ')', '') as type, column_name, is_nullable, column_default is not null as has_default
  from information_schema.columns where table_schema = 'ingress_egress' order by table_name, ordinal_position`

const metricNames = [
  'auralink_bridge_status', 'auralink_conference_count', 'auralink_participant_count', 'auralink_database_pool_active', 'auralink_redis_pool_active',
  'auralink_aic_compression_ratio', 'auralink_sip_call_count', 'auralink_rtmp_stream_count'
]

const main = (args: string[], env: Record<string, string>) =>
  spawnSync(process.execPath, ['src/main.js', ...args], { encoding: 'utf8', env: { PATH: process.env.PATH, ...env }, cwd: path.resolve(import.meta.dirname, '../..') })

test('every variable of the contract is accepted, and --print-config says where each value comes from', () => {
  const checked = main(['--check-config'], variables)
  assert.deepEqual([checked.status, /The configuration is valid/.test(checked.stdout)], [0, true], checked.stdout + checked.stderr)
  assert.doesNotMatch(checked.stdout, /is not known/)
  const { stdout, status } = main(['--print-config'], variables)
  assert.equal(status, 0)
  for (const name of Object.keys(variables)) assert.match(stdout, new RegExp(`# environment variable ${name}$`, 'm'), name)
  for (const secret of ['dev-dashboard-key', 'user:password', '= secret']) assert.ok(!stdout.includes(secret), secret)
  const wrong = main(['--check-config'], { ...variables, REDIS_PORT: 'many', DB_POOL_SIZE: '-1' })
  assert.equal(wrong.status, 1)
  for (const name of ['REDIS_PORT', 'DB_POOL_SIZE']) assert.match(wrong.stdout + wrong.stderr, new RegExp(name), 'all mistakes at once')
})

test('tables, keys, probes, metrics and webhooks while a stream is live', { skip: missing('pg_ctlcluster', 'redis-server'), timeout: 120_000 }, async () => {
  await using postgres = await PostgresServer.start()
  await using redis = await RedisServer.start()
  await using receiver = await Receiver.open()
  const url = await postgres.database()
  const { host, pathname } = new URL(url)
  const endpoint = `jdbc:postgresql://${host}${pathname}`
  await using service = await startService({
    env: {
      DATABASE_URL: endpoint, DB_USER: 'postgres', DB_PASSWORD: 'any', REDIS_HOST: '127.0.0.1', REDIS_PORT: String(redis.port), REDIS_PASSWORD: redis.password, BRIDGE_ID: 'bridge-dev-001',
      AURALINK_ENV: 'development', LOG_LEVEL: 'DEBUG', OUTBOUND_ALLOW_PRIVATE: receiver.address
    }
  })

  const found = new Map<string, string[]>()
  for (const row of await postgres.query(COLUMNS, url)) {
    const { table_name: table, column_name, type, is_nullable, has_default } = row as Record<string, string>
    const text = `${column_name} ${type}${is_nullable === 'NO' ? ' not null' : ''}${has_default ? ' default' : ''}`
    found.set(table!, [...found.get(table!) ?? [], text])
  }
  for (const [table, expected] of Object.entries(columns)) assert.deepEqual(found.get(table)?.slice(0, expected.length), expected, table)

  receiver.secret = (await service.call('POST', '/api/v1/webhooks', { url: `http://${receiver.address}/` })).secret
  await using publishers = await Publishers.start(service, 1, 'studio')
  await waitUntil('the participant is there', 20_000, async () => (await service.call('GET', '/api/v1/conferences')).items[0]?.participantCount === 1)
  const conference = (await service.call('GET', '/api/v1/conferences')).items[0]
  const participant = (await service.call('GET', `/api/v1/conferences/${conference.id}/participants`)).items[0]

  await using client = await redis.client()
  const types: Record<string, string> = {
    'bridge:bridge-dev-001:status': 'hash', 'bridge:bridge-dev-001:conferences': 'set', 'bridge:bridge-dev-001:participants': 'set',
    [`conference:${conference.id}:info`]: 'hash', [`conference:${conference.id}:participants`]: 'set', [`conference:${conference.id}:media`]: 'hash',
    'room:studio-0:bridges': 'set', 'room:studio-0:state': 'hash', [`participant:${participant.id}:info`]: 'hash',
    'metrics:conferences:count': 'string', 'metrics:participants:count': 'string', 'metrics:sip:calls': 'string', 'metrics:rtmp:streams': 'string'
  }
  const typesNow = async () => Object.fromEntries(await Promise.all(Object.keys(types).map(async key => [key, await client.type(`auralink:ingress-egress:${key}`)])))
  await waitUntil('the keys are there', 10_000, async () => JSON.stringify(await typesNow()) === JSON.stringify(types) && await client.get('auralink:ingress-egress:metrics:rtmp:streams') === '1')
    .catch(async () => assert.deepEqual(await typesNow(), types))
  await client.flushAll()
  await waitUntil('a flushed cache is whole again', 10_000, async () => JSON.stringify(await typesNow()) === JSON.stringify(types))

  const sessions = await postgres.query('select session_type, status, conference_id from ingress_egress.external_sessions', url)
  assert.deepEqual(sessions, [{ session_type: 'rtmp', status: 'active', conference_id: conference.id }])
  const [bridge] = await postgres.query('select bridge_id, region, status, current_load, last_heartbeat is not null as alive from ingress_egress.bridges', url)
  assert.deepEqual([bridge?.bridge_id, bridge?.region, bridge?.status, bridge?.alive], ['bridge-dev-001', 'us-west-2', 'online', true])

  const get = async (where: string) => (await fetch(service.url + where)).json() as Promise<any>
  const { timestamp: _, ...health } = await get('/health')
  assert.deepEqual(health, { status: 'healthy', checks: { application: true } })
  const { timestamp: at, ...ready } = await get('/ready')
  assert.deepEqual([ready, Math.abs(Date.now() - at) < 10_000], [{ status: 'ready', checks: { database: true, redis: true } }, true])
  const status = await get('/status')
  assert.deepEqual(status.dependencies.database, { status: 'healthy', endpoint })
  assert.deepEqual({ ...status.service, version: '' }, { name: 'ingress-egress', version: '', environment: 'development', region: 'us-west-2', bridgeId: 'bridge-dev-001' })
  const { resources } = status
  assert.deepEqual(Object.keys(resources), ['memoryUsed', 'memoryMax', 'cpuProcessors', 'databasePoolStats', 'redisPoolStats'])
  assert.ok(resources.databasePoolStats.active_connections + resources.databasePoolStats.idle_connections >= 1 && resources.redisPoolStats.idle_connections <= 1)

  const metrics = await (await fetch(service.metricsUrl)).text()
  for (const name of metricNames) assert.match(metrics, new RegExp(`^${name}(\\{[^}]*\\})? [0-9.]+$`, 'm'), name)
  assert.match(metrics, /^auralink_rtmp_stream_count(\{[^}]*\})? 1$/m)
  assert.ok(metrics.split('\n').filter(line => line !== '' && !line.startsWith('#')).length < 2_000)

  await publishers[Symbol.asyncDispose]()
  await waitUntil('the receiver has heard the whole session', 20_000, () => ['session.starting', 'session.active', 'session.ended'].every(type => receiver.types.includes(type)))
  assert.equal(receiver.forged, 0, 'every message is signed')
  assert.equal(await service.stop('SIGTERM'), 0)
  const [last] = await postgres.query(`select status, end_reason from ingress_egress.external_sessions`, url)
  assert.deepEqual([last?.status, last?.end_reason !== ''], ['ended', true])
})

test('SIGHUP changes what can change while running, and says what cannot', { timeout: 120_000 }, async () => {
  using folder = temporaryFolder()
  const file = path.join(folder.path, 'auralink.conf')
  const write = (text: string): void => writeFileSync(file, `auralink { ${text} }`)
  write('limits.sessions = 5')
  await using service = await startService({ args: ['--config', file] })
  await using publishers = await Publishers.start(service, 1, 'first')
  const key = await service.call('POST', '/api/v1/ingresses', { protocol: 'rtmp', room: 'second' })
  write('limits.sessions = 1, logging.level = debug, http.host = "127.0.0.1"')
  process.kill(service.pid, 'SIGHUP')
  await waitUntil('it was read', 10_000, () => service.output().includes('the configuration was read again'))
  const line = service.output().split('\n').find(text => text.includes('the configuration was read again'))!
  assert.match(line, /limits\.sessions/)
  assert.match(line, /needsRestart=.*http\.host/)
  await assert.rejects(publish(`rtmp://127.0.0.1:${service.rtmpPort}/live`, key.streamKey, AbortSignal.timeout(10_000)), 'one session is all there may be')
  await service.call('GET', '/api/v1/sessions')
  await waitUntil('debug lines are written', 5_000, () => /\/api\/v1\/sessions.*request|request.*\/api\/v1\/sessions/.test(service.output()))
  write('limits.sessions = many')
  process.kill(service.pid, 'SIGHUP')
  await waitUntil('the mistake is said', 10_000, () => service.output().includes('the configuration has mistakes'))
  assert.deepEqual([(await fetch(`${service.url}/ready`)).status, publishers.dropped], [200, []], 'and it goes on as it was')
})

test('--with-simulators: the Dashboard hears of the bridge, its conferences and participants', { timeout: 120_000 }, async () => {
  await using service = await startService({ args: ['--with-simulators'] })
  await waitUntil('the greeting', 10_000, () => service.output().includes('A simulated Dashboard is at'))
  const dashboard = /A simulated Dashboard is at (http:\/\/[0-9.:]+)/.exec(service.output())![1]!
  await waitUntil('the probe sees it', 20_000, async () => ((await (await fetch(`${service.url}/ready`)).json()) as any).checks.dashboard_service)
  await using _publishers = await Publishers.start(service, 1, 'shown')
  const told = async () => await (await fetch(`${dashboard}/api/v1/conferences`)).json() as { roomName: string, participants: object[], endedAt?: number }[]
  await waitUntil('it was told', 20_000, async () => (await told())[0]?.participants.length === 1)
  assert.equal((await told())[0]?.roomName, 'shown-0')
  await service.stop('SIGINT')
})

/** Takes webhooks and checks who signed them. */
class Receiver implements AsyncDisposable {
  secret = ''
  forged = 0
  readonly types: string[] = []
  readonly #server = createServer((request, response) => {
    void request.setEncoding('utf8').toArray().then(chunks => {
      const body = chunks.join('')
      if (verify(request.headers as unknown as WebhookHeaders, body, this.secret, Date.now() / 1000)) this.types.push(JSON.parse(body).type)
      else this.forged++
      response.writeHead(204).end()
    })
  })

  static async open (): Promise<Receiver> {
    const receiver = new Receiver()
    await once(receiver.#server.listen(0, '127.0.0.1'), 'listening')
    return receiver
  }

  get address (): string { return `127.0.0.1:${(this.#server.address() as AddressInfo).port}` }

  async [Symbol.asyncDispose] (): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise(resolve => { this.#server.close(resolve) })
  }
}
