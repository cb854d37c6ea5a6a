import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { createInterface, type Interface } from 'node:readline'

/** Runs store-process.ts, which writes until it is killed. */
export class StoreWriter {
  readonly process: ChildProcess
  readonly said: string[] = []
  readonly #lines: Interface

  constructor (...args: string[]) {
    this.process = spawn(process.execPath, [path.join(import.meta.dirname, 'store-process.ts'), ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
    this.#lines = createInterface(this.process.stdout!)
    this.#lines.on('line', line => { this.said.push(line) })
  }

  async line (): Promise<string> {
    if (this.said.length === 0) await once(this.#lines, 'line')
    return this.said[0]!
  }

  async kill (): Promise<void> {
    const closed = once(this.#lines, 'close')
    this.process.kill('SIGKILL')
    await closed
  }
}
