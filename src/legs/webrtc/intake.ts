import type { Clock } from '../../lib/clock.ts'
import { audioLevelOf } from '../../media/audio-level.ts'
import type { Codec } from '../../media/codec.ts'
import { isDescriptor } from '../../media/dependency-descriptor.ts'
import { NackGenerator } from '../../media/nack-generator.ts'
import { wallOf } from '../../media/ntp.ts'
import type { FreezeFigures } from '../../media/quality/freeze-meter.ts'
import { WholeFrames } from '../../media/quality/whole-frames.ts'
import { Reception } from '../../media/reception.ts'
import { RedReader } from '../../media/red-reader.ts'
import type { ReportBlock, SenderReport } from '../../media/rtcp/packet.ts'
import { RtpPacket } from '../../media/rtp-packet.ts'
import { layerReaderFor, type Scalability } from '../../media/scalability.ts'
import type { Track } from '../../room/track.ts'
import type { PublishedLayers } from './layers.ts'
import { type ClockSkew, ReportedTime } from './reported-time.ts'
import { ScalableStream } from './scalable-stream.ts'

/** However many subscribers want a picture: one request to the publisher in this time. */
const PICTURE_INTERVAL_MS = 500

export type IntakeOptions = {
  readonly layers: PublishedLayers
  /** Which of them; empty for a single stream. */
  readonly rid: string
  readonly codec: Codec
  readonly ssrc: number
  /** Of Opus inside redundant audio, if that was agreed on. */
  readonly opusInRed: number | undefined
  /** Whether the publisher sends again what it is asked for. */
  readonly repairs: boolean
  /** Under which header extension the publisher says how loud a packet is, if it does. */
  readonly audioLevelId: number | undefined
  /** Under which one it sends dependency descriptors (AV1), if it does. */
  readonly descriptorId?: number | undefined
  readonly clock: Clock
  /** The publisher's wall clock less ours, for all its streams the same. */
  readonly skew: ClockSkew
  readonly askForPicture: (ssrc: number) => void
}

/** One stream of a publisher, on its way to a track of the room. The track exists from the first packet on. */
export class Intake implements Disposable {
  readonly ssrc: number
  readonly codec: Codec
  readonly rid: string
  readonly reception: Reception
  repaired = 0
  /** Lost, and taken from a later packet that repeated them. */
  restored = 0
  picturesAskedFor = 0
  readonly #options: IntakeOptions
  readonly #nacks = new NackGenerator()
  readonly #red: RedReader | undefined
  readonly #frames: WholeFrames | undefined
  readonly #time: ReportedTime
  /** Where the stream may hold several qualities in one. */
  readonly #scalable: ScalableStream | undefined
  #track: Track | undefined
  /** Of a picture, on the way to the track. */
  #together: RtpPacket[] = []
  #pictureAskedAt = -Infinity
  #pictureDue: Disposable | undefined
  #abandoned = 0
  #measured = 0
  #measuredAt: number | undefined

  constructor (options: IntakeOptions) {
    this.#options = options
    this.ssrc = options.ssrc
    this.codec = options.codec
    this.rid = options.rid
    this.reception = new Reception(options.codec.clockRate)
    this.#time = new ReportedTime(options.skew, options.codec.clockRate)
    this.#red = options.opusInRed === undefined ? undefined : new RedReader(options.opusInRed)
    this.#frames = options.codec.kind === 'video' ? new WholeFrames(options.codec.name) : undefined
    const reader = options.rid === '' ? layerReaderFor(options.codec.name) : undefined
    this.#scalable = reader && new ScalableStream(options.layers, options.codec.name, reader)
  }

