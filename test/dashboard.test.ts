// The Dashboard client against a Dashboard that speaks its contract and misbehaves on demand, over real HTTP; time is ours.
import assert from 'node:assert/strict'
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import test from 'node:test'
import { DashboardSimulator, type Fault } from '../src/dev/simulators/dashboard.ts'
import { type AppError } from '../src/lib/errors.ts'
import { silentLogger as log } from '../src/lib/log.ts'
import { Dashboard, type DashboardOptions } from '../src/services/dashboard/dashboard.ts'
import { DashboardOutbox } from '../src/services/dashboard/outbox.ts'
import { GuardedDialer } from '../src/services/guarded-dialer.ts'
import { conference, participant } from './support/changes.ts'
import { ManualClock } from './support/manual-clock.ts'
import { until } from './support/until.ts'

const metadata = { version: '1.0.0', features: { aic: true, sip: true, rtmp: true, recording: true } }

/** A bridge's client with the Dashboard it talks to. */
class Stage implements AsyncDisposable {
  readonly clock = new ManualClock()
  readonly dialer = new GuardedDialer()
  readonly folder = mkdtempSync(path.join(tmpdir(), 'dashboard-'))
  readonly simulator: DashboardSimulator
  load = { draining: false, sessions: 3, conferences: 2, participants: 5 }
  #dashboard: Dashboard | undefined
  #controller = new AbortController()
  #run: Promise<void> = Promise.resolve()

  private constructor (simulator: DashboardSimulator) { this.simulator = simulator }

  static async open (options: Partial<DashboardOptions> = {}): Promise<Stage> {
    const stage = new Stage(await DashboardSimulator.start({ apiKey: 'dash-key' }))
    await stage.startBridge(options)
    return stage
  }

  get dashboard (): Dashboard { return this.#dashboard! }

  async startBridge (options: Partial<DashboardOptions> = {}): Promise<void> {
    this.#dashboard = await Dashboard.open({
      url: this.simulator.url, apiKey: 'dash-key', timeout: 300, admission: 'off',
      registration: { enabled: true, interval: 30_000, retryDelay: 5000, maxRetries: 5 },
      heartbeat: { enabled: true, interval: 15_000, timeout: 300 },
      metricsInterval: 15_000,
      bridge: { bridgeId: 'bridge-1', region: 'eu', environment: 'test', capacity: 500, metadata },
      load: () => this.load, metrics: async () => ({ sessions: 3 }), dataDir: this.folder,
      send: (url, request) => this.dialer.send(url, 'service', request), clock: this.clock, log, breaker: { failures: 5, openMs: 50 }, ...options
    })
    this.#controller = new AbortController()
    this.#run = this.#dashboard.run(this.#controller.signal)
  }

  async stopBridge (): Promise<void> {
    this.#controller.abort(new Error('stopping'))
    await this.#run
    await this.dashboard[Symbol.asyncDispose]()
  }

  /** Lets time pass, 250 ms each look, until something is so. */
  until (what: string, met: () => boolean): Promise<void> {
    return until(what, () => {
      this.clock.advance(250)
      return met()
    })
  }

  /** Lets `ms` of our time pass, with room for answers in between. */
  async pass (ms: number, step = 1000): Promise<void> {
    const end = this.clock.now() + ms
    await until('time passes', () => {
      this.clock.advance(step)
      return this.clock.now() >= end
    }, 60_000)
  }

  /** What the simulator took, as `METHOD path` with the ids it gave. */
  seen (pattern: RegExp): string[] {
    return this.simulator.requests.filter(({ status }) => status >= 200 && status < 300).map(({ method, path: at }) => `${method} ${at}`).filter(line => pattern.test(line))
  }

  async [Symbol.asyncDispose] (): Promise<void> {
    await this.stopBridge()
    await this.simulator[Symbol.asyncDispose]()
    await this.dialer[Symbol.asyncDispose]()
    rmSync(this.folder, { recursive: true })
  }
}

