// The running service while its databases stop, freeze, are not there yet, and while its neighbours die. With SOAK=1 as long and
// as wide as promised; otherwise shorter.
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import test, { type TestOptions } from 'node:test'
import { missing } from '../support/peers.ts'
import { PostgresServer } from '../support/postgres.ts'
import { Publishers } from '../support/publishers.ts'
import { RedisServer } from '../support/redis.ts'
import { freePort, type Service, startService, type ServiceOptions, waitUntil } from '../support/service.ts'
import { Watch } from '../support/watch.ts'

const soak = process.env.SOAK === '1'
const SESSIONS = soak ? 50 : 10
const STOPPED_MS = soak ? 60_000 : 20_000
const REDIS_STOPPED_MS = soak ? 7 * 60_000 : 15_000
const FROZEN_MS = 15_000
/** What the probes promise, and what a busy test machine may add to anything. */
const NOTICED_WITHIN_MS = 5_000
const ROWS_RIGHT_WITHIN_MS = 10_000
const LONGEST_ANSWER_MS = 5_000
const REAPED_WITHIN_MS = 15_000
const SLACK_MS = soak ? 1_000 : 5_000
/** Of the event loop, p99 over one watch; ours and that of whoever else uses the machine. */
const MAX_LAG_S = soak ? 0.05 : 0.5

const options: TestOptions = { skip: missing('pg_ctlcluster', 'redis-server'), timeout: 180_000 + (soak ? 10 * 60_000 : 0) }

const start = (url: string, more: ServiceOptions['env'] = {}): Promise<Service> => startService({ env: { DATABASE_URL: url, LOG_FORMAT: 'json', ...more } })

const liveRows = async (postgres: PostgresServer, url: string): Promise<string[]> =>
  (await postgres.query(`select session_id || ' ' || status as row from ingress_egress.external_sessions where ended_at is null order by 1`, url)).map(({ row }) => String(row))

const sessionsOf = async (service: Service): Promise<{ id: string, state: string }[]> =>
  (await service.call('GET', '/api/v1/sessions?state=active&limit=500')).items

/** The rows of what lives say so, and those of what was ended meanwhile say that too. */
async function rowsAreRight (postgres: PostgresServer, url: string, service: Service): Promise<boolean> {
  const alive = (await sessionsOf(service)).map(({ id, state }) => `${id} ${state}`).sort()
  return JSON.stringify(await liveRows(postgres, url)) === JSON.stringify(alive)
}

test(`PostgreSQL stopped for ${STOPPED_MS / 1000} s under ${SESSIONS} live sessions`, options, async t => {
  await using postgres = await PostgresServer.start()
  const url = await postgres.database()
  await using service = await start(url)
  await using publishers = await Publishers.start(service, SESSIONS, 'stay')
  await using leaving = await Publishers.start(service, 2, 'leave')
  await waitUntil('all are live', 20_000, async () => (await sessionsOf(service)).length === SESSIONS + 2)
  await waitUntil('their rows are there', 20_000, () => rowsAreRight(postgres, url, service))

  await using watch = new Watch(service)
  await postgres.stop()
  const stoppedAt = performance.now()
  await waitUntil('/ready says so', NOTICED_WITHIN_MS + SLACK_MS, () => watch.readyStatus === 503)
  t.diagnostic(`/ready was 503 after ${Math.round(performance.now() - stoppedAt)} ms`)
  const { status } = await fetch(`${service.url}/api/v1/ingresses`, { headers: { 'x-auralink-api-key': service.apiKey } })
  assert.equal(status, 503, 'what needs the database says that it is away')
  await leaving[Symbol.asyncDispose]()
  await sleep(STOPPED_MS - (performance.now() - stoppedAt))
  assert.equal((await sessionsOf(service)).length, SESSIONS, 'none was dropped, and those who left are gone')
  await postgres.start()
  const startedAt = performance.now()
  await waitUntil('/ready says so', NOTICED_WITHIN_MS + SLACK_MS, () => watch.readyStatus === 200)
  t.diagnostic(`/ready was 200 after ${Math.round(performance.now() - startedAt)} ms`)
  await waitUntil('all rows are right', ROWS_RIGHT_WITHIN_MS + SLACK_MS, () => rowsAreRight(postgres, url, service))
  t.diagnostic(`all rows were right after ${Math.round(performance.now() - startedAt)} ms`)
  assert.deepEqual(watch.health(), { statuses: [200] }, '/health was 200 throughout')
  assert.deepEqual(publishers.dropped, [])
  const ended = await postgres.query(`select count(*)::int as n from ingress_egress.external_sessions where status = 'ended' and ended_at is not null and end_reason <> ''`, url)
  assert.equal(ended[0]?.n, 2, 'who left meanwhile has an end and a reason')
})

