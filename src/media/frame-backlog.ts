import type { Codec } from './codec.ts'
import type { Frame, RepeatablePacketizer } from './frame.ts'
import { type RtpPacket, timestampDistance } from './rtp-packet.ts'

/** What a backlog may hold. A video backlog that outgrows a limit is useless until the next keyframe and is emptied. */
export type BacklogLimits = { readonly bytes: number, readonly ms: number }

const defaultLimits: BacklogLimits = { bytes: 8 << 20, ms: 12_000 }
const FIRST_CAPACITY_BYTES = 64 << 10
const LENGTH_BYTES = 4

/** What is known of a frame whose units lie in the backlog's memory, each with its length before it, up to `end`. */
type Kept = Omit<Frame, 'units'> & { end: number, readonly sequenceNumber: number }

/**
 * A backlog for publishers whose packets are made here, from frames: it keeps the frames, and makes the same packets again for a
 * newcomer. While nobody listens no packet is made at all. The frames are copied into memory that is used again and again: what
 * was kept for seconds would grow old in the garbage collector's eyes, and cost more to collect than all else done for a publisher.
 */
export class FrameBacklog {
  readonly #codec: Codec
  readonly #packetizer: RepeatablePacketizer
  readonly #limits: BacklogLimits
  #memory = Buffer.alloc(0)
  #bytes = 0
  #frames: Kept[] = []

  /** @param packetizer the one that makes the track's packets */
  constructor (codec: Codec, packetizer: RepeatablePacketizer, limits: BacklogLimits = defaultLimits) {
    this.#codec = codec
    this.#packetizer = packetizer
    this.#limits = limits
  }

  get bytes (): number { return this.#bytes }

  /** Called before the frame is packetized, or skipped. */
  keep (frame: Frame): void {
    if (this.#codec.kind === 'video') {
      if (frame.keyframe) this.#clear()
      else if (this.#frames.length === 0) return
    }
    this.#append(frame)
    if (this.#tooMuch(frame.timestamp)) this.#shrink(frame.timestamp)
  }

  /** The packets of all frames kept, oldest first, numbered as they were the first time. Video: none, or from a keyframe on. */
  packets (): RtpPacket[] {
    const oldest = this.#frames[0]
    if (!oldest) return []
    const next = this.#packetizer.sequenceNumber
    this.#packetizer.sequenceNumber = oldest.sequenceNumber
    let start = 0
    const packets = this.#frames.flatMap(kept => {
      const units = this.#units(start, kept.end)
      start = kept.end
      return this.#packetizer.packetize({ ...kept, units })
    })
    this.#packetizer.sequenceNumber = next
    return packets
  }

  #append ({ units, timestamp, compositionOffset, keyframe }: Frame): void {
    let end = this.#bytes
    for (const unit of units) end += LENGTH_BYTES + unit.length
    this.#reserve(end)
    let at = this.#bytes
    for (const unit of units) {
      at = this.#memory.writeUInt32BE(unit.length, at)
      this.#memory.set(unit, at)
      at += unit.length
    }
    this.#bytes = end
    this.#frames.push({ end, timestamp, compositionOffset, keyframe, sequenceNumber: this.#packetizer.sequenceNumber })
  }

  #reserve (bytes: number): void {
    if (bytes <= this.#memory.length) return
    const bigger = Buffer.allocUnsafeSlow(Math.max(bytes, this.#memory.length * 2, FIRST_CAPACITY_BYTES))
    this.#memory.copy(bigger, 0, 0, this.#bytes)
    this.#memory = bigger
  }

  #units (start: number, end: number): Buffer[] {
    const units: Buffer[] = []
    for (let at = start; at < end;) {
      const length = this.#memory.readUInt32BE(at)
      at += LENGTH_BYTES
      units.push(this.#memory.subarray(at, at + length))
      at += length
    }
    return units
  }

  #tooMuch (newest: number): boolean {
    const oldest = this.#frames[0]
    if (!oldest) return false
    return this.#bytes > this.#limits.bytes || timestampDistance(newest, oldest.timestamp) / this.#codec.clockRate * 1000 > this.#limits.ms
  }

  /** Video without its keyframe is useless. Of sound an eighth goes at a time: moving all for every frame that comes would be dear. */
  #shrink (newest: number): void {
    if (this.#codec.kind === 'video') return this.#clear()
    this.#forget(Math.ceil(this.#frames.length / 8))
    if (this.#tooMuch(newest)) this.#shrink(newest)
  }

  /** The oldest `count` frames. */
  #forget (count: number): void {
    const gone = this.#frames[count - 1]?.end ?? 0
    this.#memory.copyWithin(0, gone, this.#bytes)
    this.#bytes -= gone
    this.#frames = this.#frames.slice(count)
    for (const kept of this.#frames) kept.end -= gone
  }

  #clear (): void {
    this.#bytes = 0
    this.#frames = []
  }
}
