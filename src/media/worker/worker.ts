// The main module of a media worker: the only process in which FFmpeg's code runs. Started by `worker-process.ts`.
import { AppError, messageOf } from '../../lib/errors.ts'
import type { AudioTranscoder as Transcoder } from './audio-transcoder.ts'
import { type Batch, BatchWriter, eachFrame } from './batch.ts'
import { FlightRecord } from './flight-recorder.ts'
import { FLIGHT_RECORDER_FD, type Order, type Report } from './protocol.ts'


const jobs = new Map<number, Transcoder>()
const made = new BatchWriter()
const flight = new FlightRecord(FLIGHT_RECORDER_FD)

// A Ctrl-C goes to the whole process group; when workers stop is the main process's decision, and its death ends them too.
process.on('SIGINT', () => {})
process.on('SIGTERM', () => {})
process.on('disconnect', exit)

const { AudioTranscoder } = await load()
process.on('message', obey)
report({ kind: 'ready' })

/** Loading the native library takes 0.1 s on a warm disk; what was ordered meanwhile waits in the channel. */
async function load (): Promise<typeof import('./audio-transcoder.ts')> {
  try {
    const [module, { Log }, { AV_LOG_FATAL }] = await Promise.all([import('./audio-transcoder.ts'), import('node-av/lib'), import('node-av/constants')])
    Log.setLevel(AV_LOG_FATAL) // FFmpeg has a line to say about every broken frame.
    return module
  } catch (error) {
    report({ kind: 'unavailable', reason: messageOf(error) })
    return await new Promise<never>(() => {}) // Until the main process has read it and lets go.
  }
}

function obey (order: Order): void {
  switch (order.kind) {
    case 'start': return start(order)
    case 'stop': return stop(order.job)
    case 'work': return work(order.frames)
    case 'ping': {
      const { user, system } = process.cpuUsage()
      return report({ kind: 'pong', cpuSeconds: (user + system) / 1e6, residentBytes: process.memoryUsage.rss() })
    }
  }
}

function start ({ job, task }: Order & { kind: 'start' }): void {
  flight.enter(job)
  try {
    jobs.set(job, new AudioTranscoder(task))
  } catch (error) {
    refuse(job, error)
  }
  flight.leave()
}

function stop (job: number): void {
  jobs.get(job)?.[Symbol.dispose]()
  jobs.delete(job)
}

function work (frames: Batch): void {
  let broken = 0
  eachFrame(frames, (job, time, data) => {
    const transcoder = jobs.get(job)
    if (!transcoder) return // Stopped, or refused.
    flight.enter(job)
    try {
      if (!transcoder.push(time, data, (at, packet) => made.add(job, at, packet))) broken++
    } catch (error) {
      refuse(job, error)
    }
  })
  flight.leave()
  report({ kind: 'done', taken: frames.jobs.length, broken, frames: made.take() })
}

function refuse (job: number, error: unknown): void {
  if (!(error instanceof AppError)) throw error // A mistake of ours: die, and be replaced.
  stop(job)
  report({ kind: 'refused', job, reason: error.message })
}

function report (message: Report): void {
  process.send?.(message, undefined, undefined, () => {}) // A closed channel is heard of by 'disconnect'.
}

/** Freed in order: FFmpeg's contexts do not survive being collected at exit. */
function exit (): void {
  for (const transcoder of jobs.values()) transcoder[Symbol.dispose]()
  process.exit(0)
}