test('PostgreSQL frozen: nobody waits, nothing stands still', options, async t => {
  await using postgres = await PostgresServer.start()
  const url = await postgres.database()
  await using service = await start(url)
  await using publishers = await Publishers.start(service, SESSIONS, 'frozen')
  await waitUntil('all are live', 20_000, async () => (await sessionsOf(service)).length === SESSIONS)
  await using watch = new Watch(service)
  await watch.lag()
  postgres.freeze()
  const longest = await slowestOf(FROZEN_MS, [
    () => service.call('GET', '/api/v1/ingresses'), () => service.call('GET', '/api/v1/events?after=0'), () => service.call('GET', '/api/v1/sessions?state=ended'),
    () => service.call('POST', '/api/v1/ingresses', { protocol: 'rtmp', room: 'late' }), () => fetch(`${service.url}/status`), () => sessionsOf(service)
  ])
  const lag = await watch.lag()
  postgres.thaw()
  t.diagnostic(`the longest answer took ${Math.round(longest)} ms; /health at most ${Math.round(watch.slowestHealthMs)} ms; event loop lag p99 ${(lag * 1000).toFixed(1)} ms`)
  assert.ok(longest < LONGEST_ANSWER_MS + SLACK_MS / 5, `an answer took ${longest} ms`)
  assert.ok(watch.slowestHealthMs < LONGEST_ANSWER_MS, `/health took ${watch.slowestHealthMs} ms`)
  assert.ok(lag < MAX_LAG_S, `the event loop lagged by ${lag} s`)
  assert.deepEqual([watch.health(), publishers.dropped], [{ statuses: [200] }, []])
  await waitUntil('/ready after the thaw', 20_000, () => watch.readyStatus === 200)
  await waitUntil('all rows are right', ROWS_RIGHT_WITHIN_MS + SLACK_MS, () => rowsAreRight(postgres, url, service))
})

test('Redis stopped: nothing is noticed, and it is filled again', options, async () => {
  await using postgres = await PostgresServer.start()
  await using redis = await RedisServer.start()
  const url = await postgres.database()
  await using service = await start(url, { REDIS_HOST: '127.0.0.1', REDIS_PORT: String(redis.port), REDIS_PASSWORD: redis.password })
  await using publishers = await Publishers.start(service, SESSIONS, 'redis')
  await waitUntil('all are live', 20_000, async () => (await sessionsOf(service)).length === SESSIONS)
  await using watch = new Watch(service)
  await redis.stop()
  await waitUntil('the probe shows it', 20_000, async () => ((await (await fetch(`${service.url}/ready`)).json()) as { checks: { redis: boolean } }).checks.redis === false)
  await sleep(REDIS_STOPPED_MS)
  assert.equal((await sessionsOf(service)).length, SESSIONS)
  await service.call('POST', '/api/v1/ingresses', { protocol: 'rtmp', room: 'meanwhile' })
  await redis.start()
  await using client = await redis.client()
  await waitUntil('it is filled again', 10_000 + SLACK_MS, async () => (await client.keys('auralink:ingress-egress:participant:*:info')).length === SESSIONS)
  await waitUntil('the probe shows it', 20_000, async () => ((await (await fetch(`${service.url}/ready`)).json()) as { checks: { redis: boolean } }).checks.redis)
  assert.deepEqual([watch.health(), watch.ready(), publishers.dropped], [{ statuses: [200] }, { statuses: [200] }, []], 'neither probe ever said no')
})

