import path from 'node:path'
import { appendFile, unlink } from 'node:fs/promises'
import { within } from '../lib/abort.ts'
import type { Clock } from '../lib/clock.ts'
import { messageOf } from '../lib/errors.ts'
import { uuidV7 } from '../lib/ids.ts'
import { type Logger, Tally } from '../lib/log.ts'
import { Pace } from '../lib/pace.ts'
import type { QualityRecord } from '../room/quality/quality-watch.ts'
import type { ConferenceInfo, Journal, ParticipantChange, SessionInfo } from '../room/session.ts'
import type { Database } from './database.ts'
import { type AuditRecord, type Change, type Entry, EventTypes, idOf, isOver, type RecordingRecord } from './journal-entry.ts'
import { JournalFiles, type Leftover } from './journal-files.ts'
import { JournalQueue, journalLimits, type QueueLimits } from './journal-queue.ts'
import { applyEntries, isRefusal, type Origin } from './journal-rows.ts'
import { closeLost, type LostCount, type LostOptions } from './lost.ts'
import { pause } from '../lib/pause.ts'

export type JournalOptions = {
  readonly database: Database
  readonly bridgeId: string
  readonly dataDir: string
  readonly log: Logger
  readonly clock: Clock
  readonly limits?: QueueLimits
}

type OnDisk = { readonly journal: string, readonly folder: string, readonly files: JournalFiles, readonly leftovers: readonly Leftover[] }

const FIRST_RETRY_MS = 50
const LAST_RETRY_MS = 1_000
/** At the end the database gets this long; what it has not taken by then stays on disk for the next start. */
const CLOSING_MS = 3_000
const BATCH = 500
/** A transaction costs much, a change in it little: while hundreds of viewers come, their changes go together. What comes by itself does not wait. */
const TRANSACTION_EVERY_MS = 200
const TRANSACTIONS_AT_ONCE = 4
const SAID_EVERY_MS = 10_000

/**
 * Takes every change at once and brings it to the database in order, exactly once. Each change goes to a file first, which is
 * deleted when its transactions have committed. A change survives the end of this process a few milliseconds after it happened
 * (one turn of the event loop and one write; 50 ms while changes come all the time), and a power cut half a second after it, whether
 * the database is there or not.
 */
export class StoreJournal implements Journal, AsyncDisposable {
  /** Called after each transaction: there may be new events. */
  onApplied: () => void = () => {}
  readonly #database: Database
  readonly #origin: Origin
  readonly #folder: string
  readonly #queue: JournalQueue
  readonly #log: Logger
  readonly #clock: Clock
  readonly #tally: Tally
  readonly #types = new EventTypes()
  readonly #pace = new Pace(TRANSACTION_EVERY_MS, TRANSACTIONS_AT_ONCE)
  /** Everything that has not ended, as last seen. */
  readonly #live = new Map<string, Change>()
  readonly #controller = new AbortController()
  readonly #running: Promise<void>
  #idle = Promise.withResolvers<void>()
  #isCaughtUp = false
  /** Something was refused since the rows were last compared with what lives. */
  #hasHoles = false

  private constructor (options: JournalOptions, { journal, folder, files, leftovers }: OnDisk) {
    const { database, bridgeId, log, clock, limits = journalLimits } = options
    this.#database = database
    this.#origin = { journal, bridge: bridgeId }
    this.#folder = folder
    this.#log = log
    this.#clock = clock
    this.#tally = new Tally(log, clock, SAID_EVERY_MS)
    this.#queue = new JournalQueue(files, limits, clock, this.#tally)
    this.#running = this.#run(leftovers, this.#controller.signal)
  }

  static async open (options: JournalOptions): Promise<StoreJournal> {
    const journal = uuidV7()
    const folder = path.join(options.dataDir, 'journal')
    const { files, leftovers } = await JournalFiles.open(folder, { journal, bridge: options.bridgeId })
    return new StoreJournal(options, { journal, folder, files, leftovers })
  }

