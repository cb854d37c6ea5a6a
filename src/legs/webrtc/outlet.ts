import type { Clock } from '../../lib/clock.ts'
import { CatchUp } from '../../media/catch-up.ts'
import type { Codec } from '../../media/codec.ts'
import type { ExtensionBlock } from '../../media/header-extensions.ts'
import { startsKeyframe } from '../../media/keyframes.ts'
import { LiveStart } from '../../media/live-start.ts'
import { FreezeMeter } from '../../media/quality/freeze-meter.ts'
import type { SenderReport } from '../../media/rtcp/packet.ts'
import { type RtpPacket, timestampDistance } from '../../media/rtp-packet.ts'
import { Redundancy } from '../../media/redundancy.ts'
import { type PrintTarget, RtpSender, type TransportNumbers } from '../../media/rtp-sender.ts'
import { wallTimeOf } from '../../media/time-reference.ts'
import type { NegotiatedCodec } from '../../protocols/webrtc/sdp-codecs.ts'
import type { PacketSink, Track } from '../../room/track.ts'

/** A viewer may say this often that it lacks a picture; more is answered as once. */
const PICTURE_INTERVAL_MS = 500
/** Transcoded sound older than this does not begin a stream. */
const MAX_START_AGE_MS = 150
/** A publisher that has set no time reference for this long has none. */
const REFERENCE_WAIT_MS = 3000

/** A layer that sends no keyframe is asked again after so long (ms). */
const KEYFRAME_RETRY_MS = 1000

/** How a layer differs from the one that is sent: another stream, another part of the same (SVC), or a part of the part that is sent. */
type Relation = 'other' | 'sibling' | 'within'
type Entering = { readonly layer: Track, readonly relation: Relation, askedAt: number, subscription: Disposable | undefined }

export type OutletOptions = {
  /** What the section of the answer carries. */
  readonly codec: Codec
  readonly negotiated: NegotiatedCodec
  readonly ssrc: number
  readonly rtxSsrc: number | undefined
  readonly extensions?: ExtensionBlock | undefined
  /** Whether the viewer gets dependency descriptors (AV1). */
  readonly describes?: boolean
  readonly numbers?: TransportNumbers | undefined
  readonly clock: Clock
  readonly target: PrintTarget
  /** Told once if writing failed: a mistake of ours. */
  readonly failed: (error: unknown) => void
}

/** Sends one track at a time to one viewer, in one media section; the next track continues where the last one ended. */
export class Outlet implements PacketSink, Disposable {
  readonly codec: Codec
  readonly sender: RtpSender
  readonly redundancy: Redundancy | undefined
  /** Of what was sent. */
  readonly freezes = new FreezeMeter()
  framesFromBacklog = 0
  picturesLost = 0
  layerSwitches = 0
  readonly #clock: Clock
  readonly #describes: boolean
  readonly #failed: (error: unknown) => void
  #track: Track | undefined
  #layer: Track | undefined
  /** The layer that will be sent from its next keyframe on. */
  #entering: Entering | undefined
  #subscription: Disposable | undefined
  #catchUp: CatchUp | undefined
  #awaitsKeyframe = false
  /** Nothing of the layer sent until now leaves any more. */
  #held = false
  #pictureAskedAt = -Infinity
  #attachedAt = 0
  /** The newest timestamp of the source that was sent. */
  #newest: number | undefined
  #liveStart: LiveStart | undefined

  constructor ({ codec, negotiated, ssrc, rtxSsrc, extensions, describes = false, numbers, clock, target, failed }: OutletOptions) {
    this.codec = codec
    this.#clock = clock
    this.#describes = describes
    this.#failed = failed
    const { codec: { payloadType }, rtx, red } = negotiated
    this.redundancy = red && new Redundancy(red.payloadType, payloadType)
    const repair = rtx && rtxSsrc !== undefined ? { ssrc: rtxSsrc, payloadType: rtx.payloadType } : undefined
    this.sender = new RtpSender({ ssrc, payloadType, clockRate: codec.clockRate, rtx: repair, redundancy: this.redundancy, extensions, numbers, clock, target })
  }

