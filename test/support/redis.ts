import { createClient } from '@redis/client'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from './postgres.ts'

const START_MS = 30_000

/** A real redis-server of its own, with nothing on disk. */
export class RedisServer implements AsyncDisposable {
  readonly port: number
  readonly password: string
  readonly #folder = mkdtempSync(path.join(os.tmpdir(), 'redis-test-'))
  #process: ChildProcess | undefined

  private constructor (port: number, password: string) {
    this.port = port
    this.password = password
  }

  static async start (password = 'canary-redis'): Promise<RedisServer> {
    const server = new RedisServer(await freePort(), password)
    await server.start()
    return server
  }

  async start (): Promise<void> {
    const flags = ['--port', String(this.port), '--bind', '127.0.0.1', '--requirepass', this.password, '--save', '', '--appendonly', 'no', '--dir', this.#folder]
    this.#process = spawn('redis-server', flags, { stdio: 'ignore' })
    const deadline = Date.now() + START_MS
    while (!await this.#answers()) {
      if (Date.now() > deadline) throw new Error('redis-server did not start')
      await sleep(20)
    }
  }

  async stop (): Promise<void> {
    const child = this.#process
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }

  /** A client of its own, for looking at what is in there. */
  async client () {
    const client = await createClient({ password: this.password, socket: { host: '127.0.0.1', port: this.port } }).connect()
    return Object.assign(client, { [Symbol.asyncDispose]: () => client.close() })
  }

  freeze (): void { this.#process?.kill('SIGSTOP') }
  thaw (): void { this.#process?.kill('SIGCONT') }

  async [Symbol.asyncDispose] (): Promise<void> {
    await this.stop()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  async #answers (): Promise<boolean> {
    const socket = connect(this.port, '127.0.0.1')
    try {
      await once(socket, 'connect')
      return true
    } catch {
      return false
    } finally {
      socket.destroy()
    }
  }
}
