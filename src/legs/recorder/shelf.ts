import { readdir, stat } from 'node:fs/promises'
import path from 'node:path'
import { setImmediate as breathe } from 'node:timers/promises'
import type { Clock } from '../../lib/clock.ts'
import { messageOf } from '../../lib/errors.ts'
import type { Logger } from '../../lib/log.ts'
import { isFinal, type RecordingInfo } from './info.ts'
import { type Manifest, ManifestFile, readManifest } from './manifest.ts'
import { type Owner, OwnerMark } from './owner.ts'
import type { RecordingStore } from './recording.ts'
import { recover } from './recovery.ts'

const RECORDING_ID = /^rec_[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
/** Manifests read before others get a turn. */
const READ_AT_ONCE = 100
/** Recordings of a process that may still be alive are looked at again. */
const LOOK_AGAIN_MS = 5000
/** A folder without a manifest is one that is just being made, or, when it is older, one that lost it. */
const YOUNG_MS = 60_000

type ShelfParts = { readonly store: RecordingStore, readonly log: Logger, readonly clock: Clock, readonly fragmentMs: number }

/** The recordings that nobody is making in this process: finished ones, and those left behind, which it finishes. */
export class Shelf implements AsyncDisposable {
  readonly #root: string
  readonly #parts: ShelfParts
  readonly #mark: OwnerMark
  readonly #infos = new Map<string, RecordingInfo>()
  /** All ids, ascending: in the order of their births. */
  readonly #ids: string[] = []
  /** Not final, and not ours: by the owner each manifest names; undefined where it names none. */
  readonly #leftBehind = new Map<string, Owner | undefined>()
  #recovered: Promise<void> = Promise.resolve()
  #lookAgain: Disposable | undefined
  #closed = false

  private constructor (root: string, parts: ShelfParts, mark: OwnerMark) {
    this.#root = root
    this.#parts = parts
    this.#mark = mark
  }

  static async open (root: string, parts: ShelfParts): Promise<Shelf> {
    const shelf = new Shelf(root, parts, await OwnerMark.leave(root, parts.clock))
    await shelf.#read()
    shelf.#recovered = shelf.#recoverAll()
    return shelf
  }

  get owner (): Owner { return this.#mark.owner }
  get recovered (): Promise<void> { return this.#recovered }
  get (id: string): RecordingInfo | undefined { return this.#infos.get(id) }

  put (info: RecordingInfo): void {
    if (!this.#infos.has(info.id)) {
      let at = this.#ids.length
      while (at > 0 && this.#ids[at - 1]! > info.id) at--
      this.#ids.splice(at, 0, info.id)
    }
    this.#infos.set(info.id, info)
  }

  take (id: string): void {
    if (!this.#infos.delete(id)) return
    this.#ids.splice(this.#ids.indexOf(id), 1)
  }

  * newestFirst (after: string | undefined): Generator<RecordingInfo, undefined> {
    for (let at = this.#ids.length - 1; at >= 0; at--) {
      const id = this.#ids[at]!
      if (after === undefined || id < after) yield this.#infos.get(id)!
    }
  }

  async [Symbol.asyncDispose] (): Promise<void> {
    this.#closed = true
    this.#lookAgain?.[Symbol.dispose]()
    await this.#recovered
    await this.#mark[Symbol.asyncDispose]()
  }

  async #read (): Promise<void> {
    const ids = (await readdir(this.#root)).filter(name => RECORDING_ID.test(name)).sort()
    for (const [index, id] of ids.entries()) {
      if (index % READ_AT_ONCE === READ_AT_ONCE - 1) await breathe()
      const manifest = readManifest(this.#folderOf(id), id)
      if (manifest !== 'missing') this.#shelve(id, manifest === 'damaged' ? undefined : manifest)
      else if (!await this.#isYoung(id)) this.#shelve(id, undefined)
    }
  }

  #shelve (id: string, manifest: Manifest | undefined): void {
    const info = manifest?.info ?? unknown(id)
    this.put(info)
    if (!isFinal(info)) this.#leftBehind.set(id, manifest?.owner)
  }

  async #isYoung (id: string): Promise<boolean> { return this.#parts.clock.wall() - (await stat(this.#folderOf(id))).mtimeMs < YOUNG_MS }

  /** One after the other: whoever is live has the disk first. */
  async #recoverAll (): Promise<void> {
    const gone = new Map<string, Owner>()
    for (const [id, owner] of this.#leftBehind) {
      if (this.#closed) return
      if (owner && !await this.#mark.isGone(owner)) {
        this.#refresh(id)
        continue
      }
      this.#leftBehind.delete(id)
      if (owner) gone.set(owner.instance, owner)
      await this.#recover(id, owner)
    }
    for (const owner of gone.values()) await this.#mark.forget(owner)
    if (this.#leftBehind.size > 0 && !this.#closed) {
      this.#lookAgain = this.#parts.clock.after(LOOK_AGAIN_MS, () => { this.#recovered = this.#recoverAll() })
    }
  }

  /** Its owner lives, and may have finished it since. */
  #refresh (id: string): void {
    const manifest = readManifest(this.#folderOf(id), id)
    if (manifest === 'missing' || manifest === 'damaged') return
    this.put(manifest.info)
    if (isFinal(manifest.info)) this.#leftBehind.delete(id)
  }

  async #recover (id: string, owner: Owner | undefined): Promise<void> {
    const { store, log, clock, fragmentMs } = this.#parts
    const manifest = new ManifestFile(this.#folderOf(id), this.#mark.owner, log)
    const left = this.get(id)!
    const keep = (info: RecordingInfo): void => {
      this.put(info)
      manifest.save(info)
      store.save(info)
    }
    keep({ ...left, state: 'stopping' }) // Under our name: if we go the same way, the next one begins anew.
    const begunAt = clock.now()
    try {
      const info = await recover(left, this.#folderOf(id), { lastSeenMs: owner && await this.#mark.lastSeen(owner), fragmentMs })
      keep(info)
      log.info({ recording: id, durationMs: info.durationMs, sizeBytes: info.sizeBytes, tookMs: Math.round(clock.now() - begunAt) }, 'a recording that was left behind is finished')
    } catch (error) {
      keep({ ...left, state: 'failed', partial: true, errorCode: 'internal', endedAt: new Date(clock.wall()), reason: `its files cannot be read: ${messageOf(error)}` })
      log.error({ recording: id, error: messageOf(error) }, 'a recording that was left behind cannot be finished')
    }
    await manifest.settled()
  }

  #folderOf (id: string): string { return path.join(this.#root, id) }
}

/** A folder whose manifest is lost. Its id still says when it was made (RFC 9562 section 5.7). */
function unknown (id: string): RecordingInfo {
  const createdAt = new Date(parseInt(id.slice(4, 12) + id.slice(13, 17), 16))
  return {
    id, createdAt, room: '', participant: undefined, name: undefined, state: 'stopping', partial: true, gaps: [], startedAt: undefined, endedAt: undefined,
    durationMs: 0, sizeBytes: 0, parts: [], reason: '', errorCode: undefined
  }
}
