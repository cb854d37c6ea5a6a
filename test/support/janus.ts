import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { freePort } from './service.ts'
import { until } from './until.ts'

const MULTIARCH: Readonly<Record<string, string>> = { x64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' }
/** Janus answers an event poll without events after half a minute. */
const POLL_MS = 35_000

/** A real Janus gateway with its videoroom. Its API is on loopback only; its media on the other interfaces, since it never uses that one. */
export interface Janus extends AsyncDisposable {
  readonly pid: number
  /** Of its HTTP API. */
  readonly url: string
  /** A session with one handle to the videoroom. */
  attach (): Promise<JanusHandle>
  /** All it has printed so far. */
  output (): string
}

export type JanusOptions = {
  /** Threads for all its media; without, each connection has one of its own, as Janus comes. */
  readonly eventLoops?: number
}

export async function startJanus ({ eventLoops }: JanusOptions = {}): Promise<Janus> {
  await using stack = new AsyncDisposableStack()
  const folder = await mkdtemp(path.join(tmpdir(), 'auralink-janus-'))
  stack.defer(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))
  const port = await freePort()
  await configure(folder, port, eventLoops)
  const child = spawn('janus', ['--configs-folder', folder, '--disable-colors'], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => { output += chunk })
  const exited = once(child, 'exit')
  stack.defer(async () => {
    child.kill('SIGKILL')
    await exited
  })
  const url = `http://127.0.0.1:${port}/janus`
  await until('Janus answers', async () => {
    if (child.exitCode !== null) throw new Error(`Janus ended with ${child.exitCode}:\n${output}`)
    return (await fetch(`${url}/info`).catch(() => undefined))?.ok ?? false
  })
  const owned = stack.move()
  return { pid: child.pid!, url, attach: () => JanusHandle.attach(url), output: () => output, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

async function configure (folder: string, port: number, eventLoops: number | undefined): Promise<void> {
  const home = `/usr/lib/${MULTIARCH[process.arch]}/janus`
  const empty = path.join(folder, 'empty')
  await mkdir(empty)
  await writeFile(path.join(folder, 'janus.jcfg'), `
    general: {
      configs_folder = "${folder}"
      plugins_folder = "${home}/plugins"
      transports_folder = "${home}/transports"
      events_folder = "${empty}"
      loggers_folder = "${empty}"
      debug_level = 4
      session_timeout = 0
      ${eventLoops === undefined ? '' : `event_loops = ${eventLoops}`}
    }
    nat: { full_trickle = false }
    plugins: { disable = "${plugins.filter(name => name !== 'videoroom').map(name => `libjanus_${name}.so`).join(',')}" }
    transports: { disable = "${transports.filter(name => name !== 'http').map(name => `libjanus_${name}.so`).join(',')}" }
  `)
  await writeFile(path.join(folder, 'janus.transport.http.jcfg'), `
    general: { json = "compact", base_path = "/janus", http = true, port = ${port}, ip = "127.0.0.1", https = false }
    admin: { admin_http = false, admin_https = false }
  `)
}

/** All that Debian's package brings. */
const plugins = ['audiobridge', 'duktape', 'echotest', 'lua', 'nosip', 'recordplay', 'sip', 'streaming', 'textroom', 'videocall', 'videoroom', 'voicemail']
const transports = ['http', 'mqtt', 'nanomsg', 'pfunix', 'rabbitmq', 'websockets']

export type Jsep = { readonly type: 'offer' | 'answer', readonly sdp: string }
type Answer = { readonly janus: string, readonly data?: { id: number }, readonly transaction?: string, readonly error?: unknown, readonly jsep?: Jsep, readonly plugindata?: { data: Record<string, any> } }

/** One peer connection of Janus, as its HTTP API shows it: requests, and a long poll for what they lead to. Disposing ends it. */
export class JanusHandle implements AsyncDisposable {
  readonly #session: string
  readonly #handle: string
  #transactions = 0

  private constructor (session: string, handle: string) {
    this.#session = session
    this.#handle = handle
  }

  static async attach (url: string): Promise<JanusHandle> {
    const { data: session } = await post(url, { janus: 'create', transaction: 'create' })
    const { data: handle } = await post(`${url}/${session!.id}`, { janus: 'attach', plugin: 'janus.plugin.videoroom', transaction: 'attach' })
    return new JanusHandle(`${url}/${session!.id}`, `${url}/${session!.id}/${handle!.id}`)
  }

  /** @returns what the videoroom says, at once or after a while. @throws Error when it refuses. */
  async request (body: Readonly<Record<string, unknown>>, jsep?: Jsep): Promise<{ data: Record<string, any>, jsep?: Jsep | undefined }> {
    const transaction = String(++this.#transactions)
    let answer = await post(this.#handle, { janus: 'message', transaction, body, jsep })
    while (answer.janus === 'ack' || answer.transaction !== transaction) answer = await this.#event()
    const data = answer.plugindata?.data ?? {}
    if (data.error_code !== undefined) throw new Error(`Janus: ${data.error_code} ${data.error}`)
    return { data, jsep: answer.jsep }
  }

  /** The next thing that happens: keepalives and other events are passed on as they are. */
  async #event (): Promise<Answer> {
    return await (await fetch(`${this.#session}?maxev=1`, { signal: AbortSignal.timeout(POLL_MS) })).json() as Answer
  }

  async [Symbol.asyncDispose] (): Promise<void> { await post(this.#session, { janus: 'destroy', transaction: 'destroy' }).catch(() => {}) }
}

async function post (url: string, body: object): Promise<Answer> {
  const answer = await (await fetch(url, { method: 'POST', body: JSON.stringify(body) })).json() as Answer
  if (answer.janus === 'error') throw new Error(`Janus: ${JSON.stringify(answer.error)}`)
  return answer
}
