import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { within } from '../../lib/abort.ts'
import type { Clock } from '../../lib/clock.ts'
import { BatchWriter, eachFrame, type FrameVisitor } from './batch.ts'
import { FlightRecorder } from './flight-recorder.ts'
import type { MixTask, Order, Report, Task } from './protocol.ts'

/** After a message, frames wait until this time is over, so that the next one carries all that came in the meantime. */
const BATCH_MS = 10
const PING_MS = 500
/** Pings without an answer after which a worker counts as hung: 2 s. Counted, not timed, so that a pause of this process blames nobody. */
const MAX_PINGS_UNANSWERED = 4
/** A cold disk may take its time to read 175 MB of native library. */
const START_LIMIT_MS = 15_000
/** Frames sent and not answered, for each job: 5 s of audio. A worker so far behind gets no more; the pings decide about it. */
const MAX_IN_FLIGHT_PER_JOB = 250
const STDERR_TAIL = 1_000
const EXIT_WITHIN_MS = 1_000

const workerProgram = path.join(import.meta.dirname, 'worker.ts')

/** How a worker ended. */
export type WorkerEnd = {
  readonly reason: string
  /** Whether it ever got ready. */
  readonly started: boolean
  /** The job it was busy with. */
  readonly busyWith: number | undefined
}

/** Who owns a worker is told of these. */
export interface WorkerOwner {
  readonly made: FrameVisitor
  refused (job: number, reason: string): void
  unavailable (reason: string): void
  /** Not called after a disposal. */
  ended (worker: WorkerProcess, end: WorkerEnd): void
}

/** One child process and its channel. Its jobs may be started, and frames sent, before it is ready: they wait in the channel. */
export class WorkerProcess implements AsyncDisposable {
  readonly jobs = new Set<number>()
  cpuSeconds = 0
  residentBytes = 0
  framesBroken = 0
  framesDropped = 0
  readonly #owner: WorkerOwner
  readonly #clock: Clock
  readonly #child: ChildProcess
  readonly #recorder = new FlightRecorder()
  readonly #exited: Promise<unknown>
  readonly #timers = new DisposableStack()
  readonly #batch = new BatchWriter()
  #flushedAt = -Infinity
  #inFlight = 0
  #ready = false
  #disposed = false
  #pingsUnanswered = 0
  #killedFor: string | undefined
  #stderr = ''

  constructor (owner: WorkerOwner, clock: Clock, program: string = workerProgram) {
    this.#owner = owner
    this.#clock = clock
    this.#child = fork(program, {
      serialization: 'advanced',
      execArgv: [],
      env: { PATH: process.env.PATH }, // It reads strangers' media: it is told nothing it need not know.
      stdio: ['ignore', 'ignore', 'pipe', 'ipc', this.#recorder.fd]
    })
    this.#exited = once(this.#child, 'exit').catch(() => {})
    this.#child.on('message', message => this.#heard(message as Report))
    this.#child.on('error', error => {
      this.#killedFor ??= error.message
      if (this.#child.pid === undefined) this.#ended('could not be started') // Then there is no 'exit'.
    })
    this.#child.on('exit', (code, signal) => this.#ended(signal ?? `exit code ${code}`))
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => { this.#stderr = (this.#stderr + text).slice(-STDERR_TAIL) })
    this.#timers.use(clock.every(PING_MS, () => this.#ping()))
    this.#timers.use(clock.after(START_LIMIT_MS, () => { if (!this.#ready) this.#kill('did not get ready in time') }))
  }

  get pid (): number | undefined { return this.#child.pid }

  start (job: number, task: Task): void {
    this.jobs.add(job)
    this.#send({ kind: 'start', job, task })
  }

  change (job: number, task: MixTask): void {
    this.#flush()
    this.#send({ kind: 'change', job, task })
  }

  stop (job: number): void {
    if (!this.jobs.delete(job)) return
    this.#flush()
    this.#send({ kind: 'stop', job })
  }

  push (job: number, time: number, data: Buffer, stream: number): void {
    if (this.#inFlight >= MAX_IN_FLIGHT_PER_JOB * this.jobs.size) {
      this.framesDropped++
      return
    }
    this.#inFlight++
    this.#batch.add(job, time, data, stream)
    if (this.#batch.length > 1) return
    const wait = this.#flushedAt + BATCH_MS - this.#clock.now()
    if (wait <= 0) this.#flush()
    else this.#clock.after(wait, () => this.#flush())
  }

  /** Lets go of the channel, at which the worker exits by itself; kills it if it does not. */
  async [Symbol.asyncDispose] (): Promise<void> {
    this.#disposed = true
    this.#timers.dispose()
    if (this.#child.connected) this.#child.disconnect()
    if (!await within(EXIT_WITHIN_MS, this.#exited)) this.#child.kill('SIGKILL')
    await this.#exited
  }

  #heard (report: Report): void {
    this.#pingsUnanswered = 0 // Whatever it says, it is alive.
    if (this.#disposed) return
    switch (report.kind) {
      case 'ready':
        this.#ready = true
        break
      case 'unavailable':
        this.#owner.unavailable(report.reason)
        break
      case 'refused':
        if (this.jobs.delete(report.job)) this.#owner.refused(report.job, report.reason)
        break
      case 'pong':
        this.cpuSeconds = report.cpuSeconds
        this.residentBytes = report.residentBytes
        break
      case 'made':
        eachFrame(report.frames, this.#owner.made)
        break
      case 'done':
        this.#inFlight -= report.taken
        this.framesBroken += report.broken
        eachFrame(report.frames, this.#owner.made)
    }
  }

  #flush (): void {
    if (this.#batch.length === 0) return
    this.#flushedAt = this.#clock.now()
    this.#send({ kind: 'work', frames: this.#batch.take() })
  }

  #ping (): void {
    if (!this.#ready) return
    if (this.#pingsUnanswered++ >= MAX_PINGS_UNANSWERED) this.#kill('did not answer for 2 s')
    else this.#send({ kind: 'ping' })
  }

  #kill (reason: string): void {
    this.#killedFor ??= reason
    this.#child.kill('SIGKILL')
  }

  #send (order: Order): void {
    if (this.#child.connected) this.#child.send(order, () => {}) // A channel that breaks is followed by 'exit'.
  }

  #ended (how: string): void {
    const busyWith = this.#recorder.read()
    this.#recorder[Symbol.dispose]()
    this.#timers.dispose()
    if (this.#disposed) return
    const reason = [this.#killedFor ?? how, this.#stderr.trim()].filter(Boolean).join(': ')
    this.#owner.ended(this, { reason, started: this.#ready, busyWith })
  }
}
