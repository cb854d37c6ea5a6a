import assert from 'node:assert/strict'
import test from 'node:test'
import { admin, controlUnderTest, service } from '../../test/support/control.ts'
import { ManualClock } from '../../test/support/manual-clock.ts'
import type { DependencyCheck } from './dependencies.ts'

const fine = async (): Promise<void> => {}
const broken = (): Promise<never> => Promise.reject(new Error('password=canary refused'))
const checks = (database: () => Promise<unknown>, more: readonly DependencyCheck[] = []): readonly DependencyCheck[] => [
  { name: 'database', mode: 'required', endpoint: 'jdbc:postgresql://auralink:canary@postgres:5432/auralink?password=canary', check: database },
  { name: 'redis', mode: 'reported', endpoint: 'redis:6379', check: fine },
  ...more
]

test('/health has the seed’s body and looks at no dependency', async () => {
  let looked = 0
  await using it = await controlUnderTest({ checks: checks(async () => { looked++; throw new Error('down') }) })
  const answer = await it.ask('GET', '/health', { headers: {} })
  assert.equal(answer.statusCode, 200)
  assert.deepEqual(answer.json(), { status: 'healthy', checks: { application: true }, timestamp: it.clock.wall() })
  assert.equal(looked, 0)
})

test('/ready has the seed’s body; only what is required makes it 503', async () => {
  const all = checks(fine, [
    { name: 'dashboard_service', mode: 'reported', check: broken }, { name: 'ai_core', mode: 'off', check: broken }, { name: 'webrtc_server', mode: 'required', check: fine }
  ])
  await using it = await controlUnderTest({ checks: all })
  assert.equal((await it.ask('GET', '/ready', { headers: {} })).statusCode, 503, 'nothing has been looked at yet')
  await it.dependencies.checkAll()
  const answer = await it.ask('GET', '/ready', { headers: {} })
  assert.equal(answer.statusCode, 200)
  const expected = { status: 'ready', checks: { database: true, redis: true, dashboard_service: false, webrtc_server: true }, timestamp: it.clock.wall() }
  assert.deepEqual(answer.json(), expected)
})

test('/ready turns with the database, without being asked', async () => {
  let down = false
  await using it = await controlUnderTest({ checks: checks(() => down ? broken() : fine()) })
  await it.dependencies.checkAll()
  down = true
  await it.dependencies.checkAll()
  const answer = await it.ask('GET', '/ready')
  assert.deepEqual([answer.statusCode, answer.json().status, answer.json().checks.database], [503, 'not_ready', false])
  down = false
  await it.dependencies.checkAll()
  assert.equal((await it.ask('GET', '/ready')).statusCode, 200)
})

test('however often it is probed, no dependency is asked', async () => {
  let looked = 0
  await using it = await controlUnderTest({ checks: checks(async () => { looked++ }) })
  await it.dependencies.checkAll()
  for (let i = 0; i < 100; i++) await it.ask('GET', '/ready')
  assert.equal(looked, 1)
})

test('a bridge that drains is healthy and not ready', async () => {
  await using it = await controlUnderTest()
  assert.equal((await it.ask('GET', '/ready')).statusCode, 200)
  void it.bridge.drain(0)
  assert.equal((await it.ask('GET', '/ready')).statusCode, 503)
  assert.equal((await it.ask('GET', '/health')).statusCode, 200)
})

test('/status has every field of the seed, real pool statistics, and no secret', async () => {
  const pools = { database: () => ({ active: 5, idle: 15 }), redis: () => ({ active: 2, idle: 8 }) }
  await using it = await controlUnderTest({ checks: checks(broken), parts: { pools } })
  await it.dependencies.checkAll()
  const answer = await it.ask('GET', '/status', { headers: {} })
  assert.equal(answer.statusCode, 200)
  assert.doesNotMatch(answer.body, /canary/)
  const { resources, ...status } = answer.json()
  assert.deepEqual(status.service, service)
  assert.deepEqual(status.dependencies, {
    database: { status: 'unhealthy', endpoint: 'jdbc:postgresql://postgres:5432/auralink' }, redis: { status: 'healthy', endpoint: 'redis:6379' }
  })
  assert.deepEqual([resources.databasePoolStats, resources.redisPoolStats], [{ active_connections: 5, idle_connections: 15 }, { active_connections: 2, idle_connections: 8 }])
  for (const figure of ['memoryUsed', 'memoryMax', 'cpuProcessors']) assert.ok(resources[figure] > 0, figure)
  assert.deepEqual([status.status, status.checks], ['not_ready', { database: false, redis: true }])
})

test('/status and /metrics can be closed; the probes cannot', async () => {
  await using it = await controlUnderTest({ options: { publicStatus: false, publicMetrics: false } })
  for (const path of ['/status', '/metrics']) {
    assert.equal((await it.ask('GET', path, { headers: {} })).statusCode, 401, path)
    assert.equal((await it.ask('GET', path, { headers: admin })).statusCode, 200, path)
  }
  for (const path of ['/health', '/ready']) assert.equal((await it.ask('GET', path, { headers: {} })).statusCode, 200, path)
})

test('probes say when they were asked, and are not cached', async () => {
  const clock = new ManualClock()
  await using it = await controlUnderTest({ clock })
  clock.advance(1234.5)
  const answer = await it.ask('GET', '/ready')
  assert.equal(answer.json().timestamp, Math.trunc(clock.wall()))
  assert.equal(answer.headers['cache-control'], 'no-store')
  assert.equal(answer.headers['x-content-type-options'], 'nosniff')
})

test('the probes are where the configuration wants them, or nowhere', async () => {
  await using moved = await controlUnderTest({ options: { probes: { liveness: '/alive', readiness: '/able' } } })
  assert.deepEqual([(await moved.ask('GET', '/alive')).statusCode, (await moved.ask('GET', '/able')).statusCode, (await moved.ask('GET', '/health')).statusCode], [200, 200, 404])
  await using none = await controlUnderTest({ options: { probes: null } })
  assert.equal((await none.ask('GET', '/health')).statusCode, 404)
})
