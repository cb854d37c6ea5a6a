import type { Codec } from '../../src/media/codec.ts'
import { startsKeyframe } from '../../src/media/keyframes.ts'
import { type RtpPacket, timestampDistance } from '../../src/media/rtp-packet.ts'

const SOUND_MS = 12_000

/** What a publisher of ready-made packets keeps for newcomers: video since the last keyframe, sound of the last seconds. */
export class PacketBacklog {
  readonly #codec: Codec
  #packets: RtpPacket[] = []

  constructor (codec: Codec) { this.#codec = codec }

  packets (): RtpPacket[] { return [...this.#packets] }

  keep (packet: RtpPacket): void {
    const { name, kind, clockRate } = this.#codec
    if (kind === 'audio') {
      this.#packets = this.#packets.filter(({ timestamp }) => timestampDistance(packet.timestamp, timestamp) <= SOUND_MS / 1000 * clockRate)
    } else if (startsKeyframe(name, packet) && packet.timestamp !== this.#packets[0]?.timestamp) {
      this.#packets = []
    } else if (this.#packets.length === 0) return
    this.#packets.push(packet)
  }
}
