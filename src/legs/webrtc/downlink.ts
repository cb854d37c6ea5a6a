import type { Clock } from '../../lib/clock.ts'
import { BandwidthEstimator } from '../../media/bandwidth/estimator.ts'
import { LayerChooser } from '../../media/bandwidth/layer-chooser.ts'
import { Probing } from '../../media/bandwidth/probing.ts'
import { RedundancyChooser } from '../../media/bandwidth/redundancy-chooser.ts'
import { SendLedger } from '../../media/bandwidth/send-ledger.ts'
import { ToldBandwidth } from '../../media/bandwidth/told-bandwidth.ts'
import { ExtensionBlock, type ExtensionElement, playoutDelay } from '../../media/header-extensions.ts'
import { LossBursts } from '../../media/quality/loss-bursts.ts'
import type { TransportFeedback } from '../../media/rtcp/packet.ts'
import { ExtensionUri, type HeaderExtension } from '../../protocols/webrtc/sdp-types.ts'
import type { LinkQuality } from '../../room/leg.ts'
import type { Outlet } from './outlet.ts'
import { Prober } from './prober.ts'

/**
 * Transcoded sound arrives some 35 ms after its picture and waits in the receiver's jitter buffer for 40 to 80 more. Receivers
 * bring the picture in step by holding it back, little by little over ten seconds. Told to hold it back from the start (ms), they
 * have nothing left to do.
 */
const PICTURE_HOLD_MS = 100
/** What receivers take for the most without being told. */
const MAX_PLAYOUT_DELAY_MS = 10_000
/** bit/s of the path that each sound needs, whatever the picture wants. */
const SOUND_RESERVE = 50_000
/** Of packets lost: a path with less may still be tried with more. */
const NOTICEABLE_LOSS = 0.05
/** A layer of so many times what the path carries gets nothing through that could be decoded. */
const HOPELESS = 2

/** The way from here to one viewer: what is told of each packet, and what is known of the path. */
export class Downlink implements Disposable {
  readonly ledger = new SendLedger()
  readonly #estimator = new BandwidthEstimator()
  readonly #probing = new Probing()
  readonly #prober: Prober
  readonly #bursts = new LossBursts()
  readonly #clock: Clock
  /** Whether the viewer reports arrivals; if not, there is what it says itself. */
  #reported = false
  readonly #told = new ToldBandwidth()
  /** bit/s, as steered last. */
  #sent = 0
  readonly #choosers = new Map<Outlet, LayerChooser>()
  readonly #redundancy = new RedundancyChooser()
  /** The layers that viewers chose, by RID. */
  readonly #limits = new Map<Outlet, string>()

  constructor (clock: Clock) {
    this.#clock = clock
    this.#prober = new Prober(this.ledger, clock)
  }

  /** What the packets of one stream carry in their headers. @param held whether its picture waits for transcoded sound */
  headersFor (extensions: readonly HeaderExtension[], held: boolean): ExtensionBlock | undefined {
    const idOf = (wanted: string): number | undefined => extensions.find(({ uri }) => uri === wanted)?.id
    const numberId = idOf(ExtensionUri.transportCc)
    const descriptorId = idOf(ExtensionUri.dependencyDescriptor)
    const delay = held ? idOf(ExtensionUri.playoutDelay) : undefined
    const elements: ExtensionElement[] = delay === undefined ? [] : [{ id: delay, value: playoutDelay(PICTURE_HOLD_MS, MAX_PLAYOUT_DELAY_MS) }]
    const isEmpty = numberId === undefined && descriptorId === undefined && elements.length === 0
    return isEmpty ? undefined : new ExtensionBlock(elements, { numberId, descriptorId })
  }

  hear (feedback: TransportFeedback): void {
    this.#reported = true
    const fates = this.ledger.settle(feedback)
    for (const { arrivedAt, late } of fates) if (!late) this.#bursts.add(arrivedAt === undefined)
    const now = this.#clock.now()
    this.#estimator.take(fates, now, sentAt => this.#probing.disturbs(sentAt))
    const proven = this.#probing.take(fates, now)
    if (proven !== undefined) this.#estimator.prove(proven)
  }

