import { AppError, ProtocolError } from '../../lib/errors.ts'
import { codec } from '../../media/codec.ts'
import { parseVideoTag, type VideoTag } from '../../media/flv.ts'
import {
  type AvcConfig, mayReorder, NalType, nalTypeOf, parseAvcConfig, parseSps, profileLevelId, type Sps, splitAvcc
} from '../../media/h264.ts'
import { H264Packetizer } from '../../media/payload/h264.ts'
import { FrameWriter } from '../../room/frame-writer.ts'
import type { Track } from '../../room/track.ts'
import { Meter } from './meter.ts'
import { random32, type Stream } from './stream.ts'

const TICKS_PER_MS = 90
/** In a track of our own nobody negotiated: any dynamic number (RFC 3551 section 6). */
const PAYLOAD_TYPE = 96

/** Whether pictures are shown in another order than sent. */
type Reordering = { readonly bySps: boolean | undefined, readonly byTime: boolean }

/** Takes the picture of a publisher: FLV video tags in, RTP packets on a track of the room out, without touching what was encoded. */
export class VideoIntake {
  frames = 0
  /** Frames before the first keyframe: nobody could decode them. */
  dropped = 0
  readonly #stream: Stream
  readonly #place
  readonly #meter = new Meter()
  readonly #firstTimestamp = random32()
  #track: Track | undefined
  #writer: FrameWriter | undefined
  #lengthSize = 4
  #sps: readonly Buffer[] = []
  #pps: readonly Buffer[] = []
  #info: Sps | undefined
  #begun = false
  #keyframeAtMs = 0
  #keyframeIntervalMs: number | undefined
  #firstComposition: number | undefined
  #composed = false

  constructor (stream: Stream) {
    this.#stream = stream
    this.#place = stream.timeline.track()
  }

  get info (): Sps | undefined { return this.#info }
  get reordering (): Reordering { return { bySps: this.#info && mayReorder(this.#info), byTime: this.#composed } }

  /** Milliseconds between the last two keyframes, or since the last one if that is longer; undefined before the second. */
  get keyframeIntervalMs (): number | undefined {
    const since = this.#begun ? this.#stream.timeline.now - this.#keyframeAtMs : 0
    return this.#keyframeIntervalMs === undefined ? undefined : Math.max(this.#keyframeIntervalMs, since)
  }

  /** The longest time without a keyframe that is known so far, in milliseconds. */
  get longestWaitMs (): number { return this.keyframeIntervalMs ?? (this.#begun ? this.#stream.timeline.now - this.#keyframeAtMs : 0) }

  describe (): Record<string, unknown> | undefined {
    if (!this.#track) return undefined
    const { framesPerSecond, bitsPerSecond } = this.#meter
    return {
      codec: 'H264',
      profileLevelId: this.#track.codec.parameters?.['profile-level-id'],
      width: this.#info?.width,
      height: this.#info?.height,
      fps: framesPerSecond || this.#info?.frameRate,
      keyframeIntervalMs: this.keyframeIntervalMs,
      bitrate: bitsPerSecond,
      reordered: this.#composed || this.reordering.bySps === true,
      frames: this.frames,
      droppedFrames: this.dropped
    }
  }

  /** @throws AppError `unsupported_media_type` for any codec but H.264 */
  take (body: Buffer, timestamp: number): void {
    try {
      const tag = parseVideoTag(body)
      if (tag.kind === 'other') return
      if (tag.codec !== 'H.264') {
        throw new AppError('unsupported_media_type', `${tag.codec} is not supported: publish H.264 video with AAC audio`)
      }
      if (tag.kind === 'config') this.#configure(parseAvcConfig(tag.data))
      else this.#frame(tag, this.#place.at(timestamp, this.#stream.nowMs()))
    } catch (error) {
      this.#stream.tolerate(error)
    }
  }

  #configure ({ lengthSize, sps, pps }: AvcConfig): void {
    this.#lengthSize = lengthSize
    this.#remember(sps, pps)
    if (!this.#track) this.#publish(sps[0]!)
  }

  #publish (sps: Buffer): void {
    const parameters = { 'packetization-mode': '1', 'profile-level-id': profileLevelId(sps) }
    this.#track = this.#stream.participant.publish(codec('H264', { parameters }))
    this.#writer = new FrameWriter(this.#track, new H264Packetizer({ ssrc: random32(), payloadType: PAYLOAD_TYPE }))
  }

  /** Copies: the message they came in is not kept. */
  #remember (sps: readonly Buffer[], pps: readonly Buffer[]): void {
    this.#pps = pps.map(set => Buffer.from(set))
    if (this.#sps.length === sps.length && this.#sps.every((set, index) => set.equals(sps[index]!))) return
    this.#sps = sps.map(set => Buffer.from(set))
    try {
      this.#info = parseSps(this.#sps[0]!)
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      this.#info = undefined // A decoder may know more than we do; size and order are then unknown.
    }
  }

  #frame (tag: VideoTag, decodeMs: number): void {
    const track = this.#track
    const writer = this.#writer
    if (!track || !writer) {
      this.dropped++
      return
    }
    this.#meter.add(decodeMs, tag.data.length)
    const { units, keyframe } = this.#units(splitAvcc(tag.data, this.#lengthSize))
    if (!this.#begun && !keyframe) {
      this.dropped++
      return
    }
    this.#noteComposition(tag.compositionTime)
    const presentMs = decodeMs + tag.compositionTime
    const rtpTimestamp = (this.#firstTimestamp + presentMs * TICKS_PER_MS) >>> 0
    if (keyframe) {
      this.#noteKeyframe(decodeMs)
      track.timeReference = this.#stream.reference(rtpTimestamp, presentMs)
    }
    this.frames++
    writer.write({ units, timestamp: rtpTimestamp, compositionOffset: tag.compositionTime * TICKS_PER_MS, keyframe })
    this.#stream.started()
  }

  /** The units that travel: parameter sets before every IDR, neither delimiters nor filler. */
  #units (all: readonly Buffer[]): { units: readonly Buffer[], keyframe: boolean } {
    const units: Buffer[] = []
    const sps: Buffer[] = []
    const pps: Buffer[] = []
    let keyframe = false
    for (const unit of all) {
      const type = nalTypeOf(unit)
      if (type === NalType.accessUnitDelimiter || type === NalType.filler) continue
      if (type === NalType.sps) sps.push(unit)
      else if (type === NalType.pps) pps.push(unit)
      else {
        keyframe ||= type === NalType.idr
        units.push(unit)
      }
    }
    if (sps.length > 0 || pps.length > 0) this.#remember(sps.length > 0 ? sps : this.#sps, pps.length > 0 ? pps : this.#pps)
    else if (!keyframe) return { units, keyframe }
    return { units: [...this.#sps, ...this.#pps, ...units], keyframe }
  }

  #noteComposition (compositionTime: number): void {
    this.#firstComposition ??= compositionTime
    if (compositionTime !== this.#firstComposition) this.#composed = true
  }

  #noteKeyframe (decodeMs: number): void {
    if (this.#begun) this.#keyframeIntervalMs = decodeMs - this.#keyframeAtMs
    this.#begun = true
    this.#keyframeAtMs = decodeMs
  }
}
