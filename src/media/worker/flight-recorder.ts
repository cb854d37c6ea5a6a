import { closeSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { uuidV7 } from '../../lib/ids.ts'

const RECORD_BYTES = 4
const IDLE = 0

/**
 * Says which job a worker was busy with when it died, so that a stream of poisonous frames is found out and the jobs beside
 * it are not blamed. A file without a name: the worker writes the job's number before it enters native code, the main process
 * reads it when the worker is gone. One 4-byte write a frame, which stays in the page cache.
 */
export class FlightRecorder implements Disposable {
  /** Handed to the worker among its file descriptors. */
  readonly fd: number

  constructor (folder: string = tmpdir()) {
    const file = path.join(folder, `auralink-worker-${uuidV7()}`)
    this.fd = openSync(file, 'wx+', 0o600)
    unlinkSync(file)
  }

  /** The job that was being worked on, if any was. */
  read (): number | undefined {
    const record = Buffer.alloc(RECORD_BYTES)
    const bytes = readSync(this.fd, record, 0, RECORD_BYTES, 0)
    const job = bytes === RECORD_BYTES ? record.readUInt32LE(0) : IDLE
    return job === IDLE ? undefined : job
  }

  [Symbol.dispose] (): void { closeSync(this.fd) }
}

/** The worker's end of it. */
export class FlightRecord {
  readonly #fd: number
  readonly #record = Buffer.alloc(RECORD_BYTES)
  #job = IDLE

  constructor (fd: number) { this.#fd = fd }

  /** Job numbers start at 1. */
  enter (job: number): void {
    if (job === this.#job) return
    this.#job = job
    this.#record.writeUInt32LE(job, 0)
    writeSync(this.#fd, this.#record, 0, RECORD_BYTES, 0)
  }

  leave (): void { this.enter(IDLE) }
}