  /** The viewer says what it believes its path can carry, in bit/s (REMB). */
  hearBitrate (bitrate: number): void { this.#told.hear(bitrate, this.#clock.now()) }

  /** The viewer has reported on what it received of these. */
  hearReports (outlets: readonly Outlet[]): void {
    this.#told.hearLoss(Math.max(0, ...outlets.map(({ sender: { quality } }) => quality?.lossFraction ?? 0)), this.#sent, this.#clock.now())
  }

  /** Sends no better layer than this; undefined for the best that the path carries. Where there is no such layer, nothing is limited. */
  limit (outlet: Outlet, rid: string | undefined): void {
    if (rid === undefined) this.#limits.delete(outlet)
    else this.#limits.set(outlet, rid)
    this.#choosers.delete(outlet) // What is wanted now is tried now.
  }

  /** Has the pictures sent in the qualities that suit the path: what one leaves, the next may take. Sound is never held back for them. */
  steer (outlets: readonly Outlet[]): void {
    const pictures = outlets.filter(({ codec, track }) => codec.kind === 'video' && track !== undefined)
    const bitrate = this.#bitrate
    const reserve = SOUND_RESERVE * (1 + this.#redundancy.depth) * (outlets.length - pictures.length)
    let budget = bitrate === undefined ? undefined : bitrate - reserve
    let spent = reserve
    let wanted = Infinity
    for (const [index, picture] of pictures.entries()) {
      const sharers = pictures.length - index
      const { sent, better = Infinity } = this.#steerOne(picture, budget === undefined ? undefined : budget / sharers)
      wanted = Math.min(wanted, spent + better * sharers)
      spent += sent
      if (budget !== undefined) budget -= Math.min(budget, sent)
    }
    this.#sent = spent
    if (bitrate !== undefined && wanted !== Infinity) this.#probe(bitrate, wanted, pictures)
  }

  /** @returns bit/s that the picture takes, and that a better quality of it would */
  #steerOne (outlet: Outlet, budget: number | undefined): { sent: number, better?: number | undefined } {
    const track = outlet.track!
    if (track.layers.length === 0) outlet.switchTo(track)
    const { layers } = outlet
    const limit = layers.findIndex(({ rid }) => rid === this.#limits.get(outlet))
    const allowed = limit < 0 ? layers : layers.slice(0, limit + 1)
    const flowing = allowed.filter(({ bitrate }) => (bitrate ?? 0) > 0)
    if (flowing.length === 0) return { sent: track.bitrate ?? 0 }
    const bitrates = flowing.map(({ bitrate }) => bitrate ?? 0)
    const chooser = this.#chooserOf(outlet, flowing.length)
    const tries = !this.#reported || !outlet.sender.pads
    const now = this.#clock.now()
    const fits = budget === undefined || (bitrates[chooser.layer] ?? 0) <= budget || this.#reported || this.#told.mayGrow(chooser.raisedAt, now)
    const layer = flowing[chooser.choose(bitrates, budget, this.#isCalm && fits, now, tries)]!
    const tooMuch = budget !== undefined && (outlet.layer?.bitrate ?? 0) > budget * HOPELESS
    outlet.switchTo(layer, tooMuch)
    return { sent: layer.bitrate ?? 0, better: chooser.wanted(bitrates) }
  }

  /** Finds out whether a better quality would fit, if one would be sent. */
  #probe (estimate: number, wanted: number, pictures: readonly Outlet[]): void {
    const sender = pictures.find(outlet => outlet.sender.pads)?.sender
    if (!this.#reported || !sender) return
    const target = this.#probing.next(estimate, wanted, this.#isCalm, this.#clock.now())
    if (target !== undefined) this.#prober.start(target, sender)
  }

  [Symbol.dispose] (): void { this.#prober[Symbol.dispose]() }

  get #bitrate (): number | undefined { return this.#reported ? this.#estimator.bitrate : this.#told.bitrate }
  get #lossFraction (): number { return this.#reported ? this.#estimator.lossFraction : this.#told.lossFraction }
  get #isCalm (): boolean { return this.#estimator.usage === 'normal' && this.#lossFraction < NOTICEABLE_LOSS }

  #chooserOf (outlet: Outlet, layers: number): LayerChooser {
    const known = this.#choosers.get(outlet)
    if (known) return known
    const chooser = new LayerChooser(layers, this.#clock.now())
    this.#choosers.set(outlet, chooser)
    return chooser
  }

  /** Has the sounds repeat as much as the path loses. */
  protect (outlets: readonly Outlet[]): void {
    this.#redundancy.update(this.#lossFraction, this.#clock.now())
    for (const { redundancy } of outlets) if (redundancy) redundancy.depth = this.#redundancy.depth
  }

  /** Bursts are known where the viewer reports each packet. */
  get link (): Pick<LinkQuality, 'bursts' | 'estimatedBitrate'> {
    const bitrate = this.#bitrate
    return { ...this.#reported ? { bursts: this.#bursts.describe() } : {}, ...bitrate === undefined ? {} : { estimatedBitrate: Math.round(bitrate) } }
  }

  /** For the session's status; undefined where the viewer reports nothing. */
  describe (): Record<string, unknown> | undefined {
    const bitrate = this.#bitrate
    if (!this.#reported && bitrate === undefined) return undefined
    const { received, usage } = this.#estimator
    const measured = this.#reported ? { receivedBitrate: Math.round(received), path: usage } : {}
    return { estimatedBitrate: bitrate === undefined ? null : Math.round(bitrate), ...measured, lossFraction: this.#lossFraction }
  }
}
