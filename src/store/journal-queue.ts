import type { Clock } from '../lib/clock.ts'
import { messageOf } from '../lib/errors.ts'
import type { Tally } from '../lib/log.ts'
import { Pace } from '../lib/pace.ts'
import { pause } from '../lib/pause.ts'
import { type Change, type Entry, parseEntry, printEntry } from './journal-entry.ts'
import type { JournalFiles } from './journal-files.ts'

export type QueueLimits = { readonly fileBytes: number, readonly entriesInMemory: number }

export const journalLimits: QueueLimits = { fileBytes: 64 * 1024 * 1024, entriesInMemory: 10_000 }

const MAX_BATCH = 500
/** An entry that has waited so long for the database is worth an fsync. */
const SYNC_EVERY_MS = 250
const REWRITE_AFTER_MS = 1_000
/** A write costs more than all else that is done with a change: while changes come all the time, those of this long go together. What comes by itself does not wait. */
const WRITE_EVERY_MS = 50
const WRITES_AT_ONCE = 4

type Line = { readonly sequence: number, readonly text: string }

/** Entries on their way to the database: in files for safety, and the oldest in memory too. What no longer fits is refused. */
export class JournalQueue {
  readonly #files: JournalFiles
  readonly #limits: QueueLimits
  readonly #clock: Clock
  readonly #tally: Tally
  readonly #ticking: Disposable
  readonly #pace = new Pace(WRITE_EVERY_MS, WRITES_AT_ONCE)
  readonly #closing = new AbortController()
  #sequence = 0
  #applied = 0
  /** The oldest, in order. */
  #memory: Line[] = []
  /** Something newer than `#memory` is in the files (or still in `#unwritten`) only. */
  #spilled = false
  #unwritten: Line[] = []
  #unwrittenBytes = 0
  #writing: Promise<void> | undefined
  #news = Promise.withResolvers<void>()
  #refused = 0

  constructor (files: JournalFiles, limits: QueueLimits, clock: Clock, tally: Tally) {
    this.#files = files
    this.#limits = limits
    this.#clock = clock
    this.#tally = tally
    this.#ticking = clock.every(SYNC_EVERY_MS, () => { if (this.depth > 0) void this.#sync() })
  }

  /** Entries not yet in the database. */
  get depth (): number { return this.#sequence - this.#applied }
  get bytes (): number { return this.#files.bytes + this.#unwrittenBytes }
  get refused (): number { return this.#refused }
  get last (): number { return this.#sequence }

  /** @returns false when neither memory nor disk has room left. */
  push (change: Change, type: string | undefined): boolean {
    if (this.bytes >= this.#limits.fileBytes || this.#unwritten.length >= this.#limits.entriesInMemory) {
      this.#refused++
      return false
    }
    const sequence = ++this.#sequence
    const line = { sequence, text: printEntry(change, sequence, new Date(this.#clock.wall()), type) }
    if (this.#memory.length >= this.#limits.entriesInMemory) this.#spilled = true
    if (!this.#spilled) this.#memory.push(line)
    this.#unwritten.push(line)
    this.#unwrittenBytes += line.text.length
    this.#writing ??= this.#write()
    this.#news.resolve()
    return true
  }

  /** Resolves when there is something to take, or somebody calls wake(). */
  news (): Promise<void> {
    if (this.depth > 0) return Promise.resolve()
    this.#news = Promise.withResolvers()
    return this.#news.promise
  }

  wake (): void { this.#news.resolve() }

  /** Resolves when everything pushed so far has been written, unless the disk does not take it. */
  async written (): Promise<void> { await this.#writing }

  /** Resolves when all that was pushed has been offered to the disk, and what the disk holds in vain is gone. */
  async tidy (): Promise<void> {
    await this.#writing
    if (this.depth === 0) await this.#files.release(this.#applied, true)
  }

  /** The oldest entries. They stay until done() is told. */
  async peek (): Promise<Entry[]> {
    if (this.#memory.length === 0 && this.#spilled) await this.#load()
    return this.#memory.slice(0, MAX_BATCH).map(line => parseEntry(line.text)!)
  }

  /** Everything up to and including this entry is in the database. */
  async done (sequence: number): Promise<void> {
    this.#applied = sequence
    this.#memory = this.#memory.filter(line => line.sequence > sequence)
    await this.#files.release(sequence)
  }

  /** Gives up what can no longer be read. */
  abandon (): void {
    this.#refused += this.depth
    this.#applied = this.#sequence
    this.#spilled = false
  }

  /** Writes what is left; deletes the files if nothing is. */
  async close (): Promise<void> {
    this.#ticking[Symbol.dispose]()
    this.#closing.abort()
    await this.#writing
    if (this.depth === 0) await this.#files.release(this.#sequence, true)
    else await this.#sync()
    await this.#files.close()
  }

  async #load (): Promise<void> {
    const entries = await this.#files.read(this.#applied)
    const lines = entries.map(entry => ({ sequence: entry.sequence, text: JSON.stringify(entry) }))
    this.#memory = lines.length > 0 ? lines : [...this.#unwritten] // With a full disk the rest exists nowhere else.
    if (this.#memory.at(-1)?.sequence === this.#sequence) this.#spilled = false
  }

  async #write (): Promise<void> {
    while (this.#unwritten.length > 0) {
      await this.#gather()
      const lines = [...this.#unwritten] // More may come while these are written.
      try {
        await this.#files.append(lines.map(line => line.text), lines.at(-1)!.sequence)
        this.#unwritten = this.#unwritten.slice(lines.length)
      } catch (error) {
        this.#tally.count('the journal cannot be written to disk', { error: messageOf(error) }, 'error')
        if (this.#closing.signal.aborted) break
        await this.#backOff()
      }
      this.#unwrittenBytes = this.#unwritten.reduce((sum, line) => sum + line.text.length, 0)
    }
    this.#writing = undefined
  }

  /** The rest of this turn's changes go along at least. */
  async #gather (): Promise<void> {
    const wait = this.#pace.next(this.#clock.now())
    if (wait > 0) await pause(this.#clock, wait, this.#closing.signal)
  }

  /** What reaches the database meanwhile needs no file any more. */
  async #backOff (): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    using _timer = this.#clock.after(REWRITE_AFTER_MS, resolve)
    await promise
    this.#unwritten = this.#unwritten.filter(line => line.sequence > this.#applied)
  }

  async #sync (): Promise<void> {
    try {
      await this.#files.sync()
    } catch (error) {
      this.#tally.count('the journal cannot be written to disk', { error: messageOf(error) }, 'error')
    }
  }
}
