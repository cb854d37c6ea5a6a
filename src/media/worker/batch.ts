import { ByteWriter } from '../../lib/bytes.ts'

/** Frames of several jobs on their way between two processes: columns and one block of bytes, since each object costs its own crossing. */
export type Batch = {
  readonly jobs: readonly number[]
  /** Which of a job's inputs or outputs each frame belongs to; 0 where there is one. */
  readonly streams: readonly number[]
  /** Presentation times in milliseconds from an arbitrary start, with a fraction; unwrapped, so that they need no clock rate. */
  readonly times: readonly number[]
  /** Where in `bytes` each frame ends. */
  readonly ends: readonly number[]
  readonly bytes: Buffer
}

/** One whole frame, as its encoder made it. */
export type FrameVisitor = (job: number, time: number, data: Buffer, stream: number) => void

export class BatchWriter {
  #jobs: number[] = []
  #streams: number[] = []
  #times: number[] = []
  #ends: number[] = []
  #bytes = new ByteWriter()

  get length (): number { return this.#jobs.length }

  /** Copies the frame. */
  add (job: number, time: number, data: Uint8Array, stream = 0): void {
    this.#jobs.push(job)
    this.#streams.push(stream)
    this.#times.push(time)
    this.#ends.push(this.#bytes.bytes(data).length)
  }

  /** Takes everything out. */
  take (): Batch {
    const batch = { jobs: this.#jobs, streams: this.#streams, times: this.#times, ends: this.#ends, bytes: this.#bytes.done() }
    this.#jobs = []
    this.#streams = []
    this.#times = []
    this.#ends = []
    this.#bytes = new ByteWriter(Math.max(256, batch.bytes.length))
    return batch
  }
}

/** @param visit gets each frame as a view on the batch's bytes */
export function eachFrame ({ jobs, streams, times, ends, bytes }: Batch, visit: FrameVisitor): void {
  let start = 0
  for (let index = 0; index < jobs.length; index++) {
    const end = ends[index]!
    visit(jobs[index]!, times[index]!, bytes.subarray(start, end), streams[index]!)
    start = end
  }
}
