import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

const TASKSET = '/usr/bin/taskset'
const STOP_WITHIN_MS = 10_000
const KEPT_OUTPUT = 1 << 20

/** Which core a process gets: the measured one its own, the load that is put on it another. */
export type Role = 'measured' | 'load'

/** The words that start a program on its core; nothing where there is one core, or no taskset. */
export function pinned (role: Role): string[] {
  return availableParallelism() > 1 && existsSync(TASKSET) ? [TASKSET, '-c', role === 'measured' ? '0' : '1'] : []
}

/** A program under way. Disposing stops it and waits. */
export class Child implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly #exited: Promise<unknown>
  #output = ''

  constructor (role: Role, command: readonly string[], options: { cwd?: string, env?: NodeJS.ProcessEnv, uid?: number } = {}) {
    const [program = '', ...args] = [...pinned(role), ...command]
    this.#child = spawn(program, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [this.#child.stdout, this.#child.stderr]) stream?.setEncoding('utf8').on('data', text => { this.#output = (this.#output + text).slice(-KEPT_OUTPUT) })
    this.#exited = once(this.#child, 'exit').catch(() => {})
  }

  /** Taskset becomes the program it starts, so that this is the program's own. */
  get pid (): number { return this.#child.pid! }
  get output (): string { return this.#output }
  get ended (): boolean { return this.#child.exitCode !== null || this.#child.signalCode !== null }
  get exited (): Promise<unknown> { return this.#exited }

  /** Waits until a line has been printed. @throws Error with the output when the program ends first, or takes too long */
  async printed (pattern: RegExp, withinMs = 30_000): Promise<RegExpExecArray> {
    const deadline = performance.now() + withinMs
    for (;;) {
      const found = pattern.exec(this.#output)
      if (found) return found
      if (this.ended || performance.now() > deadline) throw new Error(`waited for ${pattern} in vain:\n${this.#output.slice(-2000)}`)
      await sleep(20)
    }
  }

  async [Symbol.asyncDispose] (): Promise<void> {
    if (!this.ended) this.#child.kill('SIGTERM')
    await Promise.race([this.#exited, sleep(STOP_WITHIN_MS, undefined, { ref: false })])
    if (!this.ended) this.#child.kill('SIGKILL')
    await this.#exited
  }
}
