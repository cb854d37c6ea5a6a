import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { type Clock, systemClock } from '../../lib/clock.ts'
import { AppError, type ErrorCode } from '../../lib/errors.ts'
import type { Logger } from '../../lib/log.ts'
import { Job, type JobHandlers, type RunningJob, type RunningMix } from './job.ts'
import { type AudioTask, isMix, type MixTask, type Task } from './protocol.ts'
import { type WorkerEnd, type WorkerOwner, WorkerProcess } from './worker-process.ts'

/** Another process is started only when each has this many jobs: an audio job takes about half a percent of a core. */
const JOBS_BEFORE_ANOTHER_WORKER = 10
/** A worker without a job gives its memory back after this time. */
const IDLE_MS = 60_000
/** Workers that die before they are ready, one after the other: what is wrong will not mend itself. */
const MAX_FAILED_STARTS = 3

export type MediaWorkersOptions = {
  readonly log: Logger
  readonly clock?: Clock
  /** The most processes at a time; 0 switches transcoding off. By default one for each core. */
  readonly size?: number
  /** The native library's package, looked for without loading it. */
  readonly library?: string
  /** The main module of a worker; for tests. */
  readonly program?: string
}

/** Plain figures for /metrics; counters never go back. */
export type MediaWorkerStats = {
  readonly jobs: number
  readonly jobsStarted: number
  readonly jobsFailed: number
  /** Workers replaced after a crash or a hang. */
  readonly restarts: number
  /** CPU time of all workers, those that are gone included. */
  readonly cpuSeconds: number
  readonly framesBroken: number
  readonly framesDropped: number
  readonly workers: readonly { readonly pid: number | undefined, readonly jobs: number, readonly cpuSeconds: number, readonly residentBytes: number }[]
}

/** The child processes that decode and encode. A crash or a hang costs their jobs less than a second, and nobody else anything. */
export class MediaWorkers implements AsyncDisposable {
  readonly #log: Logger
  readonly #clock: Clock
  readonly #size: number
  readonly #program: string | undefined
  readonly #workers = new Map<WorkerProcess, Disposable | undefined>()
  readonly #jobs = new Map<number, Job>()
  /** Of workers that are gone. */
  readonly #past = { cpuSeconds: 0, framesBroken: 0, framesDropped: 0 }
  #unavailable: string | undefined
  #restarts = 0
  #jobsStarted = 0
  #jobsFailed = 0
  #failedStarts = 0
  #disposed = false

  constructor ({ log, clock = systemClock, size = availableParallelism(), library = 'node-av', program }: MediaWorkersOptions) {
    this.#log = log
    this.#clock = clock
    this.#size = size
    this.#program = program
    if (size === 0) this.#unavailable = 'media workers are switched off'
    else if (!installed(library)) this.#unavailable = `the optional package ${library} is not installed`
  }