test('a bridge registers, beats, reports metrics, takes settings, and says good-bye', async () => {
  const stage = await Stage.open()
  {
    await using running = stage
    const { simulator, dashboard, clock } = running
    simulator.config = { log_level: 'debug' }
    const configs: unknown[] = []
    dashboard.onConfig = config => configs.push(config)
    await running.until('registered', () => simulator.bridges.has('bridge-1') && dashboard.registered)
    await dashboard.check()
    const { lastHeartbeat: _, ...registered } = simulator.bridges.get('bridge-1')!
    assert.deepEqual(registered, { bridgeId: 'bridge-1', region: 'eu', environment: 'test', capacity: 500, metadata, status: 'online' })
    await running.until('a heartbeat', () => simulator.bridges.get('bridge-1')?.lastHeartbeat !== undefined)
    const beat = simulator.bridges.get('bridge-1')!.lastHeartbeat!
    assert.deepEqual({ ...beat, timestamp: 0 }, { bridgeId: 'bridge-1', status: 'online', currentLoad: 3, activeConferences: 2, activeParticipants: 5, timestamp: 0 })
    assert.ok(Math.abs(beat.timestamp - clock.wall()) < 60_000)
    await running.until('metrics', () => simulator.bridges.get('bridge-1')?.metrics !== undefined)
    assert.deepEqual(simulator.bridges.get('bridge-1')!.metrics?.metrics, { sessions: 3 })
    assert.deepEqual(configs, [{ log_level: 'debug' }])
    simulator.config = { log_level: 'info' }
    running.load = { ...running.load, draining: true }
    await running.until('new settings', () => configs.length === 2)
    await running.until('draining', () => simulator.bridges.get('bridge-1')?.lastHeartbeat?.status === 'draining')
  }
  assert.equal(stage.simulator.bridges.get('bridge-1')?.lastHeartbeat?.status, 'offline')
})

test('conferences and participants are reported in order, each stay once, by the Dashboard’s own ids', async () => {
  await using stage = await Stage.open()
  const { simulator, dashboard: { journal } } = stage
  const room = conference({ room: 'stage' })
  const camera = participant(room.id, { info: { id: 'par_1', identity: 'camera', name: 'Camera', source: 'rtmp', auraId: 'aura:1', joinedAt: new Date() } })
  journal.roomChanged(room)
  journal.participantChanged(camera)
  journal.participantChanged(camera)
  journal.roomChanged({ ...room, participants: 1 })
  await stage.until('the participant', () => simulator.live[0]?.participants.size === 1)
  const [there] = simulator.live
  assert.deepEqual(there?.request, { bridgeId: 'bridge-1', roomName: 'stage', metadata: { conferenceId: room.id, openedAt: room.openedAt.getTime() } })
  assert.notEqual(there?.id, room.id)
  assert.deepEqual(there?.participants.get('par_1'), { conferenceId: there?.id, participantId: 'par_1', displayName: 'Camera', auraId: 'aura:1', joinSource: 'rtmp' })
  journal.participantChanged({ ...camera, leftAt: new Date() })
  journal.roomChanged({ ...room, endedAt: new Date() })
  await stage.until('the end', () => simulator.live.length === 0)
  assert.deepEqual(stage.seen(/conferences/), [
    'POST /api/v1/conferences', `POST /api/v1/conferences/${there?.id}/participants`, `DELETE /api/v1/conferences/${there?.id}/participants/par_1`, `DELETE /api/v1/conferences/${there?.id}`
  ])
  assert.deepEqual(stage.dashboard.waiting, { reports: 0, dropped: 0 })
})

