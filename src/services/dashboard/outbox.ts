import { appendFile, mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { messageOf } from '../../lib/errors.ts'
import type { Logger } from '../../lib/log.ts'

/** What the Dashboard has yet to be told of one conference. */
export type Report =
  | { readonly what: 'opened', readonly room: string, readonly openedAt: number }
  | { readonly what: 'joined', readonly participant: string, readonly name: string, readonly source: string, readonly auraId?: string }
  | { readonly what: 'left', readonly participant: string }
  | { readonly what: 'closed' }

/** A conference the Dashboard has been told of, or will be. */
export type Reported = {
  /** Its id here. */
  readonly id: string
  /** Its id at the Dashboard, once that has given one. */
  remoteId: string | undefined
  /** In order; the first is sent first. */
  readonly reports: Report[]
}

type Line = { readonly id: string, readonly add?: Report, readonly sent?: true, readonly remoteId?: string, readonly gone?: true }

/** About 10 MB in memory and on disk: days of an outage on a busy bridge. */
const MAX_REPORTS = 50_000
/** The file is written anew when it has this many lines more than it needs. */
const SPARE_LINES = 10_000

/** Reports in order, on disk until the Dashboard has them: an outage or a restart loses none. */
export class DashboardOutbox implements AsyncDisposable {
  readonly conferences = new Map<string, Reported>()
  readonly #file: string
  readonly #log: Logger
  #unwritten: string[] = []
  #writing: Promise<void> = Promise.resolve()
  #lines = 0
  #size = 0
  #dropped = 0

  private constructor (file: string, log: Logger) {
    this.#file = file
    this.#log = log
  }

  /** Takes up what an earlier run left. */
  static async open (file: string, log: Logger): Promise<DashboardOutbox> {
    const outbox = new DashboardOutbox(file, log)
    await mkdir(path.dirname(file), { recursive: true })
    for (const line of (await readFile(file, 'utf8').catch(() => '')).split('\n')) outbox.#replay(line)
    await outbox.#compact()
    return outbox
  }

  /** Reports that wait. */
  get size (): number { return this.#size }
  /** Reports given up because there were too many, or because nobody takes them. */
  get dropped (): number { return this.#dropped }

  add (id: string, report: Report): void {
    if (this.#size >= MAX_REPORTS) this.#makeRoom()
    this.#add(id, report)
    this.#write({ id, add: report })
  }

  /** The first report of this conference has arrived. */
  sent (conference: Reported, remoteId?: string): void {
    this.#sent(conference, remoteId)
    this.#write({ id: conference.id, sent: true, ...(remoteId === undefined ? {} : { remoteId }) })
  }

  /** Nobody will take the rest of this conference. */
  drop (conference: Reported): void {
    this.#dropped += conference.reports.length
    this.#forget(conference)
    this.#write({ id: conference.id, gone: true })
  }

  /** Waits until everything is on disk. */
  async flush (): Promise<void> {
    while (this.#unwritten.length > 0) await this.#flushing()
    await this.#writing
  }

  async [Symbol.asyncDispose] (): Promise<void> { await this.flush() }

  #add (id: string, report: Report): void {
    const conference = this.conferences.get(id) ?? { id, remoteId: undefined, reports: [] }
    this.conferences.set(id, conference)
    conference.reports.push(report)
    this.#size++
  }

  #sent (conference: Reported, remoteId?: string): void {
    const report = conference.reports.shift()
    if (report) this.#size--
    if (remoteId !== undefined) conference.remoteId = remoteId
    if (report?.what === 'closed') this.#forget(conference)
  }

  #forget (conference: Reported): void {
    this.#size -= conference.reports.length
    conference.reports.length = 0
    this.conferences.delete(conference.id)
  }

  /** The oldest conference goes as a whole: half of one would tell a wrong story. */
  #makeRoom (): void {
    const oldest = this.conferences.values().find(conference => conference.reports.length > 0)
    if (!oldest) return
    this.#log.error({ conference: oldest.id, reports: oldest.reports.length }, 'too much waits for the Dashboard: the oldest conference is not reported')
    this.drop(oldest)
  }

  #replay (line: string): void {
    const entry = parsed(line)
    if (!entry) return // Empty, or cut off by a crash.
    this.#lines++
    const conference = this.conferences.get(entry.id)
    if (entry.add) this.#add(entry.id, entry.add)
    else if (conference && entry.sent) this.#sent(conference, entry.remoteId)
    else if (conference && entry.gone) this.#forget(conference)
    else if (entry.remoteId !== undefined) this.conferences.set(entry.id, { id: entry.id, remoteId: entry.remoteId, reports: [] })
  }

  #write (line: Line): void {
    this.#unwritten.push(JSON.stringify(line))
    void this.#flushing()
  }

  #flushing (): Promise<void> {
    this.#writing = this.#writing.then(async () => {
      if (this.#unwritten.length === 0) return
      if (this.#lines > SPARE_LINES + this.#size + this.conferences.size) return await this.#compact()
      const lines = this.#unwritten.splice(0)
      this.#lines += lines.length
      await appendFile(this.#file, `${lines.join('\n')}\n`)
    }).catch((error: unknown) => { this.#log.error({ error: messageOf(error) }, 'what waits for the Dashboard could not be written to disk') })
    return this.#writing
  }

  /** Writes what is left as a new file beside the old one, then takes its place. */
  async #compact (): Promise<void> {
    this.#unwritten.length = 0 // All of it is in memory, and so in the new file.
    const lines: Line[] = [...this.conferences.values()].flatMap(({ id, remoteId, reports }) => [
      ...(remoteId === undefined ? [] : [{ id, remoteId }]), ...reports.map(add => ({ id, add }))
    ])
    this.#lines = lines.length
    await writeFile(`${this.#file}.new`, lines.map(line => `${JSON.stringify(line)}\n`).join(''), { mode: 0o600 })
    await rename(`${this.#file}.new`, this.#file)
  }
}

function parsed (line: string): Line | undefined {
  try {
    const value = JSON.parse(line) as Line
    return typeof value.id === 'string' ? value : undefined
  } catch {
    return undefined
  }
}
