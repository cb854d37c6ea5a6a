import type { Clock } from '../../lib/clock.ts'
import { isRtp, RtpPacket } from '../../media/rtp-packet.ts'
import { ExtensionUri } from '../../protocols/webrtc/sdp-types.ts'
import type { Intake } from './intake.ts'
import type { PublishedSection } from './publishing.ts'
import { Uplink } from './uplink.ts'

/** A section whose source was heard this lately (ms) does not change it: somebody sends two at once, and one is enough. */
const SOURCE_HOLD_MS = 1000

/** Sources remembered: a publisher that restarts its layers again and again fills no memory. */
const MAX_SOURCES = 64

export type DemuxOptions = {
  readonly sections: readonly PublishedSection[]
  readonly clock: Clock
  /** @param rid the simulcast layer; empty for a single stream */
  readonly open: (section: PublishedSection, ssrc: number, rid: string) => Intake
}

/** How packets of a payload type are read: as they are, as retransmissions, or as redundant audio. */
type Form = 'plain' | 'repair' | 'red'

type Slot = { readonly section: PublishedSection, readonly rid: string, intake: Intake | undefined, heardAt: number }

/**
 * Sorts a publisher's packets into its streams, by payload type: in one bundle each belongs to one section (RFC 9143 section 10.2). The layers of a section
 * are told apart by the RID their first packets carry (RFC 8852), and then by source.
 */
export class Demux implements Disposable {
  readonly uplink: Uplink
  /** Packets that are not RTP, or of no section agreed on. */
  strays = 0
  readonly #options: DemuxOptions
  readonly #slots: readonly Slot[]
  readonly #byPayloadType = new Map<number, { slots: readonly Slot[], form: Form }>()
  /** Sources of layers, those of their retransmissions among them. */
  readonly #bySource = new Map<number, Slot>()
  readonly #ridId: number | undefined
  readonly #repairedRidId: number | undefined

  constructor (options: DemuxOptions) {
    this.#options = options
    this.#slots = options.sections.flatMap(section => (section.rids.length > 0 ? section.rids : ['']).map(rid => ({ section, rid, intake: undefined, heardAt: -Infinity })))
    for (const section of options.sections) {
      const slots = this.#slots.filter(slot => slot.section === section)
      const { codec, rtx, red } = section.negotiated
      this.#byPayloadType.set(codec.payloadType, { slots, form: 'plain' })
      if (rtx) this.#byPayloadType.set(rtx.payloadType, { slots, form: 'repair' })
      if (red) this.#byPayloadType.set(red.payloadType, { slots, form: 'red' })
    }
    const extensions = options.sections.flatMap(section => section.extensions)
    const idOf = (wanted: string): number | undefined => extensions.find(({ uri }) => uri === wanted)?.id
    this.uplink = new Uplink(options.sections)
    this.#ridId = idOf(ExtensionUri.rid)
    this.#repairedRidId = idOf(ExtensionUri.repairedRid)
  }

  get intakes (): Intake[] { return this.#slots.map(({ intake }) => intake).filter(intake => intake !== undefined) }
  intakeOf (ssrc: number): Intake | undefined { return this.#slots.find(({ intake }) => intake?.ssrc === ssrc)?.intake }

  take (bytes: Buffer): void {
    if (!isRtp(bytes)) { this.strays++; return }
    const packet = new RtpPacket(bytes)
    const now = this.#options.clock.now()
    this.uplink.note(packet, now)
    const found = this.#byPayloadType.get(packet.payloadType)
    if (!found) { this.strays++; return }
    const { slots, form } = found
    const slot = slots.length === 1 ? slots[0]! : this.#layerOf(packet, slots, form === 'repair')
    if (!slot) { this.strays++; return }
    if (form === 'repair') { slot.intake?.takeRepair(packet, now); return }
    const intake = this.#intakeFor(slot, packet.ssrc, now)
    if (form === 'plain') intake?.take(packet, now)
    else if (intake && !intake.takeRed(packet, now)) this.strays++
  }

  /** Nothing more comes for the moment: what came together goes on. */
  settle (): void { for (const { intake } of this.#slots) intake?.settle() }

  #layerOf (packet: RtpPacket, slots: readonly Slot[], repair: boolean): Slot | undefined {
    const known = this.#bySource.get(packet.ssrc)
    if (known && slots.includes(known)) return known
    const id = repair ? this.#repairedRidId : this.#ridId
    const rid = id === undefined ? undefined : packet.extension(id)?.toString('latin1')
    const slot = slots.find(candidate => candidate.rid === rid)
    if (slot) this.#bySource.set(packet.ssrc, slot)
    if (this.#bySource.size > MAX_SOURCES) this.#bySource.delete(this.#bySource.keys().next().value!)
    return slot
  }

  #intakeFor (slot: Slot, ssrc: number, now: number): Intake | undefined {
    if (slot.intake && slot.intake.ssrc !== ssrc) {
      if (now - slot.heardAt < SOURCE_HOLD_MS) { this.strays++; return undefined }
      this.#close(slot)
    }
    slot.heardAt = now
    return slot.intake ??= this.#options.open(slot.section, ssrc, slot.rid)
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
