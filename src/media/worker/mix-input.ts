import type { Frame } from 'node-av/lib'
import { AV_SAMPLE_FMT_FLT } from 'node-av/constants'
import type { Codec } from '../codec.ts'
import { AudioDecoder } from './audio-decoder.ts'
import { AudioResampler } from './audio-resampler.ts'
import { MIX_CHANNELS, MIX_DELAY_MS, MIX_SAMPLE_RATE } from './protocol.ts'

const SAMPLES_PER_MS = MIX_SAMPLE_RATE / 1000
const BYTES_PER_SAMPLE = 4
/** A source whose packets come late is given this much more time (ms), up to the limit; what is not needed any more is taken back as slowly. */
const LATENESS_STEP_MS = 20
const MAX_DELAY_MS = 200
const RELAX_EVERY_MS = 5000
/** What is missing between two frames is filled with silence up to this (ms); a longer pause is a pause. */
const MAX_FILLED_GAP_MS = 100
/** Sound that waits this much longer (ms) than it should is let go of. */
const MAX_EXCESS_MS = 100
/** The shortest wait of a second is compared with the wanted one; a difference above this (ms) is stretched away over the next second. */
const TOLERATED_DRIFT_MS = 6
const DRIFT_WINDOW_MS = 1000
const CAPACITY = MIX_SAMPLE_RATE / 2

/**
 * One source of a mix: decodes what comes, whenever it comes, and gives it out evenly. It waits a little before it begins, so that
 * packets may come unevenly, and follows the source's clock, which is nobody else's.
 */
export class MixInput implements Disposable {
  readonly #decoder: AudioDecoder
  readonly #resampler: AudioResampler
  readonly #stack: DisposableStack
  /** Interleaved samples that wait, from `#start` on, around the end to the beginning. */
  readonly #samples = new Float32Array(CAPACITY * MIX_CHANNELS)
  #start = 0
  #length = 0
  #delayMs = MIX_DELAY_MS
  #playing = false
  #ranDry = false
  /** Where the newest frame ends, on the source's clock (ms). */
  #endsAt: number | undefined
  #lateAt = 0
  #playedMs = 0
  #shortest = Infinity
  #windowEnds = DRIFT_WINDOW_MS

  constructor (codec: Codec) {
    using undo = new DisposableStack()
    this.#decoder = undo.use(new AudioDecoder(codec))
    this.#resampler = undo.use(new AudioResampler({ sampleRate: MIX_SAMPLE_RATE, channels: MIX_CHANNELS, sampleFormat: AV_SAMPLE_FMT_FLT }))
    this.#stack = undo.move()
  }

  /** Takes one whole frame. @param time its presentation time in ms. @returns whether it could be decoded */
  push (time: number, data: Buffer): boolean {
    const frame = this.#decoder.decode(data)
    if (!frame) return false
    const gap = this.#endsAt === undefined ? Infinity : time - this.#endsAt
    if (this.#ranDry && gap < MAX_FILLED_GAP_MS) this.#beMorePatient() // It was not silence that made it run dry.
    this.#ranDry = false
    if (this.#playing && gap > 1 && gap < MAX_FILLED_GAP_MS) this.#append(undefined, Math.round(gap * SAMPLES_PER_MS))
    this.#endsAt = time + this.#lengthOf(frame) / SAMPLES_PER_MS
    this.#append(this.#resampler.planes[0]!, this.#resampler.convert(frame))
    return true
  }

  /**
   * Takes the next samples out, whole frames of them only.
   * @param into interleaved; filled if anything came
   * @returns false while there is nothing to be heard
   */
  take (into: Float32Array): boolean {
    const wanted = into.length / MIX_CHANNELS
    this.#playedMs += wanted / SAMPLES_PER_MS
    this.#playing ||= this.#length >= this.#delayMs * SAMPLES_PER_MS
    if (!this.#playing) return false
    const taken = Math.min(wanted, this.#length)
    this.#copyOut(into, taken)
    into.fill(0, taken * MIX_CHANNELS)
    this.#length -= taken
    if (taken < wanted) {
      this.#playing = false
      this.#ranDry = true
      this.#shortest = Infinity
    } else {
      this.#followClock()
    }
    return taken > 0
  }

  [Symbol.dispose] (): void { this.#stack.dispose() }

  #lengthOf (frame: Frame): number { return this.#resampler.lengthOf(frame) }

  /** @param bytes the samples; without, silence */
  #append (bytes: Buffer | undefined, samples: number): void {
    const most = (this.#delayMs + MAX_EXCESS_MS) * SAMPLES_PER_MS
    if (this.#length + samples > most) this.#drop(this.#length + samples - Math.round(this.#delayMs * SAMPLES_PER_MS))
    for (let done = 0; done < samples;) {
      const at = (this.#start + this.#length) % CAPACITY
      const run = Math.min(samples - done, CAPACITY - at)
      if (bytes) this.#samples.set(viewOf(bytes, done, run), at * MIX_CHANNELS)
      else this.#samples.fill(0, at * MIX_CHANNELS, (at + run) * MIX_CHANNELS)
      this.#length += run
      done += run
    }
  }

  #drop (samples: number): void {
    const dropped = Math.min(samples, this.#length)
    this.#start = (this.#start + dropped) % CAPACITY
    this.#length -= dropped
  }

  #copyOut (into: Float32Array, samples: number): void {
    const run = Math.min(samples, CAPACITY - this.#start)
    into.set(this.#samples.subarray(this.#start * MIX_CHANNELS, (this.#start + run) * MIX_CHANNELS))
    if (run < samples) into.set(this.#samples.subarray(0, (samples - run) * MIX_CHANNELS), run * MIX_CHANNELS)
    this.#start = (this.#start + samples) % CAPACITY
  }

  #beMorePatient (): void {
    this.#delayMs = Math.min(MAX_DELAY_MS, this.#delayMs + LATENESS_STEP_MS)
    this.#lateAt = this.#playedMs
  }

  /** What waits at the least says how the source's clock runs against ours. */
  #followClock (): void {
    this.#shortest = Math.min(this.#shortest, this.#length)
    if (this.#playedMs < this.#windowEnds) return
    this.#windowEnds = this.#playedMs + DRIFT_WINDOW_MS
    if (this.#delayMs > MIX_DELAY_MS && this.#playedMs - this.#lateAt > RELAX_EVERY_MS) {
      this.#delayMs = Math.max(MIX_DELAY_MS, this.#delayMs - LATENESS_STEP_MS)
      this.#lateAt = this.#playedMs
    }
    const excess = this.#shortest - Math.round((this.#delayMs - MIX_DELAY_MS / 2) * SAMPLES_PER_MS)
    this.#shortest = Infinity
    if (Math.abs(excess) > TOLERATED_DRIFT_MS * SAMPLES_PER_MS) {
      const step = Math.max(-1, Math.min(1, excess / (LATENESS_STEP_MS * SAMPLES_PER_MS))) * TOLERATED_DRIFT_MS * SAMPLES_PER_MS
      this.#resampler.stretch(-Math.round(step), MIX_SAMPLE_RATE)
    }
  }
}

const viewOf = (bytes: Buffer, from: number, samples: number): Float32Array =>
  new Float32Array(bytes.buffer, bytes.byteOffset + from * MIX_CHANNELS * BYTES_PER_SAMPLE, samples * MIX_CHANNELS)
