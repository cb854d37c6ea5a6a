import { readFileSync, readlinkSync } from 'node:fs'
import { rm, stat, utimes, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import path from 'node:path'
import type { Clock } from '../../lib/clock.ts'
import { uuidV7 } from '../../lib/ids.ts'

/** A process that records, written into each of its recordings: only when it is gone may another finish them. */
export type Owner = {
  readonly instance: string
  readonly pid: number
  /** When the process began, so that another one with the same pid later is not taken for it. */
  readonly birth: string
  /** Where the pid means something: one boot of one machine, or one container. */
  readonly world: string
}

const MARK_PREFIX = '.owner-'
const HEARTBEAT_MS = 2000
/** Whoever has not touched its mark for so long, and cannot be looked up, is gone. */
const SILENT_MS = 10_000

/** This process as an owner: a mark in the folder that is touched as long as it lives. */
export class OwnerMark implements AsyncDisposable {
  readonly owner: Owner
  readonly #folder: string
  readonly #clock: Clock
  readonly #heartbeat: Disposable

  private constructor (folder: string, owner: Owner, clock: Clock) {
    this.owner = owner
    this.#folder = folder
    this.#clock = clock
    const mark = this.#markOf(owner)
    this.#heartbeat = clock.every(HEARTBEAT_MS, () => { const now = clock.wall() / 1000; utimes(mark, now, now).catch(() => {}) })
  }

  static async leave (folder: string, clock: Clock): Promise<OwnerMark> {
    const owner = { instance: uuidV7(), pid: process.pid, birth: birthOf(process.pid), world: world() }
    const mark = new OwnerMark(folder, owner, clock)
    await writeFile(mark.#markOf(owner), JSON.stringify(owner), { mode: 0o600, flag: 'wx' })
    return mark
  }

  async isGone (other: Owner): Promise<boolean> {
    if (other.instance === this.owner.instance) return false
    if (other.world === this.owner.world) return !isAlive(other)
    const seen = await this.lastSeen(other)
    return seen === undefined || this.#clock.wall() - seen > SILENT_MS
  }

  /** When it touched its mark last, in ms since 1970; undefined if it left in good order. */
  async lastSeen (other: Owner): Promise<number | undefined> {
    return await stat(this.#markOf(other)).then(({ mtimeMs }) => mtimeMs, () => undefined)
  }

  /** Removes the mark of somebody who is gone and has nothing left to finish. */
  async forget (other: Owner): Promise<void> { await rm(this.#markOf(other), { force: true }) }

  async [Symbol.asyncDispose] (): Promise<void> {
    this.#heartbeat[Symbol.dispose]()
    await this.forget(this.owner)
  }

  #markOf ({ instance }: Owner): string { return path.join(this.#folder, `${MARK_PREFIX}${instance.replaceAll(/[^0-9a-f-]/g, '')}`) }
}

function isAlive ({ pid, birth }: Owner): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
  }
  return birthOf(pid) === birth
}

/** Start time in clock ticks since boot: proc(5), field 22 of stat; the name before it may hold spaces. */
function birthOf (pid: number): string {
  const stat = readOr(() => readFileSync(`/proc/${pid}/stat`, 'utf8'))
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[22 - 3] ?? ''
}

const world = (): string => [
  readOr(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()) || hostname(),
  readOr(() => readlinkSync('/proc/self/ns/pid'))
].join(' ')

/** Empty where there is no /proc: then the pid has to do. */
function readOr (read: () => string): string {
  try {
    return read()
  } catch {
    return ''
  }
}
