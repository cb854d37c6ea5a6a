import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { freePort } from '../../test/support/service.ts'
import { Child } from '../harness/child.ts'
import type { HttpEndpoint } from '../load/endpoint.ts'
import type { RtmpPeer } from './peer.ts'

const root = path.resolve(import.meta.dirname, '../..')
export const BENCH_API_KEY = 'bench-admin-key-0123456789abcdef'
const READY_WITHIN_MS = 60_000

export type ServiceOptions = {
  /** Without: the embedded database. */
  readonly databaseUrl?: string | undefined
  /** Kept for another start when given. */
  readonly dataDir?: string
  /** For Node, before the service's own file. */
  readonly nodeOptions?: readonly string[]
}

/** Our service as an operator runs it, with everything on. */
export class ServicePeer implements RtmpPeer {
  readonly name = 'AuraLink'
  readonly version = (JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { version: string }).version
  readonly url: string
  readonly metricsUrl: string
  /** From the start of the process to the first answer 200 of /ready. */
  readonly startMs: number
  readonly #child: Child
  readonly #rtmpPort: number
  readonly #stack: AsyncDisposableStack
  #destinations = 0

  private constructor (child: Child, url: string, metricsUrl: string, rtmpPort: number, startMs: number, stack: AsyncDisposableStack) {
    this.#child = child
    this.url = url
    this.metricsUrl = metricsUrl
    this.#rtmpPort = rtmpPort
    this.startMs = startMs
    this.#stack = stack
  }

  static async start ({ databaseUrl, dataDir, nodeOptions = [] }: ServiceOptions = {}): Promise<ServicePeer> {
    await using stack = new AsyncDisposableStack()
    const folder = dataDir ?? await mkdtemp(path.join(tmpdir(), 'auralink-bench-'))
    if (!dataDir) stack.defer(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))
    const [http, metrics, rtmp, media] = await Promise.all([freePort(), freePort(), freePort(), freePort()])
    const env = {
      PATH: process.env.PATH, HOME: process.env.HOME, HTTP_PORT: String(http), PROMETHEUS_PORT: String(metrics), RTMP_INGEST_PORT: String(rtmp), MEDIA_UDP_PORT: String(media),
      DATA_DIR: folder, AURALINK_ADMIN_API_KEY: BENCH_API_KEY, LOG_LEVEL: 'warn', ...(databaseUrl ? { DATABASE_URL: databaseUrl } : {})
    }
    const began = performance.now()
    const child = stack.use(new Child('measured', [process.execPath, '--min-semi-space-size=8', '--max-semi-space-size=8', ...nodeOptions, 'src/main.js'], { cwd: root, env }))
    const url = `http://127.0.0.1:${http}`
    await ready(url, child)
    return new ServicePeer(child, url, `http://127.0.0.1:${metrics}/metrics`, rtmp, performance.now() - began, stack.move())
  }

  get pid (): number { return this.#child.pid }

  /** Waits until its process has printed a line. @returns it */
  async printed (line: RegExp): Promise<string> { return (await this.#child.printed(line))[0] }

  /** A room for WHIP and WHEP. */
  endpoint (room: string): HttpEndpoint {
    return { kind: 'http', whip: `${this.url}/whip/${room}`, whep: `${this.url}/whep/${room}`, headers: { 'X-AuraLink-API-Key': BENCH_API_KEY } }
  }

  async destination (): Promise<{ url: string, streamKey: string, room: string }> {
    const room = `bench-${++this.#destinations}`
    const { streamKey } = await this.call<{ streamKey: string }>('POST', '/api/v1/ingresses', { protocol: 'rtmp', room })
    return { url: `rtmp://127.0.0.1:${this.#rtmpPort}/live`, streamKey, room }
  }

  async call<T> (method: string, where: string, body?: unknown): Promise<T> {
    const headers = { 'X-AuraLink-API-Key': BENCH_API_KEY, ...(body === undefined ? {} : { 'content-type': 'application/json' }) }
    const answer = await fetch(this.url + where, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
    const text = await answer.text()
    if (!answer.ok) throw new Error(`${method} ${where}: ${answer.status} ${text}`)
    return (text === '' ? undefined : JSON.parse(text)) as T
  }

  [Symbol.asyncDispose] (): Promise<void> { return this.#stack.disposeAsync() }
}

async function ready (url: string, child: Child): Promise<void> {
  const deadline = performance.now() + READY_WITHIN_MS
  while (!(await fetch(`${url}/ready`).catch(() => undefined))?.ok) {
    if (child.ended || performance.now() > deadline) throw new Error(`the service did not get ready:\n${child.output}`)
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}
