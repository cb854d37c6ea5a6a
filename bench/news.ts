// From a change in a room to everybody who wants to know: the database, Redis, the event stream, a webhook.
import { createClient } from '@redis/client'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { PostgresServer } from '../test/support/postgres.ts'
import { Publishers } from '../test/support/publishers.ts'
import { RedisServer } from '../test/support/redis.ts'
import { type Service, startService } from '../test/support/service.ts'
import { type Bench, median, percentile, type Report, round } from './harness/report.ts'

const CHANGES = Number(process.env.BENCH_CHANGES ?? 30)
const POLL_MS = 1
const LONGEST_MS = 10_000
const channels = ['database row', 'Redis key', 'event stream', 'webhook'] as const
type Channel = typeof channels[number]

/** When each channel first told of a room, in milliseconds since 1970. */
class Arrivals {
  readonly #at = new Map<string, PromiseWithResolvers<number>>()

  tell (channel: Channel, room: string): void { this.#of(channel, room).resolve(Date.now()) }

  async of (channel: Channel, room: string): Promise<number> {
    const at = await Promise.race([this.#of(channel, room).promise, sleep(LONGEST_MS, undefined, { ref: false })])
    if (at === undefined) throw new Error(`${channel}: nothing came within ${LONGEST_MS} ms`)
    return at
  }

  #of (channel: Channel, room: string): PromiseWithResolvers<number> {
    const key = `${channel} ${room}`
    const known = this.#at.get(key) ?? Promise.withResolvers<number>()
    this.#at.set(key, known)
    return known
  }
}

type Active = { readonly type: string, readonly room?: string, readonly data: { readonly room: string } }
const isActive = ({ type }: Active): boolean => type === 'session.active'

/** Reads the server-sent events until the signal is aborted. */
async function listen (service: Service, arrivals: Arrivals, signal: AbortSignal): Promise<void> {
  const answer = await fetch(`${service.url}/api/v1/events/stream`, { headers: { 'x-auralink-api-key': service.apiKey }, signal })
  let text = ''
  for await (const chunk of answer.body!.pipeThrough(new TextDecoderStream())) {
    text += chunk
    const lines = text.split('\n')
    text = lines.pop() ?? ''
    for (const line of lines) {
      if (!line.startsWith('data: {')) continue
      const event = JSON.parse(line.slice('data: '.length)) as Active
      if (isActive(event)) arrivals.tell('event stream', event.data.room)
    }
  }
}

/** Asks until it is true. */
async function poll (isThere: () => Promise<boolean>, tell: () => void): Promise<void> {
  const deadline = Date.now() + LONGEST_MS
  while (!await isThere()) {
    if (Date.now() > deadline) return
    await sleep(POLL_MS)
  }
  tell()
}

async function run (): Promise<Report> {
  await using scope = new AsyncDisposableStack()
  const arrivals = new Arrivals()
  const postgres = scope.use(await PostgresServer.start())
  const redis = scope.use(await RedisServer.start())
  const receiver = createServer((request, response) => {
    void request.setEncoding('utf8').toArray().then(chunks => {
      const event = JSON.parse(chunks.join('')) as Active
      if (isActive(event)) arrivals.tell('webhook', event.data.room)
      response.writeHead(204).end()
    })
  }).listen(0, '127.0.0.1')
  await once(receiver, 'listening')
  scope.defer(() => { receiver.closeAllConnections(); receiver.close() })
  const address = `127.0.0.1:${(receiver.address() as AddressInfo).port}`
  const url = await postgres.database()
  const service = scope.use(await startService({
    env: { DATABASE_URL: url, REDIS_HOST: '127.0.0.1', REDIS_PORT: String(redis.port), REDIS_PASSWORD: redis.password, OUTBOUND_ALLOW_PRIVATE: address, LOG_LEVEL: 'warn' }
  }))
  await service.call('POST', '/api/v1/webhooks', { url: `http://${address}/` })
  const controller = new AbortController()
  const listening = listen(service, arrivals, controller.signal).catch(() => {})
  scope.defer(async () => { controller.abort(); await listening })
  const database = new pg.Client({ connectionString: url })
  await database.connect()
  scope.defer(() => database.end())
  const cache = await createClient({ password: redis.password, socket: { host: '127.0.0.1', port: redis.port } }).connect()
  scope.defer(() => cache.close())

  const waits = new Map<Channel, number[]>(channels.map(channel => [channel, []]))
  for (let n = 0; n < CHANGES; n++) {
    const room = `news-${n}-0`
    const polling = Promise.all([
      poll(async () => (await database.query(`select 1 from ingress_egress.external_sessions join ingress_egress.conferences using (conference_id) where room_name = $1 and external_sessions.status = 'active'`, [room])).rowCount === 1, () => arrivals.tell('database row', room)),
      poll(async () => await cache.hGet(`auralink:ingress-egress:room:${room}:state`, 'numPublishers') === '1', () => arrivals.tell('Redis key', room))
    ])
    await using _publisher = await Publishers.start(service, 1, `news-${n}`)
    await polling
    const { items: [session] } = await service.call('GET', `/api/v1/sessions?room=${room}`)
    const changedAt = Date.parse(session.activeAt)
    for (const channel of channels) waits.get(channel)!.push(await arrivals.of(channel, room) - changedAt)
  }
  const rows = channels.map(channel => ({ reader: channel, 'median ms': round(median(waits.get(channel)!), 0), 'p95 ms': round(percentile(waits.get(channel)!, 95), 0) }))
  return { title: 'From a session that became active to those who want to know', method: `${CHANGES} RTMP publishers, one after the other; PostgreSQL and Redis outside; row and key asked for every ${POLL_MS} ms.`, rows, targets: [] }
}

export const bench: Bench = { name: 'news', run }
