import { randomBytes } from 'node:crypto'
import { AppError } from '../lib/errors.ts'
import { FrameReader } from '../media/frame-reader.ts'
import { packetizerFor } from '../media/payload/index.ts'
import { timestampDistance } from '../media/rtp-packet.ts'
import type { TimeReference } from '../media/time-reference.ts'
import type { JobHandlers, RunningJob } from '../media/worker/job.ts'
import type { AudioTask } from '../media/worker/protocol.ts'
import type { Track, Transcode } from './track.ts'

/** What is needed of the media workers. */
export interface Transcoders { transcode (task: AudioTask, handlers: JobHandlers): RunningJob }

/** A packet that comes this much later than its successors is not waited for: sound is live or it is nothing. */
const MAX_REORDERING_MS = 100
/** Any dynamic one will do: everybody who sends a track numbers its packets himself. */
const PAYLOAD_TYPE = 111

/**
 * Twins of audio tracks, made by media workers. A worker that dies is replaced behind the job: the twin goes on. A job that
 * is given up leaves its twin silent, and the workers say why.
 */
export function transcodeWith (workers: Transcoders): Transcode {
  return (from, to) => {
    if (from.codec.kind !== 'audio') throw new AppError('transcoding_unavailable', `${from.codec.name} cannot be transcoded to ${to.codec.name}: only audio is`)
    const times = new TwinTimes(from, to)
    const packetizer = packetizerFor(to.codec, { ssrc: randomBytes(4).readUInt32BE(), payloadType: PAYLOAD_TYPE })
    using undo = new DisposableStack()
    const job = undo.use(workers.transcode({ from: from.codec, to: to.codec }, {
      packet (time, data) {
        const frame = { units: [data], timestamp: times.toTicks(time), compositionOffset: 0, keyframe: true }
        to.writeAll(packetizer.packetize(frame))
      },
      failed () {}
    }))
    const reader = new FrameReader(from.codec, { frame: ({ timestamp, units }) => job.push(times.toMs(timestamp), units[0]!) }, { maxDelayMs: MAX_REORDERING_MS })
    undo.use(from.subscribe({
      write (packet) {
        times.follow()
        reader.push(packet)
      },
      fail: error => { throw error } // Only a mistake in the lines above comes here.
    }))
    return undo.move()
  }
}

/** Carries times between the clocks of a track and its twin, by milliseconds that do not wrap. */
class TwinTimes {
  readonly #from: Track
  readonly #to: Track
  #reference: TimeReference | undefined
  /** The latest timestamp, and the ticks it stands for once unwrapped. */
  #timestamp: number | undefined
  #ticks = 0

  constructor (from: Track, to: Track) {
    this.#from = from
    this.#to = to
  }

  toMs (timestamp: number): number {
    this.#ticks += this.#timestamp === undefined ? timestamp : timestampDistance(timestamp, this.#timestamp)
    this.#timestamp = timestamp
    return this.#ticks * 1000 / this.#from.codec.clockRate
  }

  toTicks (ms: number): number { return Math.round(ms * this.#to.codec.clockRate / 1000) >>> 0 }

  /** Gives the twin its original's wall clock, and again whenever the original's is set anew. */
  follow (): void {
    const reference = this.#from.timeReference
    if (reference === this.#reference || this.#timestamp === undefined) return
    this.#reference = reference
    const distance = reference && timestampDistance(reference.rtpTimestamp, this.#timestamp)
    this.#to.timeReference = distance === undefined
      ? undefined
      : { rtpTimestamp: this.toTicks((this.#ticks + distance) * 1000 / this.#from.codec.clockRate), wallMs: reference!.wallMs }
  }
}
