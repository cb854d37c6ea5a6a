import { aborted } from '../../lib/abort.ts'
import type { Clock } from '../../lib/clock.ts'
import { AppError, messageOf } from '../../lib/errors.ts'
import { type Logger, Tally } from '../../lib/log.ts'
import { isRtcp, parseRtcp, printRtcp } from '../../media/rtcp/compound.ts'
import type { ReportBlock, RtcpPacket, TransportFeedback } from '../../media/rtcp/packet.ts'
import { ExtensionUri } from '../../protocols/webrtc/sdp-types.ts'
import type { Transport } from '../../protocols/webrtc/transport.ts'
import type { Advice, Leg, LegContext, LegStats } from '../../room/leg.ts'
import type { Room } from '../../room/room.ts'
import type { Transcode } from '../../room/track.ts'
import { connected } from './connect.ts'
import { Downlink } from './downlink.ts'
import { Outlet } from './outlet.ts'
import type { WebRtcSettings } from './settings.ts'
import { isEmpty, type Part, type Scene, Stage } from './stage.ts'
import { describeViewer } from './viewer-stats.ts'
import type { ViewedSection, Viewing } from './viewing.ts'

/** Sender reports: often at first, since a receiver needs two of each stream to bring sound and picture together, and sound has its first later; then once a second. */
const REPORT_TICK_MS = 250
const EAGER_TICKS = 12
const TICKS_PER_REPORT = 4

export type WhepLegOptions = {
  readonly transport: Transport
  readonly viewing: Viewing
  /** Identity or id of the participant to show; without, whoever is there. */
  readonly wanted: string | undefined
  /** The viewer's own identity, where it is known. */
  readonly self?: string | undefined
  readonly cname: string
  readonly transcode: Transcode
  readonly settings: WebRtcSettings
  readonly clock: Clock
}

/** A viewer: sends pictures and sounds of a room to a browser. */
export class WhepLeg implements Leg {
  readonly kind = 'whep'
  readonly #options: WhepLegOptions
  readonly #downlink: Downlink
  /** One for each section viewed, in their order. */
  readonly #outlets: Outlet[] = []
  readonly #advice = new Map<Outlet, Advice>()
  readonly #gone = Promise.withResolvers<void>()
  #packetsIn = 0
  #bytesIn = 0
  #stage: Stage | undefined
  #grace: Disposable | undefined

  constructor (options: WhepLegOptions) {
    this.#options = options
    this.#downlink = new Downlink(options.clock)
  }

