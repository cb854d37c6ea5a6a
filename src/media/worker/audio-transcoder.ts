import type { Frame } from 'node-av/lib'
import { AudioDecoder } from './audio-decoder.ts'
import { AudioEncoder } from './audio-encoder.ts'
import { AudioResampler } from './audio-resampler.ts'
import type { AudioTask } from './protocol.ts'
import { CORRECTION_SECONDS, Timeline } from './timeline.ts'

/** Room for what waits and for what one more frame becomes. */
const MAX_SAMPLES_BUFFERED = 16_384

/**
 * One stream from one codec to another: decode, bring to the encoder's rate and channels, cut into the encoder's frames, encode.
 * Inside, time is counted in output samples; where a source's timestamps say that something is missing, the count jumps with them.
 */
export class AudioTranscoder implements Disposable {
  readonly #decoder: AudioDecoder
  readonly #encoder: AudioEncoder
  readonly #resampler: AudioResampler
  readonly #timeline: Timeline
  readonly #stack = new DisposableStack()
  /** Samples waiting for a full frame, in the encoder's format. */
  readonly #waiting: readonly Buffer[]
  #samples = 0
  /** The place in time of the first sample that waits; undefined before the first frame. */
  #cursor: number | undefined

  constructor ({ from, to }: AudioTask) {
    using undo = new DisposableStack()
    this.#decoder = undo.use(new AudioDecoder(from))
    this.#encoder = undo.use(new AudioEncoder(to))
    const { sampleRate, channels } = this.#encoder.format
    this.#resampler = undo.use(new AudioResampler({ sampleRate, channels, sampleFormat: this.#encoder.sampleFormat }))
    this.#timeline = new Timeline(sampleRate)
    this.#waiting = this.#encoder.planes.map(() => Buffer.alloc(MAX_SAMPLES_BUFFERED * this.#stride))
    this.#stack = undo.move()
  }

  /**
   * Takes one whole frame.
   * @param time its presentation time in ms
   * @param sink gets the packets it completes, which it must copy, each with its presentation time in ms
   * @returns whether the frame could be decoded
   */
  push (time: number, data: Buffer, sink: (time: number, data: Buffer) => void): boolean {
    const frame = this.#decoder.decode(data)
    if (!frame) return false
    const { sampleRate } = this.#encoder.format
    this.#take(frame, time * sampleRate / 1000, (at, packet) => sink(at * 1000 / sampleRate, packet))
    return true
  }

  [Symbol.dispose] (): void { this.#stack.dispose() }

  #take (frame: Frame, time: number, encoded: (at: number, packet: Buffer) => void): void {
    const expected = this.#cursor === undefined ? undefined : this.#cursor + this.#samples + this.#resampler.delay
    const placement = this.#timeline.place(time, this.#resampler.lengthOf(frame), expected)
    if (placement === 'late') return
    if (placement === 'jumps') this.#jump(time, expected, encoded)
    const correction = this.#timeline.correction(time)
    if (correction !== 0) this.#resampler.stretch(correction, CORRECTION_SECONDS * this.#encoder.format.sampleRate)
    const samples = this.#resampler.convert(frame)
    for (let plane = 0; plane < this.#waiting.length; plane++) {
      this.#resampler.planes[plane]!.copy(this.#waiting[plane]!, this.#samples * this.#stride, 0, samples * this.#stride)
    }
    this.#samples += samples
    this.#encodeFull(encoded)
  }

  /** Goes to another place in time. A begun frame is completed with silence; what is missing after it, the listener conceals. */
  #jump (time: number, expected: number | undefined, encoded: (at: number, packet: Buffer) => void): void {
    const { frameSamples } = this.#encoder.format
    const gap = expected === undefined ? Infinity : Math.round(time - expected)
    const missing = frameSamples - this.#samples
    if (gap > 0 && gap < missing) { // A hole that ends within the begun frame needs no jump.
      this.#addSilence(gap)
      return
    }
    if (this.#samples > 0) this.#addSilence(missing)
    this.#encodeFull(encoded)
    this.#cursor = Math.round(time - this.#resampler.delay)
  }

  #addSilence (samples: number): void {
    for (const plane of this.#waiting) plane.fill(0, this.#samples * this.#stride, (this.#samples + samples) * this.#stride)
    this.#samples += samples
  }

  #encodeFull (encoded: (at: number, packet: Buffer) => void): void {
    const { frameSamples } = this.#encoder.format
    let done = 0
    for (; this.#samples - done >= frameSamples; done += frameSamples) {
      for (const [index, plane] of this.#waiting.entries()) plane.copy(this.#encoder.planes[index]!, 0, done * this.#stride, (done + frameSamples) * this.#stride)
      this.#encoder.encode(this.#cursor! + done, encoded)
    }
    if (done === 0) return
    for (const plane of this.#waiting) plane.copy(plane, 0, done * this.#stride, this.#samples * this.#stride)
    this.#samples -= done
    this.#cursor! += done
  }

  /** Bytes from one sample to the next within a plane. */
  get #stride (): number {
    const { planar, bytesPerSample, channels } = this.#encoder.format
    return planar ? bytesPerSample : bytesPerSample * channels
  }
}