  /** Whether jobs can be started. Becomes false when the library turns out not to load on this machine. */
  get available (): boolean { return this.#unavailable === undefined }

  /**
   * Starts a job, and a process for it where needed.
   * @throws AppError `transcoding_unavailable`
   */
  transcode (task: AudioTask, handlers: JobHandlers): RunningJob { return this.#start(task, handlers) }

  /** As `transcode`: mixes what is pushed, until it is disposed. @throws AppError `transcoding_unavailable` */
  mix (task: MixTask, handlers: JobHandlers): RunningMix { return this.#start(task, handlers) }

  #start (task: Task, handlers: JobHandlers): Job {
    if (this.#disposed) throw new AppError('draining')
    if (this.#unavailable) throw new AppError('transcoding_unavailable', `audio cannot be transcoded: ${this.#unavailable}`)
    const job = new Job(++this.#jobsStarted, task, handlers, () => this.#stop(job))
    this.#jobs.set(job.id, job)
    this.#place(job, this.#leastLoaded())
    return job
  }

  stats (): MediaWorkerStats {
    const workers = [...this.#workers.keys()]
    const sum = (of: (worker: WorkerProcess) => number): number => workers.reduce((total, worker) => total + of(worker), 0)
    return {
      jobs: this.#jobs.size,
      jobsStarted: this.#jobsStarted,
      jobsFailed: this.#jobsFailed,
      restarts: this.#restarts,
      cpuSeconds: this.#past.cpuSeconds + sum(w => w.cpuSeconds),
      framesBroken: this.#past.framesBroken + sum(w => w.framesBroken),
      framesDropped: this.#past.framesDropped + sum(w => w.framesDropped),
      workers: workers.map(({ pid, jobs, cpuSeconds, residentBytes }) => ({ pid, jobs: jobs.size, cpuSeconds, residentBytes }))
    }
  }

  async [Symbol.asyncDispose] (): Promise<void> {
    this.#disposed = true
    this.#jobs.clear()
    const workers = [...this.#workers.keys()]
    for (const worker of workers) this.#forget(worker)
    await Promise.all(workers.map(worker => worker[Symbol.asyncDispose]()))
  }

  #leastLoaded (): WorkerProcess {
    const [least] = [...this.#workers.keys()].sort((a, b) => a.jobs.size - b.jobs.size)
    if (least && (least.jobs.size < JOBS_BEFORE_ANOTHER_WORKER || this.#workers.size >= this.#size)) return least
    return this.#startWorker()
  }

  #startWorker (): WorkerProcess {
    const owner: WorkerOwner = {
      made: (job, time, data, stream) => this.#jobs.get(job)?.made(time, data, stream),
      refused: (id, reason) => this.#fail(this.#jobs.get(id), 'transcoding_unavailable', reason),
      unavailable: reason => this.#loseAll(reason),
      ended: (worker, end) => this.#replace(worker, end)
    }
    const worker = new WorkerProcess(owner, this.#clock, this.#program)
    this.#workers.set(worker, undefined)
    this.#log.debug({ pid: worker.pid }, 'media worker started')
    return worker
  }

  #place (job: Job, worker: WorkerProcess): void {
    this.#workers.get(worker)?.[Symbol.dispose]() // No longer idle.
    job.runIn(worker)
  }

  #stop (job: Job): void {
    if (!this.#jobs.delete(job.id)) return
    const { worker } = job
    worker?.stop(job.id)
    if (worker && worker.jobs.size === 0 && this.#workers.has(worker)) this.#workers.set(worker, this.#clock.after(IDLE_MS, () => this.#retire(worker)))
  }

  #retire (worker: WorkerProcess): void {
    this.#forget(worker)
    void worker[Symbol.asyncDispose]()
  }

  #forget (worker: WorkerProcess): void {
    this.#workers.get(worker)?.[Symbol.dispose]()
    if (!this.#workers.delete(worker)) return
    this.#past.cpuSeconds += worker.cpuSeconds
    this.#past.framesBroken += worker.framesBroken
    this.#past.framesDropped += worker.framesDropped
  }

  /** A worker died: its jobs go on in a new one, all but those that kill every worker they get. */
  #replace (gone: WorkerProcess, { reason, started, busyWith }: WorkerEnd): void {
    this.#forget(gone)
    this.#failedStarts = started ? 0 : this.#failedStarts + 1
    const orphans = [...gone.jobs].map(id => this.#jobs.get(id)).filter(job => job !== undefined)
    this.#log.warn({ pid: gone.pid, jobs: orphans.length, cause: reason }, 'a media worker died')
    if (this.#failedStarts >= MAX_FAILED_STARTS) {
      for (const job of orphans) this.#fail(job, 'worker_failed', `media workers do not start: ${reason}`)
      return
    }
    const now = this.#clock.now()
    const innocent = orphans.filter(job => job.id !== busyWith || !job.killed(now))
    for (const job of orphans) if (!innocent.includes(job)) this.#fail(job, 'worker_failed', 'this stream made its media worker fail again and again')
    if (innocent.length === 0) return
    this.#restarts++
    const worker = this.#startWorker()
    for (const job of innocent) this.#place(job, worker)
  }

  #loseAll (reason: string): void {
    this.#unavailable = reason
    this.#log.error({ cause: reason }, 'transcoding is not available: the native library does not load')
    for (const job of this.#jobs.values()) this.#fail(job, 'transcoding_unavailable', reason)
    for (const worker of this.#workers.keys()) this.#retire(worker)
  }

  #fail (job: Job | undefined, code: ErrorCode, reason: string): void {
    if (!job || !this.#jobs.delete(job.id)) return
    this.#jobsFailed++
    this.#log.error({ job: job.id, ...describe(job.task), code, cause: reason }, 'a job of the media workers failed')
    job.fail(new AppError(code, reason))
  }
}

const describe = (task: Task): Record<string, unknown> => isMix(task) ? { mixed: task.inputs.length } : { from: task.from.name, to: task.to.name }

/** Whether a package can be found, without running any of it. */
function installed (name: string): boolean {
  try {
    createRequire(import.meta.url).resolve(name)
    return true
  } catch {
    return false
  }
}