  /** Changes that have not reached the database. */
  get depth (): number { return this.#queue.depth }
  /** What they take on disk. */
  get bytes (): number { return this.#queue.bytes }
  /** Changes that found no room: the rows they were about are put right later, their events never happen. */
  get refused (): number { return this.#queue.refused }
  /** Whether all of earlier lives has been applied and what they left open has been closed. */
  get isCaughtUp (): boolean { return this.#isCaughtUp }

  roomChanged (info: ConferenceInfo): void { this.#accept({ of: 'conference', info }) }
  participantChanged (info: ParticipantChange): void { this.#accept({ of: 'participant', info }) }
  sessionChanged (info: SessionInfo): void { this.#accept({ of: 'session', info }) }
  /** Of a session that is over, after its last change. */
  qualityMeasured (info: QualityRecord): void { this.#accept({ of: 'quality', info }) }
  recordingChanged (info: RecordingRecord): void { this.#accept({ of: 'recording', info }) }
  auditRecorded (info: AuditRecord): void { this.#accept({ of: 'audit', info }) }

  /** Says again all that lives, without events: after others have taken this bridge for dead. */
  reassert (): void {
    this.#hasHoles = true
    this.#queue.wake()
  }

  /** Resolves when everything accepted so far would survive the end of this process. */
  written (): Promise<void> { return this.#queue.written() }

  /** Resolves when everything accepted so far is in the database. */
  async settled (): Promise<void> {
    while (this.depth > 0 || this.#hasHoles || !this.#isCaughtUp) await this.#idle.promise
  }

  async [Symbol.asyncDispose] (): Promise<void> {
    if (this.#database.isReady) await within(CLOSING_MS, this.settled())
    this.#controller.abort()
    this.#queue.wake()
    await this.#running
    await this.#queue.close()
    if (this.depth > 0) this.#log.warn({ entries: this.depth }, 'the last changes are kept on disk for the next start: the database has not taken them')
  }

  #accept (change: Change): void {
    if (isOver(change)) this.#live.delete(idOf(change))
    else this.#live.set(idOf(change), change)
    if (this.#queue.push(change, this.#types.of(change))) return
    this.#hasHoles = true
    this.#tally.count('the journal is full: a change was not kept', { bytes: this.bytes, entries: this.depth }, 'error')
  }

  async #run (leftovers: readonly Leftover[], signal: AbortSignal): Promise<void> {
    await Promise.race([this.#database.ready, new Promise(resolve => signal.addEventListener('abort', resolve, { once: true }))])
    await this.#catchUp(leftovers, signal)
    while (!signal.aborted) {
      if (this.depth > 0) {
        await this.#gather(signal)
        await this.#flush(signal)
      } else if (this.#hasHoles) await this.#repair(signal)
      else {
        this.#tellIdle()
        await this.#queue.news()
      }
    }
  }

  /** First what earlier lives had still to say, then the end of everything they left open. */
  async #catchUp (leftovers: readonly Leftover[], signal: AbortSignal): Promise<void> {
    for (const leftover of leftovers) {
      await this.#patiently(signal, () => this.#replay(leftover))
      if (signal.aborted) return
      await unlink(leftover.file)
    }
    for (const bridge of new Set([this.#origin.bridge, ...leftovers.map(leftover => leftover.bridge)])) {
      await this.#patiently(signal, async () => {
        const reason = 'the process that served it ended without notice'
        const count = await this.#closeLost(bridge, { reason, recordings: false })
        if (count.conferences > 0) this.#log.warn({ bridge, ...count }, 'what an earlier life of this bridge left open was closed as lost')
      })
    }
    if (signal.aborted) return
    this.#isCaughtUp = true
    this.onApplied()
  }

  async #replay (leftover: Leftover): Promise<void> {
    let batch: Entry[] = []
    for await (const entry of leftover.entries()) {
      batch.push(entry)
      if (batch.length < BATCH) continue
      await this.#apply(leftover, batch)
      batch = []
    }
    await this.#apply(leftover, batch)
  }

  /** Waits for more changes when many transactions follow one another: not with a full batch, nor while rows wait to be put right, which needs a queue that gets empty. */
  async #gather (signal: AbortSignal): Promise<void> {
    if (this.depth >= BATCH || this.#hasHoles) return
    const wait = this.#pace.next(this.#clock.now())
    if (wait > 0) await pause(this.#clock, wait, signal)
  }

  async #flush (signal: AbortSignal): Promise<void> {
    await this.#patiently(signal, async () => {
      const entries = await this.#queue.peek()
      const last = entries.at(-1)
      if (!last) {
        this.#log.error({ entries: this.depth }, 'the journal’s files cannot be read back')
        this.#queue.abandon()
        this.#hasHoles = true
        return
      }
      await this.#apply(this.#origin, entries)
      await this.#queue.done(last.sequence)
    })
  }

  /** One entry that the database will never take must not hold up all that follow. */
  async #apply (origin: Origin, entries: readonly Entry[]): Promise<void> {
    if (entries.length === 0) return
    try {
      await applyEntries(this.#database, origin, entries)
    } catch (error) {
      if (!isRefusal(error)) throw error
      const [only, ...others] = entries
      if (others.length > 0) for (const entry of entries) await this.#apply(origin, [entry])
      else await this.#setAside(only!, error)
    }
    this.onApplied()
  }

  async #setAside (entry: Entry, error: unknown): Promise<void> {
    const { of, sequence } = entry
    this.#log.error({ error: messageOf(error), of, sequence }, 'the database refuses a change; it is kept in refused.jsonl')
    await appendFile(path.join(this.#folder, 'refused.jsonl'), `${JSON.stringify(entry)}\n`, { mode: 0o600 })
  }

  /** After holes: what lives is said again, and rows of ours that live no more are closed. */
  async #repair (signal: AbortSignal): Promise<void> {
    this.#hasHoles = false
    for (const [id, change] of this.#live) {
      // More may live than the queue holds; and what we look at may end while we wait.
      while (this.#live.get(id) === change && !this.#queue.push(change, undefined) && !signal.aborted) {
        if (this.depth > 0) await this.#flush(signal)
        await this.#queue.tidy()
      }
    }
    const options = { reason: 'its end was not recorded', except: new Set(this.#live.keys()), recordings: false }
    await this.#patiently(signal, () => this.#closeLost(this.#origin.bridge, options))
  }

  #closeLost (bridge: string, options: LostOptions): Promise<LostCount> {
    return this.#database.db.transaction().execute(transaction => closeLost(transaction, bridge, options))
  }

  async #patiently (signal: AbortSignal, work: () => Promise<unknown>): Promise<void> {
    for (let wait = FIRST_RETRY_MS; !signal.aborted; wait = Math.min(wait * 2, LAST_RETRY_MS)) {
      try {
        await work()
        return
      } catch (error) {
        this.#tally.count('changes wait for the database', { error: messageOf(error), entries: this.depth })
      }
      await pause(this.#clock, wait, signal)
    }
  }

  #tellIdle (): void {
    this.#idle.resolve()
    this.#idle = Promise.withResolvers()
  }
}
