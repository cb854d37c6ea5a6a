import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import path from 'node:path'
import type { Clock } from '../../lib/clock.ts'
import { AppError, messageOf, ProtocolError } from '../../lib/errors.ts'
import { BoundedQueue } from '../../lib/queue.ts'
import { type Ending, printEnding } from '../../media/mp4/ending.ts'
import type { MovieTrack } from '../../media/mp4/movie.ts'
import type { Fragment } from '../../media/mp4/movie-writer.ts'
import { type ByteSource, scan } from '../../media/mp4/scan.ts'

/** What a power failure can cost: whatever was written longer ago is on the disk, not only in the kernel's memory. */
const FLUSH_EVERY_MS = 4000
/** Bytes waiting for a disk that does not keep up: 100 s of 2.5 Mbit/s. */
const MAX_QUEUED_BYTES = 32 << 20
const MAX_QUEUED_FRAGMENTS = 1024
/** Where a name already stands, or a link, somebody else is at work. */
const CREATE_FLAGS = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
const OWNER_ONLY = 0o600

/** Flushes one file at a time: twenty recordings that flush at once would hold every thread that writes. */
export class Flusher {
  #tail: Promise<unknown> = Promise.resolve()

  flush (handle: FileHandle): Promise<void> {
    const flushed = this.#tail.then(() => handle.datasync())
    this.#tail = flushed.catch(() => {})
    return flushed
  }
}

export type MovieFileOptions = {
  readonly flusher: Flusher
  readonly clock: Clock
  /** Called once: the disk refuses. What was written until then is whole. */
  readonly onFailure: (error: AppError) => void
}

/** A file that grows by whole fragments: one write at a time, in order, never waited for by whoever has the media. */
export class MovieFile {
  readonly #options: MovieFileOptions
  readonly #opened: Promise<FileHandle>
  readonly #queue = new BoundedQueue<Fragment>(MAX_QUEUED_FRAGMENTS + 1) // The last one of all is not asked whether there is room.
  #queuedBytes = 0
  /** One write is in flight, and the queue is being emptied; `written` resolves when it is. */
  #busy = false
  #written: Promise<void> = Promise.resolve()
  #flushing: Promise<void> | undefined
  #flushedAt: number
  /** Bytes on the way to the disk, of whole fragments. */
  #size = 0
  #dirty = false
  #failure: AppError | undefined

  constructor (file: string, options: MovieFileOptions) {
    this.#options = options
    this.#flushedAt = options.clock.now()
    this.#opened = create(file)
    this.#opened.catch(error => this.#fail(error))
  }

