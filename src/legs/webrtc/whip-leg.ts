import { randomInt } from 'node:crypto'
import { aborted } from '../../lib/abort.ts'
import type { Clock } from '../../lib/clock.ts'
import { messageOf } from '../../lib/errors.ts'
import { Tally } from '../../lib/log.ts'
import { ntpOf, roundTripMs } from '../../media/ntp.ts'
import { isRtcp, parseRtcp, printRtcp } from '../../media/rtcp/compound.ts'
import type { ExtendedReport, RtcpPacket } from '../../media/rtcp/packet.ts'
import { ExtensionUri } from '../../protocols/webrtc/sdp-types.ts'
import type { Transport } from '../../protocols/webrtc/transport.ts'
import type { Leg, LegContext, LegStats } from '../../room/leg.ts'
import type { Participant, Room } from '../../room/room.ts'
import { connected } from './connect.ts'
import { Demux } from './demux.ts'
import { Intake } from './intake.ts'
import { PublishedLayers } from './layers.ts'
import { describePublisher } from './publisher-stats.ts'
import type { Publishing } from './publishing.ts'
import { ClockSkew } from './reported-time.ts'
import type { WebRtcSettings } from './settings.ts'

/** How often gaps are looked for and arrival times reported, in milliseconds. */
const FEEDBACK_MS = 50
const TICKS_PER_REPORT = 20

export type WhipLegOptions = {
  readonly transport: Transport
  readonly publishing: Publishing
  readonly identity: string
  readonly name?: string | undefined
  /** The kind of leg it came through, if not this one. */
  readonly source?: string
  readonly settings: WebRtcSettings
  readonly clock: Clock
}

/** A publisher: a browser, OBS or another server that sends into a room over WebRTC. */
export class WhipLeg implements Leg {
  readonly kind = 'whip'
  readonly #options: WhipLegOptions
  readonly #ssrc = randomInt(1, 2 ** 32)
  readonly #skew = new ClockSkew()
  #demux: Demux | undefined
  #roundTripMs: number | undefined
  #packetsIn = 0
  #bytesIn = 0
  #packetsOut = 0
  #bytesOut = 0

  constructor (options: WhipLegOptions) { this.#options = options }

  async run (room: Room, { signal, log, live, sessionId }: LegContext): Promise<void> {
    const { transport, settings: { connectTimeoutMs }, clock, identity, name = identity, source = this.kind } = this.#options
    await using stack = new AsyncDisposableStack()
    stack.use(transport)
    const tally = new Tally(log, clock)
    const early: Buffer[] = []
    transport.onPacket = bytes => { early.push(bytes) } // What comes between “connected” and our hearing of it.
    await connected(transport, { timeoutMs: connectTimeoutMs, signal, clock })
    const me = stack.use(room.join({ identity, name, source, sessionId }))
    const demux = this.#demux = stack.use(this.#open(me))
    transport.onPacket = bytes => this.#take(bytes, demux, tally)
    transport.onPause = () => demux.settle()
    for (const bytes of early) this.#take(bytes, demux, tally)
    demux.settle()
    stack.use(this.#reportRegularly(demux))
    live()
    await Promise.race([transport.ended, aborted(signal)])
    signal.throwIfAborted()
  }

  stats (): LegStats {
    return describePublisher({
      demux: this.#demux, publishing: this.#options.publishing, pair: this.#options.transport.pair, roundTripMs: this.#roundTripMs,
      packetsIn: this.#packetsIn, bytesIn: this.#bytesIn, packetsOut: this.#packetsOut, bytesOut: this.#bytesOut
    })
  }

  #open (participant: Participant): Demux {
    const { publishing: { published: sections }, clock } = this.#options
    const layers = new Map(sections.map(({ mid, codec, rids }) => [mid, new PublishedLayers(participant, codec, rids)]))
    return new Demux({
      sections,
      clock,
      open: ({ mid, codec, negotiated, extensions }, ssrc, rid) => new Intake({
        layers: layers.get(mid)!, rid, codec, ssrc, clock, skew: this.#skew,
        repairs: negotiated.codec.feedback.includes('nack'),
        audioLevelId: codec.kind === 'audio' ? extensions.find(({ uri }) => uri === ExtensionUri.audioLevel)?.id : undefined,
        descriptorId: extensions.find(({ uri }) => uri === ExtensionUri.dependencyDescriptor)?.id,
        opusInRed: negotiated.red && negotiated.codec.payloadType,
        askForPicture: media => this.#send([{ type: 'pli', sender: this.#ssrc, media }])
      })
    })
  }

  #take (bytes: Buffer, demux: Demux, tally: Tally): void {
    this.#packetsIn++
    this.#bytesIn += bytes.length
    if (!isRtcp(bytes)) { demux.take(bytes); return }
    try {
      for (const packet of parseRtcp(bytes)) this.#hear(packet, demux)
    } catch (error) {
      tally.count('a publisher sent malformed RTCP', { error: messageOf(error) })
    }
  }

  #hear (packet: RtcpPacket, demux: Demux): void {
    const { clock } = this.#options
    if (packet.type === 'sr') demux.intakeOf(packet.ssrc)?.takeReport(packet, clock.now(), clock.wall())
    if (packet.type === 'xr') this.#hearDelays(packet)
    if (packet.type === 'bye') for (const ssrc of packet.ssrcs) demux.end(ssrc)
  }

  /** Who sends only cannot be asked for the round trip by a sender report; it gives back the reference time we sent instead. */
  #hearDelays ({ delays }: ExtendedReport): void {
    const ours = delays.find(({ ssrc, lastReferenceTime }) => ssrc === this.#ssrc && lastReferenceTime !== 0)
    if (ours) this.#roundTripMs = roundTripMs(this.#options.clock.wall(), ours.lastReferenceTime, ours.delay)
  }

  #reportRegularly (demux: Demux): Disposable {
    const { clock } = this.#options
    let tick = 0
    return clock.every(FEEDBACK_MS, () => {
      const now = clock.now()
      for (const intake of demux.intakes) {
        const lost = intake.missing(now)
        if (lost.length > 0) this.#send([{ type: 'nack', sender: this.#ssrc, media: intake.ssrc, lost }])
      }
      for (const feedback of demux.uplink.report(this.#ssrc, demux.intakes, now)) this.#send([feedback])
      if (++tick % TICKS_PER_REPORT !== 0) return
      for (const intake of demux.intakes) intake.measure(now)
      this.#send([
        { type: 'rr', ssrc: this.#ssrc, reports: demux.intakes.map(intake => intake.report(now)) },
        { type: 'xr', ssrc: this.#ssrc, referenceTime: ntpOf(clock.wall()), delays: [] }
      ])
    })
  }

  #send (packets: RtcpPacket[]): void {
    const bytes = printRtcp(packets)
    if (!this.#options.transport.send(bytes)) return
    this.#packetsOut++
    this.#bytesOut += bytes.length
  }
}