for (const fault of [503, 429, 'drop', 'hang', 401] as Fault[]) {
  test(`while the Dashboard answers ${fault}, nothing is lost, not even by a restart of the bridge`, async () => {
    await using stage = await Stage.open()
    const { simulator } = stage
    simulator.fault = () => fault
    const rooms = Array.from({ length: 5 }, (_, index) => conference({ room: `room-${index}` }))
    for (const room of rooms) {
      const { journal } = stage.dashboard
      journal.roomChanged(room)
      for (let i = 0; i < 3; i++) journal.participantChanged(participant(room.id, { info: { id: `par_${room.room}_${i}`, identity: 'x', name: 'x', source: 'whip', joinedAt: new Date() } }))
    }
    const [ended] = rooms
    assert.ok(ended)
    stage.dashboard.journal.roomChanged({ ...ended, endedAt: new Date() })
    await stage.pass(fault === 'hang' ? 5000 : 20_000)
    if (typeof fault === 'number') assert.equal(simulator.conferences.size, 0) // Otherwise it hears, and only its answers are lost.
    assert.equal(stage.dashboard.waiting.reports, 21)
    await stage.stopBridge()
    await stage.startBridge() // The rooms of the process before are over: four more ends to report.
    assert.equal(stage.dashboard.waiting.reports, 25)
    simulator.fault = () => undefined
    await stage.until('everything is reported', () => stage.dashboard.waiting.reports === 0)
    assert.equal(stage.dashboard.waiting.dropped, 0)
    assert.equal(simulator.conferences.size, 5)
    for (const { participants, endedAt } of simulator.conferences.values()) {
      assert.deepEqual([...participants.keys()].map(id => id.at(-1)), ['0', '1', '2'])
      assert.ok(endedAt)
    }
    await stage.until('registered after all', () => stage.dashboard.registered)
  })
}

test('a conference known to the Dashboard before a crash is ended there after it', async () => {
  await using stage = await Stage.open()
  stage.dashboard.journal.roomChanged(conference())
  await stage.until('opened', () => stage.simulator.live.length === 1)
  await stage.stopBridge()
  await stage.startBridge()
  await stage.until('ended', () => stage.simulator.live.length === 0)
})

test('a Dashboard without these routes is survived: few requests, nothing piles up, and what goes on is told when it learns to listen', async () => {
  await using stage = await Stage.open()
  const { simulator, dashboard } = stage
  simulator.fault = (_, at) => at.startsWith('/api/v1/bridges') || at.startsWith('/api/v1/conferences') ? 404 : undefined
  const live = conference({ room: 'live' })
  dashboard.journal.roomChanged(live)
  dashboard.journal.participantChanged(participant(live.id))
  for (let i = 0; i < 20; i++) {
    const short = conference({ room: `short-${i}` })
    dashboard.journal.roomChanged(short)
    dashboard.journal.participantChanged(participant(short.id))
    dashboard.journal.roomChanged({ ...short, endedAt: new Date() })
  }
  await stage.pass(3_600_000, 10_000)
  assert.ok(simulator.requests.length < 60, `${simulator.requests.length} requests in an hour`)
  assert.deepEqual(dashboard.waiting, { reports: 2, dropped: 60 })
  await dashboard.check()
  simulator.fault = () => undefined
  await until('the live conference', () => {
    stage.clock.advance(10_000)
    return simulator.live[0]?.participants.size === 1
  })
  await until('registered', () => {
    stage.clock.advance(10_000)
    return dashboard.registered
  })
})

test('a Dashboard that forgot the bridge hears of it again', async () => {
  await using stage = await Stage.open()
  const { simulator, dashboard } = stage
  await stage.until('registered', () => dashboard.registered)
  simulator.bridges.clear()
  await stage.until('registered again', () => simulator.bridges.get('bridge-1')?.lastHeartbeat !== undefined)
})

test('a report the Dashboard refuses does not hold back the rest', async () => {
  await using stage = await Stage.open()
  const { simulator, dashboard: { journal } } = stage
  simulator.fault = (method, at) => method === 'POST' && at.endsWith('/participants') ? 422 : undefined
  const room = conference()
  journal.roomChanged(room)
  journal.participantChanged(participant(room.id))
  journal.roomChanged({ ...room, endedAt: new Date() })
  await stage.until('ended', () => simulator.conferences.size === 1 && simulator.live.length === 0)
})