  async run (room: Room, { signal, log, live }: LegContext): Promise<void> {
    const { transport, viewing: { viewed }, clock, wanted, self, settings: { connectTimeoutMs } } = this.#options
    await using stack = new AsyncDisposableStack()
    stack.use(transport)
    const tally = new Tally(log, clock)
    transport.onPacket = bytes => this.#take(bytes, tally)
    await connected(transport, { timeoutMs: connectTimeoutMs, signal, clock })
    for (const section of viewed) this.#outlets.push(stack.use(this.#outlet(section)))
    stack.defer(() => this.#sayGoodbye())
    stack.use(this.#downlink)
    stack.use(this.#reportRegularly())
    const placesOf = (kind: ViewedSection['kind']): number => viewed.filter(section => section.kind === kind).length
    const audience = { wanted, self, places: { video: placesOf('video'), audio: placesOf('audio') } }
    this.#stage = stack.use(new Stage(room, audience, scene => this.#show(scene, log)))
    stack.defer(() => this.#grace?.[Symbol.dispose]())
    live()
    await Promise.race([this.#gone.promise, transport.ended, aborted(signal)])
    signal.throwIfAborted()
  }

  get viewed (): readonly ViewedSection[] { return this.#options.viewing.viewed }
  /** Who is shown; undefined before the connection is made. */
  get scene (): Scene | undefined { return this.#stage?.scene }

  /** The layers there are of what a section shows, lowest first. */
  ridsOf (section: ViewedSection): string[] {
    return this.#outlets[this.viewed.indexOf(section)]?.layers.map(({ rid }) => rid).filter(rid => rid !== undefined) ?? []
  }

  /** The viewer wants this layer of what a section shows, and none above it; undefined for whatever suits its path. */
  chooseLayer (section: ViewedSection, rid: string | undefined): void {
    const outlet = this.#outlets[this.viewed.indexOf(section)]
    if (!outlet) return
    this.#downlink.limit(outlet, rid)
    this.#steer()
  }

  stats (): LegStats {
    const { transport, viewing: { viewed } } = this.#options
    return describeViewer({
      viewed,
      outlets: this.#outlets,
      scene: this.#stage?.scene,
      pair: transport.pair,
      packetsIn: this.#packetsIn,
      bytesIn: this.#bytesIn,
      downlink: this.#downlink.describe(),
      link: this.#downlink.link,
      advice: [...this.#advice.values(), ...this.#outlets.some(({ lacksDescriptors }) => lacksDescriptors) ? [lowestOnly] : []]
    })
  }

  #outlet ({ codec, negotiated, stream: { ssrc, rtxSsrc }, extensions }: ViewedSection): Outlet {
    const { clock, transport, viewing: { viewed } } = this.#options
    const headers = this.#downlink.headersFor(extensions, viewed.some(({ transcoded }) => transcoded))
    const describes = extensions.some(({ uri }) => uri === ExtensionUri.dependencyDescriptor)
    return new Outlet({ codec, negotiated, ssrc, rtxSsrc, extensions: headers, describes, numbers: this.#downlink.ledger, clock, target: transport, failed: error => this.#gone.reject(error) })
  }

  /** What there is to show has changed; with nothing, the viewer waits a while for it to come back. */
  #show (scene: Scene, log: Logger): void {
    const { settings: { rejoinGraceMs }, clock } = this.#options
    for (const [index, { kind, place }] of this.#options.viewing.viewed.entries()) {
      const part = scene[kind][place]
      if (part) this.#attach(this.#outlets[index]!, part, log)
      else this.#outlets[index]!.detach()
    }
    this.#grace?.[Symbol.dispose]()
    this.#grace = isEmpty(scene) ? clock.after(rejoinGraceMs, this.#gone.resolve) : undefined
  }

  /** What cannot be shown is said in the session's status; the rest goes on. */
  #attach (outlet: Outlet, { owner, track }: Part, log: Logger): void {
    const { kind } = track.codec
    try {
      const foreign = kind === 'video' && track.codec.name !== outlet.codec.name
      if (foreign) throw new AppError('no_common_codec', `the picture is now ${track.codec.name}; ${outlet.codec.name} was agreed on`)
      outlet.attach(kind === 'audio' ? track.as([outlet.codec], this.#options.transcode) : track)
      this.#advice.delete(outlet)
    } catch (error) {
      if (!(error instanceof AppError)) throw error
      outlet.detach()
      this.#advice.set(outlet, adviceFor({ owner, track }, error))
      log.warn({ participant: owner.info.identity, codec: track.codec.name, error: messageOf(error) }, 'a viewer gets a part only')
    }
  }

  #take (bytes: Buffer, tally: Tally): void {
    this.#packetsIn++
    this.#bytesIn += bytes.length
    if (!isRtcp(bytes)) return // A viewer sends no media.
    try {
      for (const packet of parseRtcp(bytes)) this.#hear(packet)
    } catch (error) {
      tally.count('a viewer sent malformed RTCP', { error: messageOf(error) })
    }
  }

  #hear (packet: RtcpPacket): void {
    switch (packet.type) {
      case 'rr': case 'sr': this.#hearReports(packet.reports); break
      case 'nack': this.#outletOf(packet.media)?.sender.resend(packet.lost); break
      case 'pli': this.#outletOf(packet.media)?.pictureLost(); break
      case 'fir': for (const { ssrc } of packet.requests) this.#outletOf(ssrc)?.pictureLost(); break
      case 'transport-cc': this.#hearArrivals(packet); break
      case 'remb': this.#downlink.hearBitrate(packet.bitrate); this.#steer(); break
      default: break
    }
  }

  #hearReports (blocks: readonly ReportBlock[]): void {
    for (const block of blocks) this.#outletOf(block.ssrc)?.sender.receive(block)
    this.#downlink.hearReports(this.#outlets)
  }

  #hearArrivals (feedback: TransportFeedback): void {
    this.#downlink.hear(feedback)
    this.#steer()
  }

  #steer (): void {
    this.#downlink.steer(this.#outlets)
    this.#downlink.protect(this.#outlets)
  }

  #outletOf (ssrc: number): Outlet | undefined { return this.#outlets.find(outlet => outlet.sender.ssrc === ssrc) }

  #reportRegularly (): Disposable {
    let tick = 0
    return this.#options.clock.every(REPORT_TICK_MS, () => {
      if (tick++ < EAGER_TICKS || tick % TICKS_PER_REPORT === 0) this.#report()
    })
  }

  #report (): void {
    const { transport, cname } = this.#options
    this.#steer() // Layers come and go, also for a viewer who reports nothing.
    for (const outlet of this.#outlets) {
      const { sender } = outlet
      const report = outlet.report()
      if (report) transport.send(printRtcp([report, { type: 'sdes', chunks: [{ ssrc: sender.ssrc, cname }] }]))
    }
  }

  #sayGoodbye (): void {
    const ssrcs = this.#outlets.map(({ sender }) => sender.ssrc)
    this.#options.transport.send(printRtcp([{ type: 'rr', ssrc: ssrcs[0] ?? 0, reports: [] }, { type: 'bye', ssrcs, reason: '' }]))
  }
}

const lowestOnly: Advice = {
  code: 'dependency_descriptor',
  message: 'The viewer gets the smallest size of a picture that is published in several (AV1 SVC): it does not read what tells their packets apart.',
  remedy: 'Have the player offer the dependency descriptor, a header extension; in browsers: RTCRtpTransceiver.setHeaderExtensionsToNegotiate().'
}

function adviceFor ({ owner: { info: { identity } }, track: { codec: { kind, name } } }: Part, error: AppError): Advice {
  if (kind === 'audio') {
    const message = `The viewer does not hear ${identity}: the sound is ${name}, and ${error.message}`
    return { code: error.code, message, remedy: 'Install the optional dependency node-av, or publish Opus.' }
  }
  const message = `The viewer does not see ${identity}: ${error.message}.`
  return { code: error.code, message, remedy: 'The viewer connects anew, or the publisher sends the codec it sent before.' }
}
