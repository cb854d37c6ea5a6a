import type { Clock } from '../../lib/clock.ts'
import type { ErrorCode } from '../../lib/errors.ts'
import { durationOf, type Gap, isFinal, type PartInfo, type RecordingInfo, sizeOf } from './info.ts'
import type { ManifestFile } from './manifest.ts'

/** More gaps than these are told as one long one. */
const MAX_GAPS = 1000
/** Gaps and sizes are written down at most so often; changes of state at once. */
const SAVE_EVERY_MS = 5000

/** Where what is known of recordings is kept, besides their folders. Neither may wait nor throw. */
export interface RecordingStore {
  save (info: RecordingInfo): void
  delete (id: string): void
}

export type Outcome = {
  readonly state: 'completed' | 'failed'
  readonly reason: string
  readonly errorCode?: ErrorCode | undefined
  readonly partial?: boolean
}

/** What is known of one recording while it is being made: in memory, in its manifest, in the store. */
export class Recording {
  readonly folder: string
  /** Set by whoever writes the files: as they are now. */
  parts: () => readonly PartInfo[] = () => this.#info.parts
  readonly #manifest: ManifestFile
  readonly #store: RecordingStore
  readonly #clock: Clock
  #info: RecordingInfo
  #changed = false
  #savedAt = -Infinity

  constructor (info: RecordingInfo, folder: string, { manifest, store, clock }: { manifest: ManifestFile, store: RecordingStore, clock: Clock }) {
    this.folder = folder
    this.#info = info
    this.#manifest = manifest
    this.#store = store
    this.#clock = clock
  }

  get id (): string { return this.#info.id }
  get ended (): boolean { return isFinal(this.#info) }

  info (): RecordingInfo {
    if (this.ended) return this.#info
    const parts = [...this.parts()]
    return { ...this.#info, parts, durationMs: durationOf(parts), sizeBytes: sizeOf(parts) }
  }

  found (participant: string): void { this.#change({ participant }) }
  begin (startedAt: Date): void { this.#change({ state: 'active', startedAt }) }
  stopping (reason: string): void { this.#change({ state: 'stopping', reason }) }

  gap (gap: Gap): void {
    const { gaps } = this.#info
    const last = gaps.at(-1)
    const more = gaps.length < MAX_GAPS || !last ? [...gaps, gap] : [...gaps.slice(0, -1), { ...last, toMs: gap.toMs }]
    this.#info = { ...this.#info, gaps: more }
    this.#changed = true
  }

  /** Called once in a while: writes down what has changed since. */
  tick (): void { if (this.#changed && this.#clock.now() - this.#savedAt >= SAVE_EVERY_MS) this.save() }

  /** The last word; waits until it is on the disk. */
  async end ({ state, reason, errorCode, partial = false }: Outcome): Promise<void> {
    const parts = [...this.parts()]
    this.#change({ state, reason, errorCode, partial, parts, durationMs: durationOf(parts), sizeBytes: sizeOf(parts), endedAt: new Date(this.#clock.wall()) })
    await this.#manifest.settled()
  }

  /** Writes everything down as it is now. */
  save (): void {
    this.#changed = false
    this.#savedAt = this.#clock.now()
    const info = this.info()
    this.#manifest.save(info)
    this.#store.save(info)
  }

  #change (change: Partial<RecordingInfo>): void {
    this.#info = { ...this.#info, ...change }
    this.save()
  }
}
