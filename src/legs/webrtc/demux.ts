import type { Clock } from '../../lib/clock.ts'
import { isRtp, RtpPacket } from '../../media/rtp-packet.ts'
import { TransportArrivals } from '../../media/transport-arrivals.ts'
import { ExtensionUri } from '../../protocols/webrtc/sdp-types.ts'
import type { Intake } from './intake.ts'
import type { PublishedSection } from './publishing.ts'

/** A section whose source was heard this lately (ms) does not change it: somebody sends two at once, and one is enough. */
const SOURCE_HOLD_MS = 1000

export type DemuxOptions = {
  readonly sections: readonly PublishedSection[]
  readonly clock: Clock
  readonly open: (section: PublishedSection, ssrc: number) => Intake
}

type Slot = { readonly section: PublishedSection, intake: Intake | undefined, heardAt: number }

/** Sorts a publisher's packets into its streams, by payload type: in one bundle each belongs to one section (RFC 9143 section 10.2). */
export class Demux implements Disposable {
  readonly arrivals = new TransportArrivals()
  /** Packets that are not RTP, or of no section agreed on. */
  strays = 0
  readonly #options: DemuxOptions
  readonly #slots: readonly Slot[]
  readonly #byPayloadType = new Map<number, { slot: Slot, repair: boolean }>()
  readonly #transportCcId: number | undefined

  constructor (options: DemuxOptions) {
    this.#options = options
    this.#slots = options.sections.map(section => ({ section, intake: undefined, heardAt: -Infinity }))
    for (const slot of this.#slots) {
      const { codec, rtx } = slot.section.negotiated
      this.#byPayloadType.set(codec.payloadType, { slot, repair: false })
      if (rtx) this.#byPayloadType.set(rtx.payloadType, { slot, repair: true })
    }
    const extensions = options.sections.flatMap(section => section.extensions)
    this.#transportCcId = extensions.find(({ uri }) => uri === ExtensionUri.transportCc)?.id
  }

  get intakes (): Intake[] { return this.#slots.map(({ intake }) => intake).filter(intake => intake !== undefined) }
  intakeOf (ssrc: number): Intake | undefined { return this.#slots.find(({ intake }) => intake?.ssrc === ssrc)?.intake }

  take (bytes: Buffer): void {
    if (!isRtp(bytes)) { this.strays++; return }
    const packet = new RtpPacket(bytes)
    const now = this.#options.clock.now()
    this.#noteArrival(packet, now)
    const found = this.#byPayloadType.get(packet.payloadType)
    if (!found) { this.strays++; return }
    const { slot, repair } = found
    if (repair) slot.intake?.takeRepair(packet, now)
    else this.#intakeFor(slot, packet.ssrc, now)?.take(packet, now)
  }

  #noteArrival (packet: RtpPacket, now: number): void {
    const value = this.#transportCcId === undefined ? undefined : packet.extension(this.#transportCcId)
    if (value?.length === 2) this.arrivals.add(value[0]! << 8 | value[1]!, now)
  }

  #intakeFor (slot: Slot, ssrc: number, now: number): Intake | undefined {
    if (slot.intake && slot.intake.ssrc !== ssrc) {
      if (now - slot.heardAt < SOURCE_HOLD_MS) { this.strays++; return undefined }
      this.#close(slot)
    }
    slot.heardAt = now
    return slot.intake ??= this.#options.open(slot.section, ssrc)
  }

  /** The publisher said goodbye to a source (RFC 3550 section 6.6). */
  end (ssrc: number): void {
    const slot = this.#slots.find(({ intake }) => intake?.ssrc === ssrc)
    if (slot) this.#close(slot)
  }

  #close (slot: Slot): void {
    slot.intake?.[Symbol.dispose]()
    slot.intake = undefined
  }

  [Symbol.dispose] (): void { for (const slot of this.#slots) this.#close(slot) }
}
