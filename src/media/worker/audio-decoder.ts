import type { FFDecoderCodec } from 'node-av/constants'
import { Codec as AvCodec, CodecContext, Frame, Packet } from 'node-av/lib'
import { AppError } from '../../lib/errors.ts'
import type { Codec } from '../codec.ts'
import { decoderFormats } from './audio-formats.ts'
import { stereoOrMono } from './audio-resampler.ts'

/** Decodes one stream. The packet and the frame are reused for all of it: garbage was half the cost of making new ones. */
export class AudioDecoder implements Disposable {
  readonly #context = new CodecContext()
  readonly #packet = new Packet()
  readonly #frame = new Frame()

  constructor (codec: Codec) {
    const format = decoderFormats[codec.name]
    const decoder = format && AvCodec.findDecoderByName(format.decoder as FFDecoderCodec)
    if (!decoder) throw new AppError('transcoding_unavailable', `there is no decoder for ${codec.name}`)
    this.#context.allocContext3(decoder)
    this.#context.threadCount = 1
    this.#context.sampleRate = format.sampleRate ?? codec.clockRate
    this.#context.channelLayout = stereoOrMono(format.channels ?? codec.channels ?? 2)
    if (codec.config) this.#context.extraData = codec.config
    this.#packet.alloc()
    this.#frame.alloc()
    const result = this.#context.open2Sync(decoder)
    if (result < 0) {
      this[Symbol.dispose]()
      throw new AppError('transcoding_unavailable', `${codec.name}: the decoder does not take this configuration (${result})`)
    }
  }

  /**
   * Decodes one packet; each of these codecs makes one frame of it.
   * @returns the frame, which is valid until the next packet; undefined where the bytes cannot be decoded
   */
  decode (data: Buffer): Frame | undefined {
    this.#packet.data = data
    if (this.#context.sendPacketSync(this.#packet) < 0) return undefined
    return this.#context.receiveFrameSync(this.#frame) < 0 ? undefined : this.#frame
  }

  [Symbol.dispose] (): void {
    this.#frame.free()
    this.#packet.free()
    this.#context.freeContext()
  }
}
