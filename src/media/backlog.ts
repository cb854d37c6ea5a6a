import type { Codec } from './codec.ts'
import { startsKeyframe } from './keyframes.ts'
import { RtpPacket, timestampDistance } from './rtp-packet.ts'

/** What a backlog may hold. A video backlog that outgrows a limit is useless until the next keyframe and is emptied. */
export type BacklogLimits = { readonly bytes: number, readonly ms: number }

export const defaultBacklogLimits: BacklogLimits = { bytes: 8 << 20, ms: 12_000 }

const FIRST_CAPACITY_BYTES = 64 << 10
const RTP_TIMESTAMP_OFFSET = 4

/**
 * The packets a newcomer needs to begin at once: video since the last keyframe, audio of the last seconds. For publishers who
 * cannot be asked for a keyframe (an encoder behind RTMP), and so that a recording starts with both picture and sound.
 *
 * It copies the bytes into memory of its own, which it uses again and again: packets that were kept for seconds would grow old
 * in the garbage collector's eyes, and cost more to collect than all else that is done for a publisher.
 */
export class Backlog {
  readonly #codec: Codec
  readonly #limits: BacklogLimits
  #memory = Buffer.alloc(0)
  #bytes = 0
  /** Where each packet ends in `#memory`. */
  #ends: number[] = []
  #compositionOffsets: number[] = []
  #keyframeTimestamp: number | undefined

  constructor (codec: Codec, limits: BacklogLimits = defaultBacklogLimits) {
    this.#codec = codec
    this.#limits = limits
  }

  get bytes (): number { return this.#bytes }

  push (packet: RtpPacket): void {
    if (this.#codec.kind === 'video' && !this.#beginsOrContinues(packet)) return
    this.#append(packet)
    if (this.#tooMuch(packet)) this.#shrink(packet)
  }

  /** Copies, oldest first. Video: none, or from a keyframe on. */
  packets (): RtpPacket[] {
    const bytes = Buffer.from(this.#memory.subarray(0, this.#bytes))
    return this.#ends.map((end, index) => new RtpPacket(bytes.subarray(this.#ends[index - 1] ?? 0, end), this.#compositionOffsets[index]!))
  }

  #beginsOrContinues (packet: RtpPacket): boolean {
    if (packet.timestamp !== this.#keyframeTimestamp && startsKeyframe(this.#codec.name, packet)) {
      this.#clear()
      this.#keyframeTimestamp = packet.timestamp
    }
    return this.#keyframeTimestamp !== undefined
  }

  #append ({ bytes, compositionOffset }: RtpPacket): void {
    const end = this.#bytes + bytes.length
    if (end > this.#memory.length) {
      const bigger = Buffer.allocUnsafeSlow(Math.max(end, this.#memory.length * 2, FIRST_CAPACITY_BYTES))
      this.#memory.copy(bigger, 0, 0, this.#bytes)
      this.#memory = bigger
    }
    this.#memory.set(bytes, this.#bytes)
    this.#bytes = end
    this.#ends.push(end)
    this.#compositionOffsets.push(compositionOffset)
  }

  #tooMuch (newest: RtpPacket): boolean {
    return this.#bytes > this.#limits.bytes || this.#ageMs(newest) > this.#limits.ms
  }

  #ageMs (newest: RtpPacket): number {
    if (this.#ends.length === 0) return 0
    const oldest = this.#memory.readUInt32BE(RTP_TIMESTAMP_OFFSET)
    return timestampDistance(newest.timestamp, oldest) / this.#codec.clockRate * 1000
  }

  #shrink (newest: RtpPacket): void {
    if (this.#codec.kind === 'video') {
      this.#clear()
      return
    }
    // An eighth at a time: moving a long backlog for every packet that comes would cost more than the packet.
    const keep = Math.floor(this.#ends.length * 7 / 8)
    this.#forget(this.#ends.length - keep)
    if (keep > 0 && this.#tooMuch(newest)) this.#shrink(newest)
  }

  /** The oldest `count` packets. */
  #forget (count: number): void {
    const gone = this.#ends[count - 1] ?? 0
    this.#memory.copyWithin(0, gone, this.#bytes)
    this.#bytes -= gone
    this.#ends = this.#ends.slice(count).map(end => end - gone)
    this.#compositionOffsets = this.#compositionOffsets.slice(count)
  }

  #clear (): void {
    this.#bytes = 0
    this.#ends.length = 0
    this.#compositionOffsets.length = 0
    this.#keyframeTimestamp = undefined
  }
}
