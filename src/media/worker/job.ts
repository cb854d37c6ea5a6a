import type { AppError } from '../../lib/errors.ts'
import type { MixTask, Task } from './protocol.ts'
import type { WorkerProcess } from './worker-process.ts'

/** Workers a job may kill before it is given up. */
const MAX_KILLS = 3
/** What happened longer ago is forgotten. */
const KILLS_REMEMBERED_MS = 60_000

export type JobHandlers = {
  /**
   * One encoded frame; the bytes may be kept.
   * @param time its presentation time in ms: on the clock of what was pushed; of a mix, on the wall's
   * @param output of a mix: whom it is for
   */
  packet (time: number, data: Buffer, output: number): void
  /** Called at most once; nothing comes after it. */
  failed (error: AppError): void
}

/** A job as its owner sees it. Disposing stops it. */
export interface RunningJob extends Disposable {
  /** Hands in one whole frame. Never waits. @param time its presentation time in ms, unwrapped, with a fraction */
  push (time: number, data: Buffer): void
}

/** A mix as its owner sees it. */
export interface RunningMix extends Disposable {
  /** Hands in one whole frame of an input. */
  push (time: number, data: Buffer, input: number): void
  /** From now on these are its inputs and outputs. */
  change (task: MixTask): void
}

/** One job, from start to stop, in however many workers. */
export class Job implements RunningJob, RunningMix {
  readonly id: number
  task: Task
  worker: WorkerProcess | undefined
  readonly #handlers: JobHandlers
  readonly #stop: () => void
  #kills: number[] = []

  constructor (id: number, task: Task, handlers: JobHandlers, stop: () => void) {
    this.id = id
    this.task = task
    this.#handlers = handlers
    this.#stop = stop
  }

  push (time: number, data: Buffer, input = 0): void { this.worker?.push(this.id, time, data, input) }

  change (task: MixTask): void {
    this.task = task
    this.worker?.change(this.id, task)
  }

  runIn (worker: WorkerProcess): void {
    this.worker = worker
    worker.start(this.id, this.task)
  }

  made (time: number, data: Buffer, output: number): void { this.#handlers.packet(time, data, output) }

  /** Its worker died while busy with it. @returns whether that was once too often */
  killed (now: number): boolean {
    this.#kills = [...this.#kills.filter(at => at > now - KILLS_REMEMBERED_MS), now]
    return this.#kills.length >= MAX_KILLS
  }

  fail (error: AppError): void {
    this.worker = undefined
    this.#handlers.failed(error)
  }

  [Symbol.dispose] (): void {
    this.#stop()
    this.worker = undefined
  }
}
