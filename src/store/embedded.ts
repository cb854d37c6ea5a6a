import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { within } from '../lib/abort.ts'
import type { Clock } from '../lib/clock.ts'
import { AppError, messageOf } from '../lib/errors.ts'
import type { Logger } from '../lib/log.ts'
import type { EmbeddedMessage } from './embedded-process.ts'

/** The first start makes a cluster: 3 to 5 s on two cores, longer on a busy machine. */
const START_MS = 120_000
const CLOSE_MS = 5_000
const RESTART_MS = 1_000
/** sockaddr_un holds 108 bytes with the final zero; some systems 104. */
const MAX_SOCKET_PATH_BYTES = 100
/** The name that libpq and `pg` look for in the folder they are given as host. */
const SOCKET_NAME = '.s.PGSQL.5432'

export type EmbeddedAddress = { readonly host: string, readonly port: number }

/**
 * PostgreSQL in WebAssembly (PGlite), in a process of its own that is started again when it dies. Not in a worker thread: its
 * 300 MB would be ours, and an abort of the WebAssembly runtime would take the media with it.
 */
export class EmbeddedPostgres implements AsyncDisposable {
  readonly address: EmbeddedAddress
  readonly #folder: string
  readonly #log: Logger
  readonly #clock: Clock
  readonly #scope: DisposableStack
  #child: ChildProcess
  #closing = false

  private constructor (folder: string, started: Started, scope: DisposableStack, { log, clock }: { log: Logger, clock: Clock }) {
    this.address = started.address
    this.#child = started.child
    this.#folder = folder
    this.#scope = scope
    this.#log = log
    this.#clock = clock
    this.#watch()
  }

  /** @param folder taken by us alone. @throws AppError `dependency_unavailable` when the database does not start */
  static async start (folder: string, tools: { log: Logger, clock: Clock }): Promise<EmbeddedPostgres> {
    using scope = new DisposableStack()
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const started = await launch(folder, { host: socketFolder(folder, scope), port: 0 })
    return new EmbeddedPostgres(folder, started, scope.move(), tools)
  }

  get pid (): number | undefined { return this.#child.pid }

  async [Symbol.asyncDispose] (): Promise<void> {
    using _scope = this.#scope
    this.#closing = true
    const child = this.#child
    if (child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    if (child.connected) child.send('close')
    if (!await within(CLOSE_MS, ended)) child.kill('SIGKILL')
    await ended
  }

  #watch (): void {
    this.#child.once('exit', (code, signal) => {
      if (this.#closing) return
      this.#log.error({ code, signal }, 'the embedded database died and is started again')
      this.#scope.use(this.#clock.after(RESTART_MS, () => { void this.#restart() }))
    })
  }

  async #restart (): Promise<void> {
    if (this.#closing) return
    try {
      this.#child = (await launch(this.#folder, this.address)).child
      this.#watch()
      if (this.#closing) this.#child.kill('SIGKILL')
    } catch (error) {
      this.#log.error({ error: messageOf(error) }, 'the embedded database could not be started again')
      this.#scope.use(this.#clock.after(RESTART_MS, () => { void this.#restart() }))
    }
  }
}

type Started = { readonly child: ChildProcess, readonly address: EmbeddedAddress }

async function launch (folder: string, { host, port }: EmbeddedAddress): Promise<Started> {
  const where = host.startsWith('/') ? path.join(host, SOCKET_NAME) : String(port)
  if (host.startsWith('/')) rmSync(where, { force: true }) // Left behind by a killed predecessor.
  const program = path.join(import.meta.dirname, 'embedded-process.ts')
  const child = fork(program, [folder, where], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'], execArgv: [] })
  return { child, address: { host, port: await listening(child) } }
}

/** Where there are no Unix sockets, the loopback address. */
function socketFolder (folder: string, scope: DisposableStack): string {
  if (process.platform === 'win32') return '127.0.0.1'
  const near = path.join(path.resolve(folder), 'run')
  if (Buffer.byteLength(path.join(near, SOCKET_NAME)) <= MAX_SOCKET_PATH_BYTES) {
    mkdirSync(near, { recursive: true, mode: 0o700 })
    return near
  }
  const elsewhere = mkdtempSync(path.join(os.tmpdir(), 'auralink-')) // Made 0700.
  scope.defer(() => rmSync(elsewhere, { recursive: true, force: true }))
  return elsewhere
}

async function listening (child: ChildProcess): Promise<number> {
  const answer = Promise.withResolvers<EmbeddedMessage>()
  child.once('message', message => answer.resolve(message as EmbeddedMessage))
  child.once('error', error => answer.resolve({ failed: error.message }))
  child.once('exit', code => answer.resolve({ failed: `its process ended with code ${code}` }))
  const late = setTimeout(() => answer.resolve({ failed: `it was not ready within ${START_MS / 1000} s` }), START_MS)
  const message = await answer.promise
  clearTimeout(late)
  if ('listening' in message) return message.listening.port ?? 5432
  child.kill('SIGKILL')
  throw new AppError('dependency_unavailable', `the embedded database did not start: ${message.failed}`)
}
