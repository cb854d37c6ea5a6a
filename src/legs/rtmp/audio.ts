import { ProtocolError } from '../../lib/errors.ts'
import { type AacConfig, parseAacConfig } from '../../media/aac.ts'
import { codec } from '../../media/codec.ts'
import { parseAudioTag } from '../../media/flv.ts'
import { AacPacketizer } from '../../media/payload/aac.ts'
import { FrameWriter } from '../../room/frame-writer.ts'
import type { Track } from '../../room/track.ts'
import { Meter } from './meter.ts'
import { random32, type Stream } from './stream.ts'
import { SampleClock } from './timeline.ts'

const PAYLOAD_TYPE = 97
/** Frames between two updates of the track's time reference: about two seconds. */
const REFERENCE_FRAMES = 100

/** What one AudioSpecificConfig brings into being; the next one brings another. */
type Voice = {
  readonly config: Buffer
  readonly aac: AacConfig
  readonly track: Track
  readonly clock: SampleClock
  readonly writer: FrameWriter
  readonly firstTimestamp: number
}

/** Takes the sound of a publisher: FLV audio tags in, RTP packets on a track of the room out. */
export class AudioIntake {
  frames = 0
  /** The name of a codec we do not carry, once one was heard. */
  foreign: string | undefined
  readonly #stream: Stream
  readonly #place
  readonly #meter = new Meter()
  #voice: Voice | undefined
  #resyncs = 0

  constructor (stream: Stream) {
    this.#stream = stream
    this.#place = stream.timeline.track()
  }

  describe (): Record<string, unknown> | undefined {
    if (!this.#voice) return this.foreign === undefined ? undefined : { codec: this.foreign, carried: false }
    const { samplingRate, channels, sbrRate } = this.#voice.aac
    const resyncs = this.#resyncs + this.#voice.clock.resyncs
    return { codec: 'AAC', samplingRate, channels, sbrRate, bitrate: this.#meter.bitsPerSecond, frames: this.frames, resyncs }
  }

  take (body: Buffer, timestamp: number): void {
    try {
      const tag = parseAudioTag(body)
      if (tag.kind === 'other') return
      if (tag.codec !== 'AAC') this.foreign = tag.codec
      else if (tag.kind === 'config') this.#configure(tag.data)
      else this.#frame(tag.data, this.#place.at(timestamp, this.#stream.nowMs()))
    } catch (error) {
      this.#stream.tolerate(error)
    }
  }

  #configure (config: Buffer): void {
    if (this.#voice?.config.equals(config)) return
    const aac = this.#parse(config)
    if (!aac) return
    if (this.#voice) { // A decoder is made for one configuration: another one is another track.
      this.#resyncs += this.#voice.clock.resyncs
      this.#stream.participant.unpublish(this.#voice.track)
    }
    const copy = Buffer.from(config)
    const channels = aac.parametricStereo ? 2 : aac.channels
    const track = this.#stream.participant.publish(codec('AAC', { clockRate: aac.samplingRate, channels, config: copy }))
    const writer = new FrameWriter(track, new AacPacketizer({ ssrc: random32(), payloadType: PAYLOAD_TYPE }))
    this.#voice = { config: copy, aac, track, clock: new SampleClock(aac.samplingRate), writer, firstTimestamp: random32() }
  }

  #parse (config: Buffer): AacConfig | undefined {
    try {
      return parseAacConfig(config)
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      this.foreign = 'an unknown kind of AAC'
      return undefined
    }
  }

  #frame (data: Buffer, mediaMs: number): void {
    const voice = this.#voice
    if (!voice || data.length === 0) return
    this.#meter.add(mediaMs, data.length)
    const { track, clock, writer, aac, firstTimestamp } = voice
    const samples = clock.at(mediaMs, aac.frameLength)
    const timestamp = (firstTimestamp + samples) >>> 0
    if (this.frames++ % REFERENCE_FRAMES === 0 || !track.timeReference) {
      track.timeReference = this.#stream.reference(timestamp, samples / aac.samplingRate * 1000)
    }
    writer.write({ units: [data], timestamp, compositionOffset: 0, keyframe: true })
    this.#stream.started()
  }
}
