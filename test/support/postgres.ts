import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'

const VERSIONS = '/usr/lib/postgresql'
const START_MS = 60_000

/** A real PostgreSQL server of its own, in a folder of its own. It refuses to run as root, so that root lends it the user `postgres`. */
export class PostgresServer implements AsyncDisposable {
  readonly port: number
  readonly #folder: string
  #process: ChildProcess | undefined

  private constructor (folder: string, port: number) {
    this.#folder = folder
    this.port = port
  }

  static async start (): Promise<PostgresServer> {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'pg-test-'))
    chmodSync(folder, 0o777)
    execFileSync(binary('initdb'), ['-D', path.join(folder, 'data'), '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'], { ...asServer(), stdio: 'ignore' })
    const server = new PostgresServer(folder, await freePort())
    await server.start()
    return server
  }

  get url (): string { return `postgresql://postgres@127.0.0.1:${this.port}/postgres` }

  /** Starts it (again) and waits until it answers. */
  async start (): Promise<void> {
    const settings = { port: this.port, listen_addresses: '127.0.0.1', unix_socket_directories: this.#folder, fsync: 'off', max_connections: 60, log_min_messages: 'fatal' }
    const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
    this.#process = spawn(binary('postgres'), ['-D', path.join(this.#folder, 'data'), ...flags], { ...asServer(), stdio: 'ignore' })
    const deadline = Date.now() + START_MS
    while (!await this.#answers()) {
      if (Date.now() > deadline) throw new Error('PostgreSQL did not start')
      await sleep(30)
    }
  }

  /** Ends it at once, as `pg_ctl stop -m immediate` does. */
  async stop (): Promise<void> { await this.#end('SIGQUIT') }

  /** The whole server stands still, its connections open: SIGSTOP to the postmaster and everything it started. */
  freeze (): void { for (const pid of this.#pids()) signal(pid, 'SIGSTOP') }
  thaw (): void { for (const pid of this.#pids()) signal(pid, 'SIGCONT') }

  /** An empty database of its own on this server. */
  async database (): Promise<string> {
    const name = `test_${process.pid}_${Math.random().toString(36).slice(2)}`
    await this.query(`CREATE DATABASE ${name}`)
    return `postgresql://postgres@127.0.0.1:${this.port}/${name}`
  }

  async query (text: string, url = this.url): Promise<Record<string, unknown>[]> {
    const client = new pg.Client({ connectionString: url })
    await client.connect()
    try {
      return (await client.query(text)).rows
    } finally {
      await client.end()
    }
  }

  async [Symbol.asyncDispose] (): Promise<void> {
    this.thaw()
    await this.#end('SIGQUIT')
    rmSync(this.#folder, { recursive: true, force: true })
  }

  async #end (how: NodeJS.Signals): Promise<void> {
    const child = this.#process
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill(how)
    await ended
  }

  async #answers (): Promise<boolean> {
    try {
      await this.query('select 1')
      return true
    } catch {
      return false
    }
  }

  #pids (): number[] {
    const main = this.#process?.pid
    if (main === undefined || this.#process!.exitCode !== null || this.#process!.signalCode !== null) return []
    const children = readFileSync(`/proc/${main}/task/${main}/children`, 'utf8')
    return [main, ...children.split(' ').filter(Boolean).map(Number)]
  }
}

/** Debian keeps the server's programs out of PATH, one folder for each version. */
function binary (name: string): string {
  const version = readdirSync(VERSIONS).sort((a, b) => Number(b) - Number(a))[0]
  if (version === undefined) throw new Error('PostgreSQL is not installed: apt-get install postgresql')
  return path.join(VERSIONS, version, 'bin', name)
}

function asServer (): { uid?: number, gid?: number, cwd: string } {
  if (process.getuid?.() !== 0) return { cwd: os.tmpdir() }
  const id = (flag: string): number => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }))
  return { uid: id('-u'), gid: id('-g'), cwd: os.tmpdir() }
}

export async function freePort (): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address ? address.port : 0
}

function signal (pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch { /* It has ended meanwhile. */ }
}
