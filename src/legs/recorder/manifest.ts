import { readFileSync } from 'node:fs'
import { open, rename } from 'node:fs/promises'
import path from 'node:path'
import { messageOf } from '../../lib/errors.ts'
import type { Logger } from '../../lib/log.ts'
import { type RecordingInfo, recordingStates } from './info.ts'
import type { Owner } from './owner.ts'

const FILE_NAME = 'recording.json'
const VERSION = 1
const MAX_BYTES = 4 << 20

export type Manifest = { readonly owner: Owner, readonly info: RecordingInfo }

/** What is known of one recording, beside its files, so that the folder says everything by itself. */
export class ManifestFile {
  readonly #folder: string
  readonly #owner: Owner
  readonly #log: Logger
  #wanted: RecordingInfo | undefined
  #busy = false
  #saved: Promise<void> = Promise.resolve()

  constructor (folder: string, owner: Owner, log: Logger) {
    this.#folder = folder
    this.#owner = owner
    this.#log = log
  }

  /** Does not wait: what is saved last is what is found later. */
  save (info: RecordingInfo): void {
    this.#wanted = info
    if (!this.#busy) this.#saved = this.#saveAll()
  }

  /** Until everything is on the disk. */
  async settled (): Promise<void> { await this.#saved }

  async #saveAll (): Promise<void> {
    this.#busy = true
    for (let info = this.#wanted; info; info = this.#wanted) {
      this.#wanted = undefined
      try {
        await this.#replace(`${JSON.stringify({ version: VERSION, owner: this.#owner, info }, undefined, 2)}\n`)
      } catch (error) {
        this.#log.error({ error: messageOf(error), recording: info.id }, 'the manifest of a recording cannot be written')
      }
    }
    this.#busy = false
  }

  /** Under another name first: at any time there is a whole manifest, the old one or the new one. */
  async #replace (text: string): Promise<void> {
    const file = path.join(this.#folder, FILE_NAME)
    {
      await using handle = await open(`${file}.new`, 'w', 0o600)
      await handle.writeFile(text)
      await handle.datasync()
    }
    await rename(`${file}.new`, file)
  }
}

/** @returns 'missing' if there is none, 'damaged' if it cannot be understood: we never leave half of one */
export function readManifest (folder: string, id: string): Manifest | 'missing' | 'damaged' {
  try {
    const text = readFileSync(path.join(folder, FILE_NAME), 'utf8')
    if (text.length > MAX_BYTES) return 'damaged'
    const { version, owner, info } = JSON.parse(text) as Manifest & { version: number }
    const understood = version === VERSION && info.id === id && recordingStates.includes(info.state) && Array.isArray(info.parts) && Array.isArray(info.gaps) && typeof owner.instance === 'string'
    return understood ? { owner, info: withDates(info) } : 'damaged'
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'missing' : 'damaged'
  }
}

/** JSON has no dates, and leaves out what is undefined. */
const withDates = (info: RecordingInfo): RecordingInfo =>
  ({ ...info, participant: info.participant, name: info.name, errorCode: info.errorCode, createdAt: new Date(info.createdAt), startedAt: dateOr(info.startedAt), endedAt: dateOr(info.endedAt) })

const dateOr = (value: Date | undefined): Date | undefined => value === undefined ? undefined : new Date(value)