test('both away at the start: said clearly, tried again, ready when they come', options, async () => {
  await using postgres = await PostgresServer.start()
  await using redis = await RedisServer.start()
  const url = await postgres.database()
  await Promise.all([postgres.stop(), redis.stop()])
  const httpPort = await freePort()
  const starting = start(url, { REDIS_HOST: '127.0.0.1', REDIS_PORT: String(redis.port), REDIS_PASSWORD: redis.password, HTTP_PORT: String(httpPort) })
  starting.catch(() => {})
  const probe = (path: string) => fetch(`http://127.0.0.1:${httpPort}${path}`).catch(() => undefined)
  await waitUntil('it is alive without them', 30_000, async () => (await probe('/health'))?.status === 200)
  const ready = await fetch(`http://127.0.0.1:${httpPort}/ready`)
  assert.deepEqual([ready.status, (await ready.json() as { checks: object }).checks], [503, { database: false, redis: false }])
  await sleep(5_000)
  assert.equal((await probe('/health'))?.status, 200, 'it did not crash')
  await Promise.all([postgres.start(), redis.start()])
  await using service = await starting
  await waitUntil('all is well', 20_000, async () => JSON.stringify((await (await fetch(`${service.url}/ready`)).json() as { checks: object }).checks) === '{"database":true,"redis":true}')
  assert.match(service.output(), /the database cannot be used yet/)
  assert.match(service.output(), /Redis is not there/)
  await service.call('POST', '/api/v1/ingresses', { protocol: 'rtmp', room: 'late' })
})

test('two bridges on one database: one is killed, the other buries it', options, async t => {
  await using postgres = await PostgresServer.start()
  const url = await postgres.database()
  await using survivor = await start(url, { BRIDGE_ID: 'survivor' })
  const victim = await start(url, { BRIDGE_ID: 'victim' })
  try {
    await using here = await Publishers.start(survivor, 2, 'here')
    await using there = await Publishers.start(victim, 3, 'there')
    await waitUntil('all rows are there', 20_000, async () => (await liveRows(postgres, url)).length === 5)
    await victim.stop('SIGKILL')
    const killedAt = performance.now()
    const lost = () => postgres.query(`select session_id from ingress_egress.external_sessions where status = 'lost' and ended_at is not null`, url)
    await waitUntil('it is buried', REAPED_WITHIN_MS + SLACK_MS, async () => (await lost()).length === 3)
    t.diagnostic(`buried after ${Math.round(performance.now() - killedAt)} ms`)
    assert.equal(there.dropped.length, 3)
    assert.deepEqual([(await liveRows(postgres, url)).length, here.dropped], [2, []], 'the living live on')
    const [bridge] = await postgres.query(`select status from ingress_egress.bridges where bridge_id = 'victim'`, url)
    assert.equal(bridge?.status, 'lost')
    const { items } = await survivor.call('GET', '/api/v1/sessions?room=there-0&state=failed')
    assert.equal(items[0]?.state, 'failed', 'and the other bridge can tell')
  } finally {
    await victim[Symbol.asyncDispose]()
  }
})

/** Asks in turn for so long. @returns the longest wait for any answer, refusals included. */
async function slowestOf (ms: number, questions: readonly (() => Promise<unknown>)[]): Promise<number> {
  const until = performance.now() + ms
  let slowest = 0
  await Promise.all(questions.map(async ask => {
    while (performance.now() < until) {
      const asked = performance.now()
      await ask().catch(() => {})
      slowest = Math.max(slowest, performance.now() - asked)
      await sleep(50)
    }
  }))
  return slowest
}
