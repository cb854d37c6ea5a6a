import { statfs } from 'node:fs/promises'
import type { Clock } from '../../lib/clock.ts'
import { AppError, messageOf } from '../../lib/errors.ts'
import type { Logger } from '../../lib/log.ts'
import type { RecorderSettings } from './settings.ts'

const LOOK_EVERY_MS = 1000

/** How much room the disk under the recordings has left: looked at before one begins, and each second while there are any. */
export class DiskSpace {
  readonly #folder: string
  readonly #limits: Pick<RecorderSettings, 'minFreeBytes' | 'minFreeShare'>
  readonly #clock: Clock
  readonly #log: Logger
  readonly #watchers = new Set<() => void>()
  #timer: Disposable | undefined
  #looking = false

  constructor (folder: string, limits: Pick<RecorderSettings, 'minFreeBytes' | 'minFreeShare'>, clock: Clock, log: Logger) {
    this.#folder = folder
    this.#limits = limits
    this.#clock = clock
    this.#log = log
  }

  /** @throws AppError `disk_full` */
  async require (): Promise<void> {
    const { free, floor } = await this.#look()
    if (free < floor) throw new AppError('disk_full', `${inMiB(free)} MiB are free, recordings need ${inMiB(floor)} MiB: delete some, or lower the setting`)
  }

  /** Calls `onLow` once the disk has too little left. */
  watch (onLow: () => void): Disposable {
    this.#watchers.add(onLow)
    this.#timer ??= this.#clock.every(LOOK_EVERY_MS, () => { void this.#tick() })
    return { [Symbol.dispose]: () => { this.#unwatch(onLow) } }
  }

  #unwatch (onLow: () => void): void {
    this.#watchers.delete(onLow)
    if (this.#watchers.size > 0) return
    this.#timer?.[Symbol.dispose]()
    this.#timer = undefined
  }

  async #tick (): Promise<void> {
    if (this.#looking) return // A disk that takes more than a second to answer is asked once.
    this.#looking = true
    try {
      const { free, floor } = await this.#look()
      if (free < floor) for (const onLow of this.#watchers) onLow()
    } catch (error) {
      this.#log.warn({ error: messageOf(error) }, 'the free disk space cannot be read')
    } finally {
      this.#looking = false
    }
  }

  #look (): Promise<Space> { return spaceIn(this.#folder, this.#limits) }
}

/** Bytes that are free, and that must be for a recording to begin. */
type Space = { readonly free: number, readonly floor: number }

export async function spaceIn (folder: string, { minFreeBytes, minFreeShare }: Pick<RecorderSettings, 'minFreeBytes' | 'minFreeShare'>): Promise<Space> {
  const { bavail, blocks, bsize } = await statfs(folder)
  return { free: bavail * bsize, floor: Math.min(minFreeBytes, blocks * bsize * minFreeShare) }
}

const inMiB = (bytes: number): number => Math.floor(bytes / (1 << 20))
