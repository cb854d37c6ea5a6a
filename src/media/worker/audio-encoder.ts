import { AV_SAMPLE_FMT_FLT, AV_SAMPLE_FMT_FLTP, AV_SAMPLE_FMT_S16, type AVSampleFormat, type FFEncoderCodec } from 'node-av/constants'
import { Codec as AvCodec, CodecContext, Frame, Packet, Rational } from 'node-av/lib'
import { AppError } from '../../lib/errors.ts'
import type { Codec } from '../codec.ts'
import { type EncoderFormat, encoderFormats } from './audio-formats.ts'
import { stereoOrMono } from './audio-resampler.ts'

/** FFmpeg's name of the sample format an encoder of ours wants. */
const sampleFormatOf = ({ planar, bytesPerSample }: EncoderFormat): AVSampleFormat =>
  bytesPerSample === 2 ? AV_SAMPLE_FMT_S16 : planar ? AV_SAMPLE_FMT_FLTP : AV_SAMPLE_FMT_FLT

/** Encodes one stream, frame by frame, from memory that is filled in place: nothing is allocated but views on the packets it makes. */
export class AudioEncoder implements Disposable {
  readonly format: EncoderFormat
  readonly sampleFormat: AVSampleFormat
  /** The frame to be filled: one buffer, or one for each channel where the format is planar. */
  readonly planes: readonly Buffer[]
  readonly #context = new CodecContext()
  readonly #frame = new Frame()
  readonly #packet = new Packet()
  /** Times of the frames that went in and have not come out: at most two, since some encoders keep one back. */
  readonly #times: number[] = []

  constructor (codec: Codec) {
    const format = encoderFormats[codec.name]
    const encoder = format && AvCodec.findEncoderByName(format.encoder as FFEncoderCodec)
    if (!encoder) throw new AppError('transcoding_unavailable', `there is no encoder for ${codec.name}`)
    this.format = format
    this.sampleFormat = sampleFormatOf(format)
    const context = this.#context
    context.allocContext3(encoder)
    context.threadCount = 1
    context.sampleRate = format.sampleRate
    context.sampleFormat = this.sampleFormat
    context.channelLayout = stereoOrMono(format.channels)
    context.timeBase = new Rational(1, format.sampleRate)
    for (const [name, value] of Object.entries(format.options ?? {})) context.setOption(name, value) // A Dictionary is freed twice.
    if (format.bitRate) context.bitRate = BigInt(format.bitRate)
    this.#frame.alloc()
    this.#packet.alloc()
    this.planes = this.#open(encoder, format)
  }

  /**
   * Encodes what `planes` holds.
   * @param time of the first sample, counted in samples
   * @param sink gets each packet, which it must copy, with the time at which its sound is to be played, counted in samples
   */
  encode (time: number, sink: (time: number, data: Buffer) => void): void {
    this.#times.push(time)
    this.#context.sendFrameSync(this.#frame)
    if (this.#context.receivePacketSync(this.#packet) < 0) return // The first frame of an encoder that keeps one back.
    const data = this.#packet.data
    const at = this.#times.shift() ?? time
    if (data) sink(at - this.format.lookahead, data)
  }

  [Symbol.dispose] (): void {
    this.#packet.free()
    this.#frame.free()
    this.#context.freeContext()
  }

  #open (encoder: AvCodec, format: EncoderFormat): readonly Buffer[] {
    const result = this.#context.open2Sync(encoder)
    this.#frame.format = this.sampleFormat
    this.#frame.nbSamples = format.frameSamples
    this.#frame.sampleRate = format.sampleRate
    this.#frame.channelLayout = stereoOrMono(format.channels)
    const planes = result >= 0 && this.#frame.getBuffer() >= 0 ? this.#frame.extendedData : null
    if (planes) return planes
    this[Symbol.dispose]()
    throw new AppError('transcoding_unavailable', `the encoder ${format.encoder} cannot be opened (${result})`)
  }
}
