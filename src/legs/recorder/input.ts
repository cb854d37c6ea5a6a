import type { Clock } from '../../lib/clock.ts'
import type { Frame } from '../../media/frame.ts'
import { FrameReader } from '../../media/frame-reader.ts'
import type { RtpPacket } from '../../media/rtp-packet.ts'
import type { PacketSink, Track } from '../../room/track.ts'
import { type FormatReader, formatReader } from './formats.ts'
import type { Sample } from './part.ts'
import type { Timeline, TrackClock } from './timeline.ts'

/** A publisher is asked for a keyframe at most this often. */
const KEYFRAME_REQUEST_MS = 1000

export type InputHandlers = {
  /** @param afterLoss packets are missing between the last sample of this input and this one */
  sample (sample: Sample, afterLoss: boolean): void
  /** The input broke and is no longer subscribed. */
  failed (error: unknown): void
}

/** One track on its way into the recording: packets in, samples with their time out. */
export class Input implements PacketSink, Disposable {
  readonly track: Track
  packets = 0
  bytes = 0
  readonly #handlers: InputHandlers
  readonly #clock: Clock
  readonly #reader: FrameReader
  readonly #format: FormatReader
  readonly #time: TrackClock
  readonly #subscription: Disposable
  #afterLoss = false
  #askedAt = -Infinity

  /**
   * Subscribes. The samples of packets given as `past` come before this returns.
   * @throws AppError if the track cannot be had, such as `transcoding_unavailable`
   */
  constructor (track: Track, timeline: Timeline, clock: Clock, past: readonly RtpPacket[], handlers: InputHandlers) {
    this.track = track
    this.#handlers = handlers
    this.#clock = clock
    this.#time = timeline.trackClock(track)
    this.#format = formatReader(track.codec)
    this.#reader = new FrameReader(track.codec, { frame: frame => this.#take(frame), gap: () => this.#lost() })
    for (const packet of past) this.write(packet)
    this.#subscription = track.subscribe(this)
  }

  get lostPackets (): number { return this.#reader.lostPackets }
  get undecodableFrames (): number { return this.#reader.undecodableFrames }

  write (packet: RtpPacket): void {
    this.packets++
    this.bytes += packet.bytes.length
    this.#reader.push(packet)
  }

  fail (error: unknown): void { this.#handlers.failed(error) }

  /** Asks again for a keyframe that has not come. Called once in a while. */
  tick (): void { if (this.#reader.waitsForKeyframe) this.wantKeyframe() }

  wantKeyframe (): void {
    if (this.track.codec.kind !== 'video' || this.#clock.now() - this.#askedAt < KEYFRAME_REQUEST_MS) return
    this.#askedAt = this.#clock.now()
    this.track.onKeyframeWanted()
  }

  /** Nothing more will come: what waited for missing packets is read. */
  [Symbol.dispose] (): void {
    this.#subscription[Symbol.dispose]()
    this.#reader.flush()
  }

  #lost (): void {
    this.#afterLoss = true
    this.wantKeyframe()
  }

  #take (frame: Frame): void {
    const format = this.#format.read(frame)
    const ticks = this.#time.place(frame.timestamp, this.#format.durationOf(frame))
    if (!format || ticks < 0) return // Not decodable, or captured before the recording began.
    const { compositionOffset, keyframe } = frame
    this.#handlers.sample({ format, ticks, compositionOffset, keyframe, units: this.#format.unitsOf(frame) }, this.#afterLoss)
    this.#afterLoss = false
  }
}
