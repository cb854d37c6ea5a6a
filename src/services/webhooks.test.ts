import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import test from 'node:test'
import { ManualClock } from '../../test/support/manual-clock.ts'
import { until } from '../../test/support/until.ts'
import { silentLogger as log } from '../lib/log.ts'
import { GuardedDialer } from './guarded-dialer.ts'
import { MAX_PAYLOAD_BYTES, payload, sign, verify, type WebhookHeaders } from './standard-webhooks.ts'
import type { DeliveryOutcome, DueDelivery, WebhookOutbox } from './webhook-outbox.ts'
import { type Post, RETRY_DELAYS_MS, sendWebhooks, type WebhookSenderOptions } from './webhooks.ts'

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const CLAIM_MS = 60_000

test('a signature is the one in the specification', () => {
  const headers = sign('msg_p5jXN8AQM9LWM0D4loKWxJek', 1_614_265_330, '{"test": 2432232314}', [SECRET])
  assert.deepEqual(headers, { 'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek', 'webhook-timestamp': '1614265330', 'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=' })
  assert.equal(verify(headers, '{"test": 2432232314}', SECRET, 1_614_265_330 + 299), true)
  assert.equal(verify(headers, '{"test": 2432232314}', SECRET, 1_614_265_330 + 301), false)
  assert.equal(verify(headers, '{"test": 2432232315}', SECRET, 1_614_265_330), false)
  assert.equal(verify(headers, '{"test": 2432232314}', 'whsec_AAAA', 1_614_265_330), false)
})

test('while a secret is rotated, a message is signed with both', () => {
  const other = 'whsec_plJ3nmyCDGBKInavdOK15jsl'
  const headers = sign('evt_1', 1000, '{}', [other, SECRET])
  for (const secret of [other, SECRET]) assert.equal(verify(headers, '{}', secret, 1000), true)
  assert.equal(headers['webhook-signature'].split(' ').length, 2)
})

test('a payload stays below 20 kB and says when something is missing', () => {
  const at = new Date(0)
  assert.deepEqual(JSON.parse(payload({ type: 'session.active', at, data: { id: 'ses_1' } })), { type: 'session.active', timestamp: '1970-01-01T00:00:00.000Z', data: { id: 'ses_1' } })
  const large = payload({ type: 'session.ended', at, data: { id: 'ses_1', reason: 'é'.repeat(30_000), stats: { list: Array.from({ length: 9000 }, () => 'x') } } })
  assert.ok(Buffer.byteLength(large) < MAX_PAYLOAD_BYTES)
  const { data } = JSON.parse(large) as { data: Record<string, unknown> }
  assert.deepEqual([data['id'], data['truncated'], data['stats']], ['ses_1', true, undefined])
})

type Row = { delivery: Omit<DueDelivery, 'attempt'>, order: string, attempts: number, due: number, state: 'pending' | 'delivered' | 'failed' }