  get track (): Track | undefined { return this.#track }
  /** Of the picture it is a quality of. */
  get freezes (): FreezeFigures { return this.#options.layers.freezes }
  /** What layers there are in the stream; undefined where there is one. */
  get scalability (): Scalability | undefined { return this.#track?.scalable ? this.#scalable?.scalability : undefined }

  take (packet: RtpPacket, now: number): void {
    this.reception.add(packet, now)
    this.#nacks.add(packet.sequenceNumber, now)
    if (!this.#red?.wasRestored(packet.sequenceNumber)) this.#pass(packet, now)
  }

  /**
   * A packet of redundant audio: the room gets what would have come without, as if nothing had been lost.
   * @returns false for one that cannot be read
   */
  takeRed (packet: RtpPacket, now: number): boolean {
    const unpacked = this.#red?.read(packet)
    if (!unpacked) return false
    const { primary, repeated } = unpacked
    this.reception.add(packet, now)
    this.#nacks.add(primary.sequenceNumber, now)
    for (const earlier of repeated) {
      if (this.#nacks.add(earlier.sequenceNumber, now) === 'known') continue
      this.restored++
      this.#red!.restored(earlier.sequenceNumber)
      this.#publish().write(earlier)
    }
    if (!this.#red!.wasRestored(primary.sequenceNumber)) this.#pass(primary, now)
    return true
  }

  #pass (packet: RtpPacket, now: number): void {
    this.#noteFrames(packet, now)
    const track = this.#publish()
    const { audioLevelId } = this.#options
    const level = audioLevelId === undefined ? undefined : audioLevelOf(packet, audioLevelId)
    if (level !== undefined) track.hear(level, now)
    packet.descriptor = this.#descriptorIn(packet)
    this.#write(packet, track)
  }

  #descriptorIn (packet: RtpPacket): Buffer | undefined {
    const { descriptorId } = this.#options
    const bytes = descriptorId === undefined ? undefined : packet.extension(descriptorId)
    return isDescriptor(bytes) ? bytes : undefined
  }

  #write (packet: RtpPacket, track: Track): void {
    const place = this.#scalable?.read(packet, track)
    if (this.#scalable?.isDivided) {
      this.settle()
      this.#scalable.write(packet, place, track)
    } else if (this.codec.kind === 'video') this.#together.push(packet)
    else track.write(packet)
  }

  /** What came together goes on together. */
  settle (): void {
    if (this.#together.length === 0) return
    const packets = this.#together
    this.#together = []
    this.#track?.writeAll(packets)
  }

  /**
   * A retransmission (RFC 4588 section 4): the original sequence number, then the original payload. Probes are empty, or repeat the
   * newest packet: the first that is seen of it where that was lost.
   */
  takeRepair (packet: RtpPacket, now: number): void {
    const { payload, marker, timestamp } = packet
    if (payload.length <= 2) return
    const sequenceNumber = payload.readUInt16BE(0)
    if (this.#nacks.add(sequenceNumber, now) === 'known') return
    this.repaired++
    this.reception.addRepaired()
    const original = RtpPacket.build({ payloadType: 96, marker, sequenceNumber, timestamp, ssrc: this.ssrc }, payload.subarray(2))
    original.descriptor = this.#descriptorIn(packet)
    this.#noteFrames(original, now)
    if (this.#track) this.#write(original, this.#track)
  }

  #noteFrames (packet: RtpPacket, now: number): void {
    if (this.#frames && this.#frames.add(packet) > 0) this.#options.layers.freezes.frame(now)
  }

  takeReport (report: SenderReport, now: number, wallMs: number): void {
    this.reception.addReport(report, now)
    const theirs = wallOf({ seconds: report.ntpSeconds, fraction: report.ntpFraction })
    const came = wallMs - this.reception.ageOf(report.rtpTimestamp, now)
    const reference = this.#time.take({ rtpTimestamp: report.rtpTimestamp, wallMs: theirs }, came)
    if (!this.#track) return
    for (const track of this.#track.scalable ? this.#track.layers : [this.#track]) track.timeReference = reference
  }

  /** What to ask the publisher for again. Loss beyond repair costs video its picture: then a new one is asked for. */
  missing (now: number): number[] {
    const due = this.#nacks.due(now)
    if (!this.#options.repairs) return []
    if (this.#nacks.abandoned > this.#abandoned && this.codec.kind === 'video') this.askForPicture()
    this.#abandoned = this.#nacks.abandoned
    return due
  }

  /** Tells the track how much came since the last time. */
  measure (now: number): void {
    const { bytes } = this.reception
    if (this.#track && this.#measuredAt !== undefined) {
      const ms = Math.max(1, now - this.#measuredAt)
      this.#track.bitrate = Math.round((bytes - this.#measured) * 8000 / ms)
      this.#scalable?.measure(ms)
    }
    this.#measured = bytes
    this.#measuredAt = now
  }

  report (now: number): ReportBlock { return this.reception.report(this.ssrc, now) }

  /** At once if none was asked for lately, else as soon as one may be: whoever asked last gets his too. */
  askForPicture (): void {
    const { clock } = this.#options
    const wait = this.#pictureAskedAt + PICTURE_INTERVAL_MS - clock.now()
    if (wait <= 0) this.#ask()
    else this.#pictureDue ??= clock.after(wait, () => this.#ask())
  }

  #ask (): void {
    this.#pictureDue?.[Symbol.dispose]()
    this.#pictureDue = undefined
    this.#pictureAskedAt = this.#options.clock.now()
    this.picturesAskedFor++
    this.#options.askForPicture(this.ssrc)
  }

  #publish (): Track {
    if (this.#track) return this.#track
    const { layers, rid, codec } = this.#options
    const track = layers.publish(rid)
    if (codec.kind === 'video') track.onKeyframeWanted = () => this.askForPicture()
    this.#track = track
    return track
  }

  [Symbol.dispose] (): void {
    this.settle()
    this.#pictureDue?.[Symbol.dispose]()
    if (this.#track) this.#options.layers.unpublish(this.#options.rid)
  }
}
