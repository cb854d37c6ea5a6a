import type { Codec } from '../codec.ts'

/** What one job of a media worker turns into what. */
export type AudioTask = { readonly from: Codec, readonly to: Codec }

/** One frame on its way to or from a worker. */
export type WorkUnit = {
  readonly job: number
  /** Presentation time in milliseconds from an arbitrary start, with a fraction; unwrapped, so that it needs no clock rate. */
  readonly time: number
  /** One whole frame as its encoder made it. */
  readonly data: Buffer
}

/** Main process to worker. */
export type Order =
  | { readonly kind: 'start', readonly job: number, readonly task: AudioTask }
  | { readonly kind: 'stop', readonly job: number }
  | { readonly kind: 'work', readonly units: readonly WorkUnit[] }
  | { readonly kind: 'ping' }

/** Worker to main process. */
export type Report =
  | { readonly kind: 'ready' }
  /** The native library is not there or does not load on this machine. The worker exits. */
  | { readonly kind: 'unavailable', readonly reason: string }
  /** Answers one `work` order: how many units it had, how many of them could not be decoded, and what came out. */
  | { readonly kind: 'done', readonly taken: number, readonly broken: number, readonly units: readonly WorkUnit[] }
  /** This job cannot be done, whatever comes in. The others go on. */
  | { readonly kind: 'refused', readonly job: number, readonly reason: string }
  | { readonly kind: 'pong', readonly cpuSeconds: number, readonly residentBytes: number }

/** The file descriptor under which a worker finds its flight recorder (`flight-recorder.ts`). 3 is the channel of `fork`. */
export const FLIGHT_RECORDER_FD = 4
