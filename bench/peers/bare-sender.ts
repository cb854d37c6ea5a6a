import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Child } from '../harness/child.ts'

const SOURCE = path.join(import.meta.dirname, 'sendmmsg.c')
const SETTLE_MS = 200

export type Sending = {
  /** Receivers have a socket each, or all the same one. */
  readonly sockets: number
  /** Datagrams of one call. */
  readonly count: number
  /** Calls per second; 0 for as many as go. */
  readonly rate: number
  readonly bytes: number
  readonly seconds: number
}

/** The C program beside this file. */
export class BareSender implements AsyncDisposable {
  readonly #program: string
  private constructor (program: string) { this.#program = program }

  /** @returns undefined where there is no C compiler. @throws Error when it refuses the program */
  static async compile (): Promise<BareSender | undefined> {
    if (spawnSync('cc', ['--version']).status !== 0) return undefined
    const sender = new BareSender(path.join(await mkdtemp(path.join(tmpdir(), 'auralink-sendmmsg-')), 'sendmmsg'))
    execFileSync('cc', ['-O2', '-o', sender.#program, SOURCE])
    return sender
  }

  async send ({ sockets, count, rate, bytes, seconds }: Sending): Promise<{ sent: number, received: number, seconds: number, cpuUs: number }> {
    await using sink = new Child('load', [this.#program, 'sink', String(sockets)])
    const [, port = ''] = await sink.printed(/port (\d+)/)
    await using sender = new Child('measured', [this.#program, 'send', port, ...[sockets, count, rate, bytes, seconds].map(String)])
    const [line] = await sender.printed(/\{.*\}/, seconds * 1000 + 10_000)
    await sleep(SETTLE_MS)
    process.kill(sink.pid, 'SIGTERM')
    const [counted] = await sink.printed(/\{.*\}/)
    const { sent, seconds: took, cpuSeconds } = JSON.parse(line) as { sent: number, seconds: number, cpuSeconds: number }
    const { received } = JSON.parse(counted) as { received: number }
    return { sent, received, seconds: took, cpuUs: cpuSeconds * 1e6 / sent }
  }

  [Symbol.asyncDispose] (): Promise<void> { return rm(path.dirname(this.#program), { recursive: true, force: true }) }
}
