import { createWriteStream, mkdirSync, type WriteStream } from 'node:fs'
import { once } from 'node:events'
import path from 'node:path'
import type { Clock } from '../lib/clock.ts'
import { messageOf } from '../lib/errors.ts'
import { type Logger, Tally } from '../lib/log.ts'

/** An audit log as a file of JSON lines, for whatever collects such files. Appended to, never rotated here. */
export class AuditFile implements AsyncDisposable {
  readonly #stream: WriteStream

  /** @param file made, and its folder, if they are not there; readable by the owner alone */
  constructor (file: string, { log, clock }: { readonly log: Logger, readonly clock: Clock }) {
    mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 })
    const tally = new Tally(log, clock, 60_000)
    this.#stream = createWriteStream(file, { flags: 'a', mode: 0o600 })
    this.#stream.on('error', error => tally.count('the audit file cannot be written; the database has the entries', { file, error: messageOf(error) }, 'error'))
  }

  record (entry: object): void { if (this.#stream.writable) this.#stream.write(`${JSON.stringify(entry)}\n`) }

  async [Symbol.asyncDispose] (): Promise<void> {
    if (!this.#stream.writable) return
    this.#stream.end()
    await once(this.#stream, 'close')
  }
}
