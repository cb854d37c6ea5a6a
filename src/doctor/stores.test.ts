// The checks of what is around the service, against the real thing.
import assert from 'node:assert/strict'
import test from 'node:test'
import { missing } from '../../test/support/peers.ts'
import { freePort, PostgresServer } from '../../test/support/postgres.ts'
import { RedisServer } from '../../test/support/redis.ts'
import { startTurnServer } from '../../test/support/turn-server.ts'
import { loadConfig } from '../config/load.ts'
import { DashboardSimulator } from '../dev/simulators/dashboard.ts'
import { type Clock, systemClock } from '../lib/clock.ts'
import type { Check, Finding } from './check.ts'
import { addresses } from './checks/addresses.ts'
import { clock as clockCheck } from './checks/clock.ts'
import { dashboard } from './checks/dashboard.ts'
import { database } from './checks/database.ts'
import { redis } from './checks/redis.ts'

const look = async (check: Check, env: Record<string, string>, clock: Clock = systemClock): Promise<readonly Finding[]> =>
  [await check.look({ config: loadConfig({ env }), clock, service: undefined, url: undefined })].flat()

async function finds (status: Finding['status'], said: RegExp, remedy: RegExp | undefined, found: Promise<readonly Finding[]>): Promise<void> {
  const findings = await found
  assert.deepEqual(findings.map(finding => finding.status), [status], JSON.stringify(findings))
  assert.match(findings[0]!.finding, said)
  if (remedy) assert.match(findings[0]!.remedy ?? '', remedy)
}

/** A machine whose clock is wrong. */
const off = (ms: number): Clock => ({ ...systemClock, wall: () => Date.now() + ms })

test('PostgreSQL: there, with a wrong password, without the database, away; and its clock', { skip: missing('pg_ctlcluster'), timeout: 120_000 }, async () => {
  await using postgres = await PostgresServer.start()
  const env = { DATABASE_URL: postgres.url, DB_PASSWORD: 'right' }
  const [said] = await look(database, env)
  assert.match(said!.finding, /^PostgreSQL \d+\.\d+.* answers in/)
  await finds('ok', /agrees with that of PostgreSQL/, undefined, look(clockCheck, env))
  await finds('warning', /5\.\d s ahead of that of PostgreSQL/, /chrony/, look(clockCheck, env, off(5_500)))
  await finds('warning', /5\.\d s behind that of PostgreSQL/, undefined, look(clockCheck, env, off(-5_500)))

  await finds('failed', /"none" does not exist/, /Create the database/, look(database, { ...env, DATABASE_URL: postgres.url.replace(/postgres$/, 'none') }))
  const [{ hba_file: rules } = { hba_file: '' }] = await postgres.query('SHOW hba_file')
  await postgres.query(`ALTER USER postgres PASSWORD 'right'`)
  await postgres.query(`COPY (SELECT 'host all all 127.0.0.1/32 scram-sha-256') TO '${String(rules)}'`)
  await postgres.query('SELECT pg_reload_conf()')
  for (let tries = 0; (await look(database, { ...env, DB_PASSWORD: 'wrong' }))[0]!.status !== 'failed'; tries++) assert.ok(tries < 200, 'the new rules are not in force')
  await finds('failed', /password authentication failed/, /DB_PASSWORD/, look(database, { ...env, DB_PASSWORD: 'wrong' }))
  assert.notEqual((await look(database, env))[0]!.status, 'failed')
  await postgres.stop()
  await finds('failed', /ECONNREFUSED/, /Nobody listens/, look(database, env))
  await finds('skipped', /no other clock/i, undefined, look(clockCheck, env))
})

test('Redis: there, with a wrong password, away; and its clock', { skip: missing('redis-server'), timeout: 60_000 }, async () => {
  await using server = await RedisServer.start()
  const env = { REDIS_HOST: '127.0.0.1', REDIS_PORT: String(server.port), REDIS_PASSWORD: server.password }
  await finds('ok', /^Redis answers in/, undefined, look(redis, env))
  await finds('ok', /agrees with that of Redis/, undefined, look(clockCheck, env))
  await finds('warning', /behind that of Redis/, undefined, look(clockCheck, env, off(-90_000)))
  await finds('warning', /WRONGPASS/, /REDIS_PASSWORD/, look(redis, { ...env, REDIS_PASSWORD: 'wrong' }))
  await server.stop()
  await finds('warning', /ECONNREFUSED/, /REDIS_HOST/, look(redis, env))
})

test('the Dashboard: there, with a wrong key or path, away; and its clock, to the second', { timeout: 60_000 }, async () => {
  await using simulator = await DashboardSimulator.start({ apiKey: 'right' })
  const env = { DASHBOARD_SERVICE_URL: simulator.url, DASHBOARD_API_KEY: 'right' }
  await finds('ok', /^The Dashboard answers/, undefined, look(dashboard, env))
  await finds('ok', /agrees with that of the Dashboard/, undefined, look(clockCheck, env))
  await finds('warning', /ahead of that of the Dashboard/, undefined, look(clockCheck, env, off(4_000)))
  await finds('warning', /behind that of the Dashboard/, undefined, look(clockCheck, env, off(-4_000)))
  await finds('warning', /answered 404/, /base address/, look(dashboard, { ...env, DASHBOARD_SERVICE_URL: `${simulator.url}/nowhere` }))
  await finds('warning', /does not answer/, /DASHBOARD_SERVICE_URL/, look(dashboard, { DASHBOARD_SERVICE_URL: `http://127.0.0.1:${await freePort()}` }))
})

test('nothing configured, nothing to ask', async () => {
  for (const check of [database, redis, dashboard, clockCheck]) await finds('skipped', /./, undefined, look(check, {}))
})

test('a STUN server says where we come from', { skip: missing('turnserver'), timeout: 60_000 }, async () => {
  await using turn = await startTurnServer('secret')
  const servers = { ICE_SERVERS: `[{ urls = ["stun:127.0.0.1:${turn.port}"] }]` }
  await finds('ok', /sees this machine as 127\.0\.0\.1, which clients are told/, undefined, look(addresses, { ...servers, MEDIA_PUBLIC_IPS: '127.0.0.1' }))
  await finds('warning', /sees this machine as 127\.0\.0\.1, but clients are told: 203\.0\.113\.7/, /MEDIA_PUBLIC_IPS=127\.0\.0\.1/, look(addresses, { ...servers, MEDIA_PUBLIC_IPS: '203.0.113.7' }))
  const [silent] = await look(addresses, { ICE_SERVERS: `[{ urls = ["turn:127.0.0.1:${await freePort()}"], secret = s }]` })
  assert.match(silent!.finding, /none answers over UDP/)
})
