// The main module of a media worker: the only process in which FFmpeg's code runs. Started by `worker-process.ts`.
import { AppError, messageOf } from '../../lib/errors.ts'
import type { AudioMixer as Mixer } from './audio-mixer.ts'
import type { AudioTranscoder as Transcoder } from './audio-transcoder.ts'
import { type Batch, BatchWriter, eachFrame } from './batch.ts'
import { FlightRecord } from './flight-recorder.ts'
import { FLIGHT_RECORDER_FD, isMix, MIX_FRAME_MS, type MixTask, type Order, type Report } from './protocol.ts'

const transcoders = new Map<number, Transcoder>()
const mixers = new Map<number, Mixer>()
const made = new BatchWriter()
const flight = new FlightRecord(FLIGHT_RECORDER_FD)
let mixing: NodeJS.Timeout | undefined

// A Ctrl-C goes to the whole process group; when workers stop is the main process's decision, and its death ends them too.
process.on('SIGINT', () => {})
process.on('SIGTERM', () => {})
process.on('disconnect', exit)

const { AudioTranscoder, AudioMixer } = await load()
process.on('message', obey)
report({ kind: 'ready' })

/** Loading the native library takes 0.1 s on a warm disk; what was ordered meanwhile waits in the channel. */
async function load (): Promise<typeof import('./audio-transcoder.ts') & typeof import('./audio-mixer.ts')> {
  try {
    const [transcoder, mixer, { Log }, { AV_LOG_FATAL }] = await Promise.all([
      import('./audio-transcoder.ts'), import('./audio-mixer.ts'), import('node-av/lib'), import('node-av/constants')
    ])
    Log.setLevel(AV_LOG_FATAL) // FFmpeg has a line to say about every broken frame.
    return { ...transcoder, ...mixer }
  } catch (error) {
    report({ kind: 'unavailable', reason: messageOf(error) })
    return await new Promise<never>(() => {}) // Until the main process has read it and lets go.
  }
}

function obey (order: Order): void {
  switch (order.kind) {
    case 'start': return start(order)
    case 'change': return change(order.job, order.task)
    case 'stop': return stop(order.job)
    case 'work': return work(order.frames)
    case 'ping': {
      const { user, system } = process.cpuUsage()
      return report({ kind: 'pong', cpuSeconds: (user + system) / 1e6, residentBytes: process.memoryUsage.rss() })
    }
  }
}

function start ({ job, task }: Order & { kind: 'start' }): void {
  attempt(job, () => {
    if (isMix(task)) mixers.set(job, new AudioMixer(task, wallNow()))
    else transcoders.set(job, new AudioTranscoder(task))
  })
  flight.leave()
  if (mixers.size > 0) mixing ??= setInterval(mix, MIX_FRAME_MS / 2)
}

function change (job: number, task: MixTask): void {
  attempt(job, () => mixers.get(job)?.change(task))
  flight.leave()
}

function stop (job: number): void {
  const work = transcoders.get(job) ?? mixers.get(job)
  work?.[Symbol.dispose]()
  transcoders.delete(job)
  mixers.delete(job)
  if (mixers.size > 0) return
  clearInterval(mixing)
  mixing = undefined
}

function work (frames: Batch): void {
  let broken = 0
  eachFrame(frames, (job, time, data, stream) => {
    attempt(job, () => {
      const decoded = transcoders.get(job)?.push(time, data, (at, packet) => made.add(job, at, packet)) ?? mixers.get(job)?.push(stream, time, data)
      if (decoded === false) broken++ // undefined: it was stopped, or refused.
    })
  })
  flight.leave()
  report({ kind: 'done', taken: frames.jobs.length, broken, frames: made.take() })
}

/** Makes what all mixes are due: half a frame late at most. */
function mix (): void {
  const now = wallNow()
  for (const [job, mixer] of mixers) attempt(job, () => mixer.run(now, (output, time, data) => made.add(job, time, data, output)))
  flight.leave()
  if (made.length > 0) report({ kind: 'made', frames: made.take() })
}

/** The wall's clock at the start, then one that nobody sets. */
function wallNow (): number { return performance.timeOrigin + performance.now() }

/** Does something for a job, which is given up if it cannot be done. */
function attempt (job: number, what: () => void): void {
  flight.enter(job)
  try {
    what()
  } catch (error) {
    if (!(error instanceof AppError)) throw error // A mistake of ours: die, and be replaced.
    stop(job)
    report({ kind: 'refused', job, reason: error.message })
  }
}

function report (message: Report): void {
  process.send?.(message, undefined, undefined, () => {}) // A closed channel is heard of by 'disconnect'.
}

/** Freed in order: FFmpeg's contexts do not survive being collected at exit. */
function exit (): void {
  for (const work of [...transcoders.values(), ...mixers.values()]) work[Symbol.dispose]()
  process.exit(0)
}
