import { Reception } from '../../src/media/reception.ts'
import type { RtpPacket } from '../../src/media/rtp-packet.ts'
import { TransportArrivals } from '../../src/media/transport-arrivals.ts'
import type { RawPeer } from '../../test/support/raw-peer.ts'

/** As libwebrtc: arrivals ten times a second, a receiver report once. */
const FEEDBACK_MS = 100
const FEEDBACKS_PER_REPORT = 10
const SSRC = 1

/** A viewer that looks at no picture. It counts, and reports what a browser would. */
export class CountingViewer implements Disposable {
  /** Packets of the stream; retransmissions are none. */
  packets = 0
  bytes = 0
  onPacket: (packet: RtpPacket) => void = () => {}
  readonly #peer: RawPeer
  readonly #payloadType: number
  readonly #numberId: number | undefined
  readonly #reception = new Reception(90_000)
  readonly #arrivals = new TransportArrivals()
  readonly #timer: NodeJS.Timeout
  #ssrc = 0
  #ticks = 0

  /** @param numberId under which header extension packets have their transport-wide number, if that was agreed on */
  constructor (peer: RawPeer, payloadType: number, numberId?: number) {
    this.#peer = peer
    this.#payloadType = payloadType
    this.#numberId = numberId
    peer.onPacket = packet => this.#take(packet)
    this.#timer = setInterval(() => this.#report(), FEEDBACK_MS)
  }

  get lost (): number { return this.#reception.lost }

  [Symbol.dispose] (): void { clearInterval(this.#timer) }

  #take (packet: RtpPacket): void {
    this.#peer.packets.length = 0
    const now = performance.now()
    const number = this.#numberId === undefined ? undefined : packet.extension(this.#numberId)
    if (number) this.#arrivals.add(number.readUInt16BE(0), now)
    if (packet.payloadType !== this.#payloadType) return
    this.packets++
    this.bytes += packet.bytes.length
    this.#ssrc = packet.ssrc
    this.#reception.add(packet, now)
    this.onPacket(packet)
  }

  #report (): void {
    const now = performance.now()
    for (const report of this.#peer.reports.splice(0)) if (report.type === 'sr') this.#reception.addReport(report, now)
    const feedback = this.#arrivals.take(SSRC, this.#ssrc)
    if (feedback) this.#peer.sendRtcp([feedback])
    if (++this.#ticks % FEEDBACKS_PER_REPORT === 0 && this.packets > 0) this.#peer.sendRtcp([{ type: 'rr', ssrc: SSRC, reports: [this.#reception.report(this.#ssrc, now)] }])
  }
}