  get size (): number { return this.#size }
  get queuedBytes (): number { return this.#queuedBytes }
  /** The disk does not keep up: the next fragment would be one too many. */
  get full (): boolean { return this.#queuedBytes >= MAX_QUEUED_BYTES || this.#queue.length >= MAX_QUEUED_FRAGMENTS }
  /** It has caught up. */
  get relaxed (): boolean { return this.#queuedBytes < MAX_QUEUED_BYTES / 2 }

  /** Ask `full` before. */
  append (fragment: Fragment): void {
    if (this.#failure || !this.#queue.push(fragment)) return
    this.#queuedBytes += fragment.bytes
    if (!this.#busy) this.#written = this.#writeQueue()
  }

  /** Flushes what has waited long enough. Called once in a while, also when nothing is written. */
  tick (): void {
    if (!this.#dirty || this.#flushing || this.#failure || this.#options.clock.now() - this.#flushedAt < FLUSH_EVERY_MS) return
    this.#flushing = this.#flush().catch(error => this.#fail(error)).finally(() => { this.#flushing = undefined })
  }

  /**
   * Waits for what is on its way and makes a plain MP4 of it. A file that the disk refused to take whole is cut back to its
   * last whole fragment first; if the disk has no room for the movie box either, it stays a file of fragments, and plays.
   * @returns undefined if there is nothing in it
   */
  async finish (ending: () => Ending): Promise<{ sizeBytes: number, durationMs: number } | undefined> {
    await this.#written
    await this.#flushing
    await using handle = await this.#opened
    if (this.#size === 0) return undefined
    const last = this.#failure ? undefined : ending()
    return last ? { sizeBytes: await finishFile(handle, this.#size, last), durationMs: last.durationMs } : await rescue(handle)
  }

  async #writeQueue (): Promise<void> {
    this.#busy = true
    try {
      const handle = await this.#opened
      for (let fragment = this.#queue.shift(); fragment; fragment = this.#queue.shift()) {
        await writeAll(handle, fragment.buffers, fragment.bytes, this.#size)
        this.#size += fragment.bytes
        this.#queuedBytes -= fragment.bytes
        this.#dirty = true
        fragment.release()
        this.tick()
      }
    } catch (error) {
      this.#fail(error)
    } finally {
      this.#busy = false // In the same breath in which the queue was found empty: nothing can be appended in between.
    }
  }

  async #flush (): Promise<void> {
    this.#flushedAt = this.#options.clock.now()
    this.#dirty = false
    await this.#options.flusher.flush(await this.#opened)
  }

  #fail (error: unknown): void {
    if (this.#failure) return
    this.#failure = diskError(error)
    this.#queue.drain()
    this.#queuedBytes = 0
    this.#options.onFailure(this.#failure)
  }
}

async function create (file: string): Promise<FileHandle> {
  const handle = await open(file, CREATE_FLAGS, OWNER_ONLY)
  await using folder = await open(path.dirname(file))
  await folder.sync() // Else a power failure may take the name, and leave the bytes to nobody.
  return handle
}

/** Makes a plain MP4 of a file of fragments, `end` bytes long. @returns its size */
async function finishFile (handle: FileHandle, end: number, { movie, header, headerOffset }: Ending): Promise<number> {
  await handle.truncate(end)
  try {
    await writeAll(handle, [movie], movie.length, end)
    await handle.datasync() // The new header must never be on the disk before the movie box it uncovers.
  } catch (error) {
    await handle.truncate(end)
    throw diskError(error)
  }
  await writeAll(handle, [header], header.length, headerOffset)
  await handle.datasync()
  return end + movie.length
}

export type Rescued = { readonly sizeBytes: number, readonly durationMs: number, readonly tracks: readonly MovieTrack[] }

/**
 * Finds what is whole in a file that was cut off, and finishes it.
 * @throws ProtocolError when nothing in it can be read
 */
export async function rescue (handle: FileHandle): Promise<Rescued> {
  const found = await scan(await byteSource(handle))
  const { tracks, durationMs, end } = found
  if (found.finished) return { tracks, durationMs, sizeBytes: end }
  if (found.fragments === 0) throw new ProtocolError('a recording without a whole fragment', end)
  try {
    return { tracks, durationMs, sizeBytes: await finishFile(handle, end, printEnding(found)) }
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'disk_full') throw error
    return { tracks, durationMs, sizeBytes: end } // Without its movie box it is a file of fragments, and plays.
  }
}

async function byteSource (handle: FileHandle): Promise<ByteSource> {
  const { size } = await handle.stat()
  return {
    size,
    read: async (position, length) => {
      const bytes = Buffer.allocUnsafe(length)
      for (let done = 0; done < length;) {
        const { bytesRead } = await handle.read(bytes, done, length - done, position + done)
        if (bytesRead === 0) throw new AppError('internal', 'the file became shorter while it was read')
        done += bytesRead
      }
      return bytes
    }
  }
}

/** One write; more only where the kernel takes less than all. */
async function writeAll (handle: FileHandle, buffers: readonly Buffer[], bytes: number, position: number): Promise<void> {
  let { bytesWritten } = await handle.writev(buffers, position)
  if (bytesWritten === bytes) return
  const whole = Buffer.concat(buffers)
  while (bytesWritten < bytes) bytesWritten += (await handle.write(whole, bytesWritten, bytes - bytesWritten, position + bytesWritten)).bytesWritten
}

const diskError = (error: unknown): AppError => {
  if (error instanceof AppError) return error
  const { code } = error as NodeJS.ErrnoException
  if (code === 'ENOSPC' || code === 'EDQUOT') return new AppError('disk_full', 'the disk is full', { cause: error })
  return new AppError('internal', `the recording cannot be written: ${messageOf(error)}`, { cause: error })
}