  /** What is shown. */
  get track (): Track | undefined { return this.#track }
  /** Its qualities that the viewer can show, lowest first. */
  get layers (): Track[] { return this.#track ? this.#shown(this.#track) : [] }
  /** Whether there are better ones, for a viewer that reads dependency descriptors. */
  get lacksDescriptors (): boolean { return this.layers.length < (this.#track?.layers.length ?? 0) }
  /** Which of them is sent. */
  get layer (): Track | undefined { return this.#layer }

  /**
   * From now on this track is shown. A publisher that keeps a backlog gives a picture at once; another one is asked for it, and
   * what was seen before is seen until it comes.
   * @throws what subscribing throws, `transcoding_unavailable` among it: then nothing is shown.
   */
  attach (track: Track): void {
    if (track === this.#track) return
    const layers = this.#shown(track)
    const layer = layers.findLast(({ bitrate }) => (bitrate ?? 0) > 0) ?? layers.at(-1) ?? track
    if (this.#layer && this.codec.kind === 'video' && !track.backlog) {
      this.#stopCatchingUp()
      this.#track = track
      this.#attachedAt = this.#clock.now()
      this.switchTo(layer)
      return
    }
    this.detach()
    const backlog = this.codec.kind === 'video' ? track.backlog?.packets() ?? [] : []
    this.#subscription = layer.subscribe(this)
    this.#track = track
    this.#layer = layer
    this.#awaitsKeyframe = this.codec.kind === 'video'
    this.#pictureAskedAt = this.#attachedAt = this.#clock.now()
    this.#liveStart = track.twinOf ? new LiveStart(MAX_START_AGE_MS, this.#attachedAt) : undefined
    if (backlog.length > 0) this.#fastForward(backlog)
  }

  #shown ({ layers }: Track): Track[] { return layers.filter(({ needsDescriptors }) => this.#describes || !needsDescriptors) }

  /**
   * Sends another layer from its next keyframe on; until then, the one before. Less of the same stream needs none.
   * @param hold sends nothing until then: what does not get through would only stand in the way
   */
  switchTo (layer: Track, hold = false): void {
    const entering = this.#entering
    if (layer === (entering?.layer ?? this.#layer)) {
      if (entering && this.#clock.now() - entering.askedAt >= KEYFRAME_RETRY_MS) this.#askAgain(entering)
      return
    }
    this.#stopEntering()
    if (layer === this.#layer) { if (this.#held) this.#resume(layer); return }
    const relation = this.#relationTo(layer)
    this.#held ||= hold && relation !== 'within'
    const begun: Entering = { layer, relation, askedAt: this.#clock.now(), subscription: undefined }
    const sink: PacketSink = {
      write: packet => {
        if (this.#entering === begun && this.#mayEnter(begun, packet)) this.#enter(begun)
        if (this.#layer === layer) this.write(packet)
      },
      fail: error => this.fail(error)
    }
    this.#entering = begun
    begun.subscription = layer.subscribe(sink, this.#held || relation !== 'within')
  }

  #relationTo (layer: Track): Relation {
    const { scalable = false, nested = false, layers = [] } = this.#track ?? {}
    const [from, to] = [layers.findIndex(known => known === this.#layer), layers.indexOf(layer)]
    if (!scalable || from < 0 || to < 0) return 'other'
    return nested && to < from ? 'within' : 'sibling'
  }

  /** Of the same stream, at the start of a picture: what was sent of the one before goes on unbroken. */
  #mayEnter ({ relation }: Entering, packet: RtpPacket): boolean {
    if (relation !== 'other' && !this.#isNewer(packet)) return false
    return (relation === 'within' && !this.#awaitsKeyframe) || startsKeyframe(this.codec.name, packet)
  }

  #isNewer ({ timestamp }: RtpPacket): boolean { return this.#newest === undefined || timestampDistance(timestamp, this.#newest) > 0 }

  #enter ({ layer, relation, subscription }: Entering): void {
    this.#entering = undefined
    this.#subscription?.[Symbol.dispose]()
    this.#subscription = subscription
    this.#layer = layer
    const goesOn = relation !== 'other' && !this.#held
    this.#held = false
    this.layerSwitches++
    if (goesOn) return
    this.#awaitsKeyframe = true
    this.#newest = undefined
    this.sender.startAnew()
  }

  #resume (layer: Track): void {
    this.#held = false
    this.#awaitsKeyframe = true
    layer.onKeyframeWanted()
  }

  #askAgain (entering: Entering): void {
    entering.askedAt = this.#clock.now()
    entering.layer.onKeyframeWanted()
  }

  #stopEntering (): void {
    this.#entering?.subscription?.[Symbol.dispose]()
    this.#entering = undefined
  }

  #stopCatchingUp (): void {
    this.#catchUp?.[Symbol.dispose]()
    this.#catchUp = undefined
  }

  detach (): void {
    this.#stopEntering()
    this.#stopCatchingUp()
    this.#subscription?.[Symbol.dispose]()
    this.#subscription = undefined
    this.#track = this.#layer = this.#newest = undefined
    this.#held = false
    this.sender.startAnew()
  }

  write (packet: RtpPacket): void {
    if (this.#held) return
    if (this.#catchUp && !this.#catchUp.done) { this.#catchUp.push(packet); return }
    if (this.#entering && this.#entering.relation !== 'other' && this.#mayEnter(this.#entering, packet)) return // The layer that is entered has it too.
    if (this.#awaitsKeyframe) {
      if (!startsKeyframe(this.codec.name, packet)) return
      this.#awaitsKeyframe = false
    }
    if (this.#liveStart && !this.#isLive(packet, this.#liveStart)) return
    this.sender.write(packet)
    if (this.#isNewer(packet)) this.#newest = packet.timestamp
    if (packet.marker && this.codec.kind === 'video') this.freezes.frame(this.#clock.now())
  }

  #isLive (packet: RtpPacket, start: LiveStart): boolean {
    const reference = this.#track?.timeReference
    const age = reference && this.#clock.wall() - wallTimeOf(packet.timestamp, reference, this.codec.clockRate)
    const live = start.accepts(age, this.#clock.now())
    if (live) this.#liveStart = undefined
    return live
  }

  fail (error: unknown): void {
    this.detach()
    this.#failed(error)
  }

  /** The viewer cannot decode: it is shown the backlog again, or the publisher is asked for a new start. */
  pictureLost (): void {
    this.picturesLost++
    const now = this.#clock.now()
    if (!this.#track || !this.#layer || now - this.#pictureAskedAt < PICTURE_INTERVAL_MS) return
    this.#pictureAskedAt = now
    const backlog = this.#track.backlog?.packets() ?? []
    if (backlog.length > 0) this.#fastForward(backlog)
    else if (!this.#track.backlog) this.#layer.onKeyframeWanted()
  }

  /**
   * A sender report, if there is one to give. Receivers draw a line through the reports they get, so a first one by another
   * measure than the rest would bend it for seconds: a track is given a moment to say its own time.
   */
  report (): SenderReport | undefined {
    const track = this.#layer
    if (!track || (!track.timeReference && this.#clock.now() - this.#attachedAt < REFERENCE_WAIT_MS)) return undefined
    return this.sender.report(track.timeReference)
  }

  [Symbol.dispose] (): void { this.detach() }

  #fastForward (backlog: RtpPacket[]): void {
    this.#catchUp?.[Symbol.dispose]()
    this.#awaitsKeyframe = false
    this.#catchUp = new CatchUp(backlog, this.sender, this.#clock, this.codec.clockRate)
    this.framesFromBacklog += this.#catchUp.frames
  }
}
