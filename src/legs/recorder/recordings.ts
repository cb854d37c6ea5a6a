import { mkdir, realpath, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { within } from '../../lib/abort.ts'
import type { Clock } from '../../lib/clock.ts'
import { AppError } from '../../lib/errors.ts'
import { newId } from '../../lib/ids.ts'
import type { Logger } from '../../lib/log.ts'
import type { Leg } from '../../room/leg.ts'
import type { Transcode } from '../../room/track.ts'
import { DiskSpace } from './disk-space.ts'
import { isFinal, type RecordingInfo, type RecordingState } from './info.ts'
import { RecorderLeg } from './leg.ts'
import { ManifestFile } from './manifest.ts'
import { Flusher } from './movie-file.ts'
import { Recording, type RecordingStore } from './recording.ts'
import type { RecorderSettings } from './settings.ts'
import { Shelf } from './shelf.ts'

/** What `stop` waits for the file to be finished; it is finished later all the same. */
const STOP_WAIT_MS = 15_000

/** Lets the recorder into a room; the bridge does. */
export interface Admission {
  admit (leg: Leg, request: { readonly room: string, readonly externalId: string }): Promise<AdmittedSession>
}
export interface AdmittedSession {
  readonly done: Promise<void>
  close (reason: string): Promise<void>
}

export type RecordingRequest = { readonly room: string, readonly participant?: string | undefined, readonly name?: string | undefined }
export type RecordingQuery = { readonly limit: number, readonly after?: string | undefined, readonly room?: string | undefined, readonly state?: RecordingState | undefined }
/** A file as it is on the disk now; the tag changes whenever the bytes do. */
export type RecordingFile = { readonly path: string, readonly size: number, readonly etag: string }

export type RecordingsParts = {
  readonly bridge: Admission
  readonly store: RecordingStore
  readonly log: Logger
  readonly clock: Clock
  readonly transcode?: Transcode
}

type Running = { readonly recording: Recording, readonly session: AdmittedSession }

/** The recordings of one data folder: those being made, those finished, and those that a process left behind when it died. */
export class Recordings implements AsyncDisposable {
  readonly #root: string
  readonly #settings: RecorderSettings
  readonly #parts: RecordingsParts
  readonly #disk: DiskSpace
  readonly #flusher = new Flusher()
  readonly #shelf: Shelf
  readonly #running = new Map<string, Running>()
  #closed = false

  private constructor (root: string, settings: RecorderSettings, parts: RecordingsParts, shelf: Shelf) {
    this.#root = root
    this.#settings = settings
    this.#parts = parts
    this.#shelf = shelf
    this.#disk = new DiskSpace(root, settings, parts.clock, parts.log)
  }

  /**
   * Reads what is in the folder, and begins to finish what was left behind. That goes on in the background: until it is
   * finished, such a recording is listed as `stopping`.
   * @param folder made if it is not there; readable by the owner alone
   */
  static async open ({ folder, settings }: { folder: string, settings: RecorderSettings }, parts: RecordingsParts): Promise<Recordings> {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const root = await realpath(folder)
    return new Recordings(root, settings, parts, await Shelf.open(root, { ...parts, fragmentMs: settings.fragmentMs }))
  }

  /** Resolves when all that was left behind, and whose process is known to be gone, is finished. */
  get recovered (): Promise<void> { return this.#shelf.recovered }

  /**
   * Begins to record, also before there is anybody to record.
   * @throws AppError `disk_full`, or whatever the bridge says
   */
  async start ({ room, participant, name }: RecordingRequest): Promise<RecordingInfo> {
    if (this.#closed) throw new AppError('draining')
    await this.#disk.require()
    const { bridge, clock, transcode } = this.#parts
    const recording = await this.#create(room, participant, name)
    const { id } = recording
    const leg = new RecorderLeg({ recording, participant, settings: this.#settings, flusher: this.#flusher, disk: this.#disk, clock, transcode })
    try {
      const session = await bridge.admit(leg, { room, externalId: id })
      this.#running.set(id, { recording, session })
      void session.done.then(() => this.#ended(recording))
    } catch (error) {
      await rm(recording.folder, { recursive: true })
      throw error
    }
    recording.save()
    return recording.info()
  }

  /**
   * Ends a recording now: everything received until now is in the file. Returns when that is finished, or after 15 s, while it
   * is still `stopping`. One that has ended stays as it is.
   */
  async stop (id: string, reason = 'stopped'): Promise<RecordingInfo | undefined> {
    const running = this.#running.get(id)
    if (running) await within(STOP_WAIT_MS, running.session.close(reason))
    return this.get(id)
  }

  get (id: string): RecordingInfo | undefined { return this.#running.get(id)?.recording.info() ?? this.#shelf.get(id) }

  /** Newest first, at most `limit` of them, older than the one named by `after`. */
  list ({ limit, after, room, state }: RecordingQuery): RecordingInfo[] {
    const found: RecordingInfo[] = []
    const running = [...this.#running.keys()].sort().reverse().filter(id => after === undefined || id < after)
    const shelved = this.#shelf.newestFirst(after)
    let next = shelved.next()
    while (found.length < limit && (running.length > 0 || !next.done)) {
      const fromRunning = next.done || (running.length > 0 && running[0]! > next.value!.id)
      const info = fromRunning ? this.get(running.shift()!)! : next.value!
      if (!fromRunning) next = shelved.next()
      if ((room === undefined || info.room === room) && (state === undefined || info.state === state)) found.push(info)
    }
    return found
  }

  /**
   * One of a recording's files, also while it grows.
   * @param part from 1
   */
  async file (id: string, part = 1): Promise<RecordingFile | undefined> {
    const name = this.get(id)?.parts.find(({ index }) => index === part)?.file
    if (name === undefined) return undefined
    try {
      const file = await realpath(path.join(this.#root, id, name))
      const { size, mtimeMs, ino } = await stat(file)
      return path.dirname(file) === path.join(this.#root, id) ? { path: file, size, etag: `${ino.toString(36)}-${size.toString(36)}-${Math.round(mtimeMs).toString(36)}` } : undefined
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    }
  }

  /** Deletes a recording and its files. @returns false when there is none. @throws AppError `conflict` while it is not finished */
  async delete (id: string): Promise<boolean> {
    const info = this.get(id)
    if (!info) return false
    if (!isFinal(info)) throw new AppError('conflict', 'a recording can be deleted when it has ended: stop it first')
    this.#shelf.take(id)
    await rm(path.join(this.#root, id), { recursive: true, force: true })
    this.#parts.store.delete(id)
    return true
  }

  /** Ends all that run, and waits for the files. */
  async [Symbol.asyncDispose] (): Promise<void> {
    this.#closed = true
    await Promise.all([...this.#running.values()].map(({ session }) => session.close('shutdown')))
    await this.#shelf[Symbol.asyncDispose]()
  }

  async #create (room: string, participant: string | undefined, name: string | undefined): Promise<Recording> {
    const { clock, store, log } = this.#parts
    const id = newId('recording')
    const folder = path.join(this.#root, id)
    await mkdir(folder, { mode: 0o700 })
    const info: RecordingInfo = {
      id, room, participant, name, state: 'starting', partial: false, gaps: [], createdAt: new Date(clock.wall()), startedAt: undefined, endedAt: undefined,
      durationMs: 0, sizeBytes: 0, parts: [], reason: '', errorCode: undefined
    }
    const manifest = new ManifestFile(folder, this.#shelf.owner, log)
    manifest.save(info)
    await manifest.settled() // Before there is a file: whoever finds one knows whose it is.
    return new Recording(info, folder, { manifest, store, clock })
  }

  /** Keeps what there is to know of it, and lets go of the rest. */
  #ended (recording: Recording): void {
    this.#shelf.put(recording.info())
    this.#running.delete(recording.id)
  }
}
