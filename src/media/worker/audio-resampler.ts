import { AV_CHANNEL_LAYOUT_MONO, AV_CHANNEL_LAYOUT_STEREO, type AVSampleFormat } from 'node-av/constants'
import { type ChannelLayout, Frame, SoftwareResampleContext } from 'node-av/lib'
import { AppError } from '../../lib/errors.ts'

export const stereoOrMono = (channels: number): ChannelLayout => channels === 1 ? AV_CHANNEL_LAYOUT_MONO : AV_CHANNEL_LAYOUT_STEREO

export type PcmFormat = { readonly sampleRate: number, readonly channels: number, readonly sampleFormat: AVSampleFormat }

/** More than any decoded frame becomes: HE-AAC's 2,048 samples at 8 kHz are 12,288 at 48 kHz. */
const MAX_SAMPLES = 14_000

/**
 * Brings decoded frames into one PCM format. The input's format is read from the frames: HE-AAC says its true rate only there.
 * Each property of a frame costs a call into native code, so that none is read twice.
 */
export class AudioResampler implements Disposable {
  /** The samples of the last frame converted: one buffer, or one for each channel where the format is planar. */
  readonly planes: readonly Buffer[]
  readonly #output: PcmFormat
  readonly #frame = new Frame()
  #context: SoftwareResampleContext | undefined
  /** Output samples for each of the input. */
  #ratio = 1

  constructor (output: PcmFormat) {
    this.#output = output
    this.#frame.alloc()
    this.#frame.format = output.sampleFormat
    this.#frame.sampleRate = output.sampleRate
    this.#frame.channelLayout = stereoOrMono(output.channels)
    this.#frame.nbSamples = MAX_SAMPLES
    const planes = this.#frame.getBuffer() >= 0 ? this.#frame.extendedData : null
    if (!planes) throw new AppError('transcoding_unavailable', 'there is no memory for a frame of audio')
    this.planes = planes
  }

  /** Samples, at the output's rate, that went in and have not come out yet. */
  get delay (): number { return this.#context ? Number(this.#context.getDelay(BigInt(this.#output.sampleRate))) : 0 }

  /** Samples of output that a frame is worth. */
  lengthOf (frame: Frame): number {
    if (!this.#context) this.#open(frame)
    return frame.nbSamples * this.#ratio
  }

  /** Converts a frame. @returns how many samples `planes` now begin with */
  convert (frame: Frame): number {
    this.#frame.nbSamples = MAX_SAMPLES
    if (this.#context && this.#context.convertFrame(this.#frame, frame) >= 0) return this.#frame.nbSamples
    this.#open(frame) // The format has changed. What is still inside is dropped: less than a millisecond.
    this.#frame.nbSamples = MAX_SAMPLES
    return this.#context!.convertFrame(this.#frame, frame) < 0 ? 0 : this.#frame.nbSamples
  }

  /** Adds (or takes away) so many samples over the next `distance` output samples. */
  stretch (samples: number, distance: number): void { this.#context?.setCompensation(samples, distance) }

  [Symbol.dispose] (): void {
    this.#close()
    this.#frame.free()
  }

  #open (frame: Frame): void {
    this.#close()
    const { sampleRate, channels, sampleFormat } = this.#output
    const context = new SoftwareResampleContext()
    const result = context.allocSetOpts2(stereoOrMono(channels), sampleFormat, sampleRate, frame.channelLayout, frame.format as AVSampleFormat, frame.sampleRate)
    if (result < 0 || context.init() < 0) {
      context.free()
      throw new AppError('transcoding_unavailable', `audio of ${frame.sampleRate} Hz with ${frame.channels} channels cannot be resampled`)
    }
    this.#context = context
    this.#ratio = sampleRate / frame.sampleRate
  }

  #close (): void {
    this.#context?.free()
    this.#context = undefined
  }
}
