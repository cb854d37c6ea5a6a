import { createReadStream } from 'node:fs'
import { type FileHandle, mkdir, open, readdir, rename, stat, unlink } from 'node:fs/promises'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { type Entry, parseEntry } from './journal-entry.ts'

const SEGMENT_BYTES = 4 * 1024 * 1024
/** `00000012-0199….jsonl`: sorted by name they are in order, over all lives. */
const SEGMENT_NAME = /^(\d{8})-([0-9a-f-]{36})\.jsonl$/

/** What the first line of a segment says. */
type Header = { readonly journal: string, readonly bridge: string }

/** A file of an earlier life that has not been applied to its end. */
export type Leftover = Header & { readonly file: string, entries (): AsyncIterable<Entry> }

type Segment = { readonly file: string, bytes: number, last: number }

/**
 * The journal on disk: one JSON object a line, in files of a few megabytes, deleted when everything in them has reached the
 * database. A line is in the kernel's hands when append() resolves: it survives the end of the process, and the end of the
 * machine after sync().
 */
export class JournalFiles {
  readonly #folder: string
  readonly #header: Header
  #number: number
  #segments: Segment[] = []
  #handle: FileHandle | undefined
  #isDirty = false

  private constructor (folder: string, header: Header, number: number) {
    this.#folder = folder
    this.#header = header
    this.#number = number
  }

  /** @returns the files of this life, to be written, and those of earlier ones, to be applied first. */
  static async open (folder: string, header: Header): Promise<{ files: JournalFiles, leftovers: Leftover[] }> {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const names = (await readdir(folder)).filter(name => SEGMENT_NAME.test(name)).sort()
    const found = await Promise.all(names.map(name => readLeftover(path.join(folder, name))))
    const last = Number(names.at(-1)?.slice(0, 8) ?? 0)
    return { files: new JournalFiles(folder, header, last), leftovers: found.filter(leftover => leftover !== undefined) }
  }

  get bytes (): number { return this.#segments.reduce((sum, segment) => sum + segment.bytes, 0) }

  /** @param last the sequence number of the last of these lines */
  async append (lines: readonly string[], last: number): Promise<void> {
    const segment = await this.#segment()
    const bytes = Buffer.from(lines.join('\n') + '\n')
    // The position is given, so that half a batch left by a full disk is written over by the next try.
    for (let done = 0; done < bytes.length;) {
      const { bytesWritten } = await this.#handle!.write(bytes, done, bytes.length - done, segment.bytes + done)
      done += bytesWritten
    }
    segment.bytes += bytes.length
    segment.last = last
    this.#isDirty = true
  }

  async sync (): Promise<void> {
    if (!this.#isDirty) return
    this.#isDirty = false
    await this.#handle?.datasync()
  }

  /** Entries after the given one, as many as one file holds; empty if there are none. */
  async read (after: number): Promise<Entry[]> {
    const segment = this.#segments.find(s => s.last > after)
    if (!segment) return []
    const entries: Entry[] = []
    for await (const entry of entriesOf(segment.file)) if (entry.sequence > after && entry.sequence <= segment.last) entries.push(entry)
    return entries
  }

  /** Deletes the files in which everything has been applied; the one being written only if `all`. */
  async release (applied: number, all = false): Promise<void> {
    const kept = all ? 0 : 1
    while (this.#segments.length > kept && this.#segments[0]!.last <= applied) {
      const { file } = this.#segments.shift()!
      if (this.#segments.length === 0) await this.#close()
      await unlink(file)
    }
  }

  async close (): Promise<void> { await this.#close() }

  async #segment (): Promise<Segment> {
    const current = this.#segments.at(-1)
    if (current && this.#handle && current.bytes < SEGMENT_BYTES) return current
    await this.sync()
    await this.#close()
    const file = path.join(this.#folder, `${String(++this.#number).padStart(8, '0')}-${this.#header.journal}.jsonl`)
    this.#handle = await open(file, 'w', 0o600)
    const header = `${JSON.stringify(this.#header)}\n`
    await this.#handle.write(header, 0)
    const segment = { file, bytes: Buffer.byteLength(header), last: 0 }
    this.#segments.push(segment)
    return segment
  }

  async #close (): Promise<void> {
    const handle = this.#handle
    this.#handle = undefined
    await handle?.close()
  }
}

/** A file without a readable first line was cut short before it held anything; it is set aside, not deleted. */
async function readLeftover (file: string): Promise<Leftover | undefined> {
  for await (const line of linesOf(file)) {
    try {
      const { journal, bridge } = JSON.parse(line) as Header
      if (typeof journal === 'string' && typeof bridge === 'string') return { journal, bridge, file, entries: () => entriesOf(file) }
    } catch { /* Not a header: set aside below. */ }
    break
  }
  if ((await stat(file)).size === 0) await unlink(file)
  else await rename(file, `${file}.unreadable`)
  return undefined
}

/** What does not go on counting is left over from a batch that a full disk cut short. */
async function * entriesOf (file: string): AsyncGenerator<Entry> {
  let last = 0
  for await (const line of linesOf(file)) {
    const entry = parseEntry(line)
    if (!entry || entry.sequence <= last) continue
    last = entry.sequence
    yield entry
  }
}

const linesOf = (file: string): AsyncIterable<string> => createInterface({ input: createReadStream(file), crlfDelay: Infinity })