/** The outbox as the database keeps it, in memory. */
class MemoryOutbox implements WebhookOutbox {
  readonly rows: Row[] = []
  readonly disabled = new Set<string>()
  away = false
  readonly #clock: ManualClock
  constructor (clock: ManualClock) { this.#clock = clock }

  add (order: string, id: string, endpointId = 'whk_1'): void {
    const event = { id, type: 'session.changed', at: new Date(this.#clock.wall()), data: { id: order, event: id } }
    this.rows.push({ delivery: { id: `dlv_${endpointId}_${id}`, endpointId, url: `https://${endpointId}.test/`, secrets: [SECRET], event }, order, attempts: 0, due: 0, state: 'pending' })
  }

  async isWanted (): Promise<boolean> { return true }

  async fanOut (): Promise<number> {
    if (this.away) throw new Error('the database is away')
    return 0
  }

  async claim (limit: number, busy: readonly string[]): Promise<DueDelivery[]> {
    const firsts = new Set<string>()
    const due = this.rows.filter(row => {
      if (row.state !== 'pending' || this.disabled.has(row.delivery.endpointId)) return false
      const key = `${row.delivery.endpointId}/${row.order}`
      return !firsts.has(key) && firsts.add(key) && row.due <= this.#clock.wall() && !busy.includes(row.delivery.endpointId)
    }).slice(0, limit)
    return due.map(row => {
      row.due = this.#clock.wall() + CLAIM_MS
      return { ...row.delivery, attempt: ++row.attempts }
    })
  }

  async settle ({ id, endpointId }: Pick<DueDelivery, 'id' | 'endpointId'>, outcome: DeliveryOutcome): Promise<void> {
    if (this.away) throw new Error('the database is away')
    const row = this.rows.find(r => r.delivery.id === id)
    assert.ok(row)
    if (outcome.result === 'retry') row.due = outcome.at.getTime()
    else row.state = outcome.result === 'delivered' ? 'delivered' : 'failed'
    if (outcome.result === 'gone') this.disabled.add(endpointId)
  }
}

/** A sender at work on an outbox, with a receiver that is a function. */
class Bench implements AsyncDisposable {
  readonly clock = new ManualClock()
  readonly outbox = new MemoryOutbox(this.clock)
  readonly received: { url: string, id: string, order: string, atMs: number }[] = []
  answer: (url: string, id: string) => Promise<number> = async () => 200
  answerHeaders: Record<string, string> = {}
  readonly #controller = new AbortController()
  readonly #run: Promise<void>

  constructor (options: Partial<WebhookSenderOptions> = {}) {
    const post: Post = async (url, { headers, body, signal }) => {
      assert.equal(verify(headers as WebhookHeaders, body, SECRET, Math.floor(this.clock.wall() / 1000)), true, 'signed')
      const { data } = JSON.parse(body) as { data: { id: string, event: string } }
      const status = await Promise.race([this.answer(url, data.event), new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))])
      if (status < 300) this.received.push({ url, id: data.event, order: data.id, atMs: this.clock.now() })
      return { status, headers: this.answerHeaders }
    }
    const { clock, outbox } = this
    const usual = { outbox, post, clock, log, onNews: () => ({ [Symbol.dispose]: () => {} }), settings: () => ({ timeoutMs: 15_000, concurrency: 16 }), random: () => 0 }
    this.#run = sendWebhooks({ ...usual, ...options }, this.#controller.signal)
  }

  async pass (ms: number, step = 1000): Promise<void> {
    for (let passed = 0; passed < ms; passed += step) {
      this.clock.advance(step)
      await this.settle()
    }
  }

  async settle (): Promise<void> { for (let i = 0; i < 12; i++) await turn() }
  get pending (): number { return this.outbox.rows.filter(row => row.state === 'pending').length }

  /** The events of each session, first arrivals only. */
  orders (): Map<string, string[]> {
    const orders = new Map<string, string[]>()
    for (const { order, id } of this.received) {
      const list = orders.get(order) ?? []
      if (!list.includes(id)) orders.set(order, [...list, id])
    }
    return orders
  }

  stop (): Promise<void> {
    this.#controller.abort(new Error('stopping'))
    return this.#run
  }

  async [Symbol.asyncDispose] (): Promise<void> { await this.stop() }
}

test('a receiver that is down for an hour misses nothing, and hears it in order', async () => {
  await using bench = new Bench()
  const expected = new Map<string, string[]>()
  let down = true
  bench.answer = async () => {
    if (down) throw new Error('connection refused')
    return 200
  }
  for (let minute = 0; minute < 60; minute++) {
    const order = `ses_${minute % 20}`
    const id = `evt_${minute}`
    bench.outbox.add(order, id)
    expected.set(order, [...expected.get(order) ?? [], id])
    await bench.pass(60_000, 5000)
  }
  assert.equal(bench.received.length, 0)
  down = false
  await bench.pass(3 * 3_600_000, 60_000)
  assert.equal(bench.pending, 0)
  assert.deepEqual(bench.orders(), new Map([...expected].sort(([a], [b]) => [...bench.orders().keys()].indexOf(a) - [...bench.orders().keys()].indexOf(b))))
})

test('ten tries over about 75 hours, then the next in order goes', async () => {
  await using bench = new Bench()
  const tries: number[] = []
  bench.answer = async (_, id) => {
    if (id !== 'evt_bad') return 204
    tries.push(bench.clock.now())
    return 500
  }
  bench.outbox.add('ses_1', 'evt_bad')
  bench.outbox.add('ses_1', 'evt_good')
  bench.outbox.add('ses_2', 'evt_other')
  await bench.pass(10_000)
  assert.deepEqual(bench.received.map(r => r.id), ['evt_other'])
  await bench.pass(80 * 3_600_000, 60_000)
  assert.equal(tries.length, 10)
  const hours = ((tries.at(-1) ?? 0) - (tries[0] ?? 0)) / 3_600_000
  assert.ok(hours > 75 && hours < 77, `${hours} h`)
  assert.equal(RETRY_DELAYS_MS.length, 9)
  assert.deepEqual(bench.received.map(r => r.id), ['evt_other', 'evt_good'])
  assert.equal(bench.pending, 0)
})

test('410 disables the receiver, and nobody else', async () => {
  await using bench = new Bench()
  bench.answer = async url => url.includes('whk_gone') ? 410 : 200
  for (const order of ['ses_1', 'ses_2']) for (const endpoint of ['whk_gone', 'whk_1']) bench.outbox.add(order, `evt_${order}`, endpoint)
  await bench.pass(5000)
  assert.deepEqual([...bench.outbox.disabled], ['whk_gone'])
  assert.deepEqual(bench.received.map(r => r.url), ['https://whk_1.test/', 'https://whk_1.test/'])
})

test('a redirect is a failure: nobody follows it', async () => {
  await using bench = new Bench()
  bench.answer = async () => 302
  bench.outbox.add('ses_1', 'evt_1')
  await bench.pass(2000)
  assert.deepEqual([bench.outbox.rows[0]?.attempts, bench.pending], [1, 1])
})

test('a receiver may ask for a longer wait', async () => {
  await using bench = new Bench()
  bench.answer = async () => bench.clock.now() < 600_000 ? 503 : 200
  bench.answerHeaders = { 'retry-after': '900' }
  bench.outbox.add('ses_1', 'evt_1')
  await bench.pass(890_000, 5000)
  assert.deepEqual([bench.outbox.rows[0]?.attempts, bench.received.length], [1, 0])
  await bench.pass(30_000, 5000)
  assert.equal(bench.received.length, 1)
})

test('a receiver that never answers does not hold up the others', async () => {
  await using bench = new Bench()
  bench.answer = url => url.includes('whk_slow') ? new Promise(() => {}) : Promise.resolve(200)
  for (let i = 0; i < 50; i++) bench.outbox.add(`ses_${i}`, `evt_${i}`, 'whk_slow')
  for (let i = 0; i < 50; i++) bench.outbox.add(`ses_${i}`, `evt_${i}`, 'whk_1')
  await bench.pass(3000)
  assert.equal(bench.received.length, 50)
})

test('while the database is away nothing is lost; what was sent but not written down comes again', async () => {
  await using bench = new Bench()
  bench.outbox.add('ses_1', 'evt_1')
  bench.answer = async () => { bench.outbox.away = true; return 200 } // It goes away between the sending and the writing down.
  await bench.pass(2000)
  assert.equal(bench.received.length, 1)
  bench.answer = async () => 200
  await bench.pass(CLAIM_MS)
  bench.outbox.away = false
  bench.outbox.add('ses_1', 'evt_2')
  await bench.pass(5000)
  assert.deepEqual(bench.received.map(r => r.id), ['evt_1', 'evt_1', 'evt_2'])
  assert.equal(bench.pending, 0)
})

test('stopping waits a moment for what is under way, then leaves it to the next bridge', async () => {
  const bench = new Bench()
  let finish: (status: number) => void = () => {}
  bench.answer = (_, id) => id === 'evt_quick' ? new Promise(resolve => { finish = resolve }) : new Promise(() => {})
  bench.outbox.add('ses_1', 'evt_quick')
  bench.outbox.add('ses_2', 'evt_never')
  await bench.pass(1000)
  const stopped = bench.stop()
  finish(200)
  await stopped
  assert.deepEqual(bench.outbox.rows.map(row => row.state), ['delivered', 'pending'])
})

test('over HTTP, through the guarded dialer, a receiver checks what it gets', async () => {
  const got: string[] = []
  const server = createServer((request, response) => {
    void request.setEncoding('utf8').toArray().then(chunks => {
      const body = chunks.join('')
      const { 'webhook-id': id, 'content-type': type } = request.headers
      if (verify(request.headers as unknown as WebhookHeaders, body, SECRET, Math.floor(bench.clock.wall() / 1000)) && type === 'application/json') got.push(String(id))
      response.writeHead(204).end()
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await using dialer = new GuardedDialer({ allowPrivate: [`127.0.0.1:${port}`] })
  await using bench = new Bench({ post: (url, request) => dialer.send(url, 'webhook', { method: 'POST', ...request }) })
  bench.outbox.add('ses_1', 'evt_1')
  const row = bench.outbox.rows[0]
  assert.ok(row)
  row.delivery = { ...row.delivery, url: `http://127.0.0.1:${port}/hook` }
  bench.clock.advance(1000)
  await until('the webhook arrives', () => got.length === 1)
  await until('it is written down', () => bench.pending === 0)
  server.close()
})
