import type { Codec } from '../codec.ts'
import type { Batch } from './batch.ts'

/** One stream to be turned into another codec. */
export type AudioTask = { readonly from: Codec, readonly to: Codec }

/** Streams to be mixed into one, as Opus. The frames of each carry its id; so do those that are made for an output. */
export type MixTask = {
  readonly inputs: readonly { readonly id: number, readonly codec: Codec }[]
  /** Who hears it without some of the inputs: their own voice. Frames for all others carry `MIX_TO_ALL`, and come after those for one. */
  readonly outputs: readonly { readonly id: number, readonly without: readonly number[] }[]
}
export const MIX_TO_ALL = 0
/** A mix is made in frames of this length (ms), 48 kHz stereo. */
export const MIX_FRAME_MS = 20
export const MIX_SAMPLE_RATE = 48_000
export const MIX_CHANNELS = 2
/** What comes waits this long (ms) before it is mixed: sources are not even. */
export const MIX_DELAY_MS = 40

/** What one job of a media worker does. */
export type Task = AudioTask | MixTask
export const isMix = (task: Task): task is MixTask => 'inputs' in task

/** Main process to worker. */
export type Order =
  | { readonly kind: 'start', readonly job: number, readonly task: Task }
  /** A mix has other inputs or outputs from now on. */
  | { readonly kind: 'change', readonly job: number, readonly task: MixTask }
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
  /** What mixes made, by their own clock. */
  | { readonly kind: 'made', readonly frames: Batch }
  /** This job cannot be done, whatever comes in. The others go on. */
  | { readonly kind: 'refused', readonly job: number, readonly reason: string }
  | { readonly kind: 'pong', readonly cpuSeconds: number, readonly residentBytes: number }

/** The file descriptor under which a worker finds its flight recorder (`flight-recorder.ts`). 3 is the channel of `fork`. */
export const FLIGHT_RECORDER_FD = 4
