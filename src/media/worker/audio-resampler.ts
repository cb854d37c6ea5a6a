import { AV_CHANNEL_LAYOUT_MONO, AV_CHANNEL_LAYOUT_STEREO, type AVSampleFormat } from 'node-av/constants'
import { type ChannelLayout, Frame, SoftwareResampleContext } from 'node-av/lib'
import { AppError } from '../../lib/errors.ts'

export const stereoOrMono = (channels: number): ChannelLayout => channels === 1 ? AV_CHANNEL_LAYOUT_MONO : AV_CHANNEL_LAYOUT_STEREO

export type PcmFormat = { readonly sampleRate: number, readonly channels: number, readonly sampleFormat: AVSampleFormat }

/** More than any decoded frame becomes: HE-AAC's 2,048 samples at 8 kHz are 12,288 at 48 kHz. */
const MAX_SAMPLES = 14_000

/** Brings decoded frames into one PCM format. The input's format is read from each frame: HE-AAC says its true rate only there. */
export class AudioResampler implements Disposable {
  /** The samples of the last frame converted: one buffer, or one for each channel where the format is planar. */
  readonly planes: readonly Buffer[]
  readonly #output: PcmFormat
  readonly #frame = new Frame()
  #context: SoftwareResampleContext | undefined
  #inputRate = 0
  #inputChannels = 0
  #inputFormat: number | undefined

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
  lengthOf (frame: Frame): number { return frame.nbSamples * this.#output.sampleRate / frame.sampleRate }

  /** Prepares for a frame's format. Changing it in mid-stream drops what is still inside: less than a millisecond. */
  accept (frame: Frame): void {
    if (this.#context && frame.sampleRate === this.#inputRate && frame.channels === this.#inputChannels && frame.format === this.#inputFormat) return
    this.#close()
    const context = new SoftwareResampleContext()
    const { sampleRate, channels, sampleFormat } = this.#output
    const result = context.allocSetOpts2(stereoOrMono(channels), sampleFormat, sampleRate, frame.channelLayout, frame.format as AVSampleFormat, frame.sampleRate)
    if (result < 0 || context.init() < 0) {
      context.free()
      throw new AppError('transcoding_unavailable', `audio of ${frame.sampleRate} Hz with ${frame.channels} channels cannot be resampled`)
    }
    this.#context = context
    this.#inputRate = frame.sampleRate
    this.#inputChannels = frame.channels
    this.#inputFormat = frame.format
  }

  /** Converts a frame that was accepted. @returns how many samples `planes` now begin with */
  convert (frame: Frame): number {
    this.#frame.nbSamples = MAX_SAMPLES
    const result = this.#context?.convertFrame(this.#frame, frame) ?? -1
    return result < 0 ? 0 : this.#frame.nbSamples
  }

  /** Adds (or takes away) so many samples over the next `distance` output samples. */
  stretch (samples: number, distance: number): void { this.#context?.setCompensation(samples, distance) }

  [Symbol.dispose] (): void {
    this.#close()
    this.#frame.free()
  }

  #close (): void {
    this.#context?.free()
    this.#context = undefined
  }
}
