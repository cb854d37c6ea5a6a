// How many requests the probes and the session list answer in a second, beside a Fastify route that does nothing.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { PostgresServer } from '../test/support/postgres.ts'
import { Child } from './harness/child.ts'
import { type Bench, type Report, round, type Target } from './harness/report.ts'
import { inTurn } from './harness/rounds.ts'
import type { RequestFigures, RequestLoad } from './load/requests.ts'
import { BENCH_API_KEY, ServicePeer } from './peers/service.ts'

const SESSIONS = 500
/** The service opens 200 rooms at most, as it comes. */
const ROOMS = 100
const CONNECTIONS = 10
const SECONDS = Number(process.env.BENCH_SECONDS ?? 5)
const START_WITHIN_MS = 120_000

type Ingress = { readonly url: string, readonly streamKey: string }
type Page = { readonly items: readonly object[] }

/** @returns the process that keeps them there */
async function fill (peer: ServicePeer): Promise<Child> {
  const destinations: Ingress[] = []
  for (let n = 0; n < SESSIONS; n++) destinations.push(await peer.call<Ingress>('POST', '/api/v1/ingresses', { protocol: 'rtmp', room: `bench-${n % ROOMS}` }))
  const clip = path.resolve(import.meta.dirname, '../src/dev/demo-clip.flv')
  const load = { clip, destinations: destinations.map(({ url, streamKey }) => ({ url, streamKey })) }
  const child = new Child('load', [process.execPath, path.join(import.meta.dirname, 'load/quiet-publishers.ts'), JSON.stringify(load)])
  await child.printed(/publishing/, START_WITHIN_MS)
  const { items } = await peer.call<Page>('GET', '/api/v1/sessions?limit=500')
  if (items.length !== SESSIONS) throw new Error(`${items.length} sessions instead of ${SESSIONS}`)
  return child
}

async function measure (url: string): Promise<RequestFigures> {
  const load: RequestLoad = { url, headers: { 'x-auralink-api-key': BENCH_API_KEY }, connections: CONNECTIONS, seconds: SECONDS }
  await using child = new Child('load', [process.execPath, path.join(import.meta.dirname, 'load/requests.ts'), JSON.stringify(load)])
  const [line] = await child.printed(/\{.*\}/, START_WITHIN_MS)
  const figures = JSON.parse(line) as RequestFigures
  if (figures.failures > 0) throw new Error(`${url}: ${figures.failures} requests failed`)
  return figures
}

async function run (): Promise<Report> {
  await using scope = new AsyncDisposableStack()
  const folder = await mkdtemp(path.join(tmpdir(), 'auralink-bench-'))
  scope.defer(() => rm(folder, { recursive: true, force: true }))
  const postgres = scope.use(await PostgresServer.start())
  const peer = scope.use(await ServicePeer.start({ databaseUrl: await postgres.database() }))
  scope.use(await fill(peer))
  const list = path.join(folder, 'list.json')
  await writeFile(list, JSON.stringify(await peer.call('GET', '/api/v1/sessions?limit=500')))
  const bare = scope.use(new Child('measured', [process.execPath, path.join(import.meta.dirname, 'peers/bare-fastify.ts'), list]))
  const [, bareUrl] = await bare.printed(/listening at (\S+)/)

  const routes = [
    { name: 'bare Fastify', url: `${bareUrl}/` }, { name: '/health', url: `${peer.url}/health` }, { name: '/ready', url: `${peer.url}/ready` }, { name: '/status', url: `${peer.url}/status` },
    { name: 'bare Fastify, the same list', url: `${bareUrl}/list` }, { name: '/api/v1/sessions?limit=500', url: `${peer.url}/api/v1/sessions?limit=500` }
  ]
  const medians = await inTurn(routes.map(({ name, url }) => ({ name, measure: () => measure(url) })))
  const rate = (name: string): number => medians.get(name)!.perSecond
  const ratio = (name: string): number => rate(name) / rate(/list|500/.test(name) ? 'bare Fastify, the same list' : 'bare Fastify')
  const rows = [...medians].map(([name, { perSecond, p99Ms }]) => ({ route: name, 'requests/s': round(perSecond, 0), 'of bare': round(ratio(name)), 'p99 ms': round(p99Ms) }))
  return {
    title: `Requests a second, with ${SESSIONS} live sessions`,
    method: `${CONNECTIONS} connections, one request at a time on each, ${SECONDS} s; the servers on one core, the client on the other; PostgreSQL outside.`,
    rows,
    targets: [atLeast('/ready compared with a bare route', ratio('/ready'), 0.7), atLeast('/health compared with a bare route', ratio('/health'), 0.7)]
  }
}

const atLeast = (what: string, value: number, limit: number): Target => ({ what, goal: `>= ${limit}x`, measured: `${round(value)}x`, met: value >= limit })

export const bench: Bench = { name: 'http', run }
