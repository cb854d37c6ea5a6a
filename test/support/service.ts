import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const START_WITHIN_MS = 60_000
const STOP_WITHIN_MS = 30_000

/** The real service as an operator runs it: its own process, its own ports and data folder, reached over HTTP. */
export interface Service extends AsyncDisposable {
  readonly pid: number
  readonly url: string
  readonly metricsUrl: string
  readonly rtmpPort: number
  readonly dataDir: string
  readonly apiKey: string
  /** All it has printed so far. */
  output (): string
  /** One JSON request with the admin key; throws with the body when the answer is not 2xx. */
  call<T = any> (method: string, path: string, body?: unknown): Promise<T>
  /** Sends the signal and waits for the exit. @returns the exit code, or null after a kill. */
  stop (signal?: NodeJS.Signals): Promise<number | null>
}

export type ServiceOptions = {
  args?: string[]
  env?: Record<string, string>
  /** Kept across restarts when given; otherwise made and removed with the service. */
  dataDir?: string
}

/** A TCP port that was free a moment ago. Found by asking the system, so that tests can run side by side. */
export async function freePort (): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

export async function startService (options: ServiceOptions = {}): Promise<Service> {
  const dataDir = options.dataDir ?? await mkdtemp(path.join(tmpdir(), 'auralink-'))
  const [http, metrics, rtmp, media] = await Promise.all([freePort(), freePort(), freePort(), freePort()])
  const apiKey = 'test-admin-key-0123456789abcdef'
  const env: Record<string, string> = {
    PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '', HTTP_PORT: String(http), PROMETHEUS_PORT: String(metrics), RTMP_INGEST_PORT: String(rtmp),
    MEDIA_UDP_PORT: String(media), DATA_DIR: dataDir, AURALINK_ADMIN_API_KEY: apiKey, LOG_FORMAT: 'text', ...options.env
  }
  const root = path.resolve(import.meta.dirname, '../..')
  const child = spawn(process.execPath, ['--min-semi-space-size=8', '--max-semi-space-size=8', 'src/main.js', ...options.args ?? []], { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => { output += chunk })
  const exited = once(child, 'exit').then(([code]) => code as number | null)
  const url = `http://127.0.0.1:${env.HTTP_PORT}`

  const service: Service = {
    pid: child.pid!,
    url,
    metricsUrl: `http://127.0.0.1:${env.PROMETHEUS_PORT}/metrics`,
    rtmpPort: Number(env.RTMP_INGEST_PORT),
    dataDir,
    apiKey: env.AURALINK_ADMIN_API_KEY!,
    output: () => output,
    async call (method, where, body) {
      const headers: Record<string, string> = { 'X-AuraLink-API-Key': service.apiKey }
      if (body !== undefined) headers['content-type'] = 'application/json'
      const answer = await fetch(url + where, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
      const text = await answer.text()
      if (!answer.ok) throw new Error(`${method} ${where}: ${answer.status} ${text}`)
      return text === '' ? undefined : JSON.parse(text)
    },
    async stop (signal = 'SIGTERM') {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal)
      const code = await Promise.race([exited, sleep(STOP_WITHIN_MS, 'late' as const, { ref: false })])
      if (code !== 'late') return code
      child.kill('SIGKILL')
      throw new Error(`the service did not stop within ${STOP_WITHIN_MS} ms of ${signal}:\n${output}`)
    },
    async [Symbol.asyncDispose] () {
      child.kill('SIGKILL')
      await exited
      if (!options.dataDir) await rm(dataDir, { recursive: true, force: true, maxRetries: 5 })
    }
  }
  await using stack = new AsyncDisposableStack()
  stack.use(service) // One that does not get ready is not left behind.
  await waitUntil('the service is ready', START_WITHIN_MS, async () => {
    if (child.exitCode !== null) throw new Error(`the service exited with ${child.exitCode}:\n${output}`)
    return (await fetch(`${url}/ready`, { signal: AbortSignal.timeout(2_000) }).catch(() => undefined))?.ok ?? false // A port may be another program's.
  })
  stack.move()
  return service
}

/** Polls until the condition holds. Throws what the condition throws, and after `ms` says what was waited for. */
export async function waitUntil (what: string, ms: number, condition: () => boolean | Promise<boolean>, everyMs = 50): Promise<void> {
  const deadline = performance.now() + ms
  while (!await condition()) {
    if (performance.now() > deadline) throw new Error(`waited ${ms} ms in vain: ${what}`)
    await sleep(everyMs)
  }
}
