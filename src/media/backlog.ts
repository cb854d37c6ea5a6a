import type { Codec } from './codec.ts'
import { startsKeyframe } from './keyframes.ts'
import { type RtpPacket, timestampDistance } from './rtp-packet.ts'

/** What a backlog may hold. A video backlog that outgrows a limit is useless until the next keyframe and is emptied. */
export type BacklogLimits = { readonly bytes: number, readonly ms: number }

export const defaultBacklogLimits: BacklogLimits = { bytes: 8 << 20, ms: 12_000 }

/**
 * The packets a newcomer needs to begin at once: video since the last keyframe, audio of the last seconds. For publishers who
 * cannot be asked for a keyframe (an encoder behind RTMP), and so that a recording starts with both picture and sound.
 */
export class Backlog {
  readonly #codec: Codec
  readonly #limits: BacklogLimits
  #packets: RtpPacket[] = []
  #bytes = 0
  #keyframeTimestamp: number | undefined

  constructor (codec: Codec, limits: BacklogLimits = defaultBacklogLimits) {
    this.#codec = codec
    this.#limits = limits
  }

  get bytes (): number { return this.#bytes }

  push (packet: RtpPacket): void {
    if (this.#codec.kind === 'video' && !this.#beginsOrContinues(packet)) return
    this.#packets.push(packet)
    this.#bytes += packet.bytes.length
    if (this.#tooMuch(packet)) this.#shrink(packet)
  }

  /** Oldest first; a new array. Video: empty, or starts with a keyframe. */
  packets (): RtpPacket[] { return this.#packets.slice() }

  #beginsOrContinues (packet: RtpPacket): boolean {
    if (packet.timestamp !== this.#keyframeTimestamp && startsKeyframe(this.#codec.name, packet)) {
      this.#clear()
      this.#keyframeTimestamp = packet.timestamp
    }
    return this.#keyframeTimestamp !== undefined
  }

  #tooMuch (newest: RtpPacket): boolean {
    return this.#bytes > this.#limits.bytes || this.#ageMs(newest) > this.#limits.ms
  }

  #ageMs (newest: RtpPacket): number {
    const oldest = this.#packets[0]
    return oldest ? timestampDistance(newest.timestamp, oldest.timestamp) / this.#codec.clockRate * 1000 : 0
  }

  #shrink (newest: RtpPacket): void {
    if (this.#codec.kind === 'video') {
      this.#clear()
      return
    }
    // An eighth at a time: shifting one packet of a long array for every packet that comes would cost more than the packet.
    const keep = Math.floor(this.#packets.length * 7 / 8)
    const gone = this.#packets.splice(0, this.#packets.length - keep)
    for (const packet of gone) this.#bytes -= packet.bytes.length
    if (keep > 0 && this.#tooMuch(newest)) this.#shrink(newest)
  }

  #clear (): void {
    this.#packets = []
    this.#bytes = 0
    this.#keyframeTimestamp = undefined
  }
}
