import type { Codec } from '../codec.ts'
import type { Batch } from './batch.ts'

/** What one job of a media worker turns into what. */
export type AudioTask = { readonly from: Codec, readonly to: Codec }

/** Main process to worker. */
export type Order =
  | { readonly kind: 'start', readonly job: number, readonly task: AudioTask }
  | { readonly kind: 'stop', readonly job: number }
  | { readonly kind: 'work', readonly frames: Batch }
  | { readonly kind: 'ping' }

/** Worker to main process. */
export type Report =
  | { readonly kind: 'ready' }
  /** The native library is not there or does not load on this machine. The worker exits. */
  | { readonly kind: 'unavailable', readonly reason: string }
  /** Answers one `work` order: how many frames it had, how many of them could not be decoded, and what came out. */
  | { readonly kind: 'done', readonly taken: number, readonly broken: number, readonly frames: Batch }
  /** This job cannot be done, whatever comes in. The others go on. */
  | { readonly kind: 'refused', readonly job: number, readonly reason: string }
  | { readonly kind: 'pong', readonly cpuSeconds: number, readonly residentBytes: number }

/** The file descriptor under which a worker finds its flight recorder (`flight-recorder.ts`). 3 is the channel of `fork`. */
export const FLIGHT_RECORDER_FD = 4