test('answers that are no JSON are taken for what their status says', async () => {
  await using stage = await Stage.open()
  stage.simulator.fault = () => 'garbage'
  const room = conference()
  stage.dashboard.journal.roomChanged(room)
  stage.dashboard.journal.roomChanged({ ...room, endedAt: new Date() })
  await stage.until('reported', () => stage.dashboard.waiting.reports === 0 && stage.dashboard.registered)
})

test('the Dashboard may refuse a session; its answers are kept, and without one the door is open or closed as configured', async () => {
  await using stage = await Stage.open({ admission: 'closed' })
  const { simulator, clock } = stage
  const authorize = (room: string) => stage.dashboard.gatekeeper?.authorize('rtmp', { room, identity: 'camera', remoteAddress: '192.0.2.1:4711' })
  const refusal = (code: string) => (error: unknown) => (error as AppError).code === code
  const questions: unknown[] = []
  simulator.admit = question => {
    questions.push(question)
    return question.roomName === 'private' ? { allowed: false, reason: 'not for you' } : { allowed: true }
  }
  await authorize('open')
  await authorize('open')
  assert.deepEqual(questions, [{ bridgeId: 'bridge-1', roomName: 'open', kind: 'rtmp', identity: 'camera', remoteAddress: '192.0.2.1:4711' }])
  await assert.rejects(async () => await authorize('private'), { code: 'forbidden', message: 'not for you' })
  for (const fault of [500, 'drop', 404, 401, 'garbage'] as Fault[]) {
    simulator.fault = () => fault
    clock.advance(31_000)
    await authorize('open') // The last answer, for five minutes.
    await assert.rejects(async () => await authorize('private'), refusal('forbidden'))
    await assert.rejects(async () => await authorize(`new-${fault}`), refusal('dependency_unavailable'))
  }
  clock.advance(5 * 60_000)
  await assert.rejects(async () => await authorize('open'), refusal('dependency_unavailable'))
  await stage.stopBridge()
  await stage.startBridge({ admission: 'open' })
  await authorize('anything')
  await stage.stopBridge()
  await stage.startBridge({ admission: 'off' })
  assert.equal(stage.dashboard.gatekeeper, undefined)
})

test('the outbox survives a torn last line, keeps only what is left, and has a limit', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'outbox-'))
  const file = path.join(folder, 'outbox.jsonl')
  try {
    const first = await DashboardOutbox.open(file, log)
    first.add('conf_1', { what: 'opened', room: 'a', openedAt: 1 })
    first.add('conf_2', { what: 'opened', room: 'b', openedAt: 2 })
    first.sent(first.conferences.get('conf_1')!, 'remote-1')
    first.add('conf_1', { what: 'left', participant: 'par_1' })
    await first.flush()
    appendFileSync(file, '{"id":"conf_1","add":{"wha')
    const second = await DashboardOutbox.open(file, log)
    assert.deepEqual([...second.conferences.values()], [
      { id: 'conf_1', remoteId: 'remote-1', reports: [{ what: 'left', participant: 'par_1' }] },
      { id: 'conf_2', remoteId: undefined, reports: [{ what: 'opened', room: 'b', openedAt: 2 }] }
    ])
    assert.equal(second.size, 2)
    for (let i = 0; i < 50_010; i++) second.add(`conf_${i % 100}`, { what: 'left', participant: `par_${i}` })
    assert.ok(second.size <= 50_000 && second.dropped > 0, `${second.size}, ${second.dropped}`)
    for (const entry of second.conferences.values()) second.drop(entry)
    await second.flush()
    for (let i = 0; i < 3; i++) second.add('conf_x', { what: 'left', participant: 'p' })
    await second.flush()
    assert.ok(readFileSync(file, 'utf8').split('\n').length < 20_000, 'written anew')
    const third = await DashboardOutbox.open(file, log)
    assert.equal(third.size, 3)
  } finally {
    rmSync(folder, { recursive: true })
  }
})
