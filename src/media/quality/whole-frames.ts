import type { CodecName } from '../codec.ts'
import { startsKeyframe } from '../keyframes.ts'
import { type RtpPacket, sequenceDistance } from '../rtp-packet.ts'

/** Packets held in mind; a power of two. At 2.5 Mbit/s there are 260 in a second. */
const WINDOW_PACKETS = 1024
const ARRIVED = 1
const ENDS_FRAME = 2

/**
 * Tells from the packets of a video stream when a decoder could show its next frame: when all that came before it is there, or
 * from a keyframe on. Nothing is depacketized; the marker bit ends a frame (RFC 3551 section 4.1).
 */
export class WholeFrames {
  readonly #codec: CodecName
  readonly #packets = new Uint8Array(WINDOW_PACKETS)
  #next: number | undefined

  constructor (codec: CodecName) { this.#codec = codec }

  /** @returns how many frames can be shown now that could not be before */
  add (packet: RtpPacket): number {
    const { sequenceNumber } = packet
    const ahead = sequenceDistance(sequenceNumber, this.#next ?? sequenceNumber)
    if (ahead < -WINDOW_PACKETS || ahead >= WINDOW_PACKETS || this.#next === undefined) {
      this.#packets.fill(0)
      this.#next = sequenceNumber
    } else if (ahead < 0) return 0
    else if (ahead > 0 && startsKeyframe(this.#codec, packet)) this.#skipTo(sequenceNumber)
    this.#packets[sequenceNumber & (WINDOW_PACKETS - 1)] = packet.marker ? ARRIVED | ENDS_FRAME : ARRIVED
    return this.#advance()
  }

  #skipTo (sequenceNumber: number): void {
    for (let at = this.#next!; at !== sequenceNumber; at = (at + 1) & 0xffff) this.#packets[at & (WINDOW_PACKETS - 1)] = 0
    this.#next = sequenceNumber
  }

  #advance (): number {
    let frames = 0
    for (let slot = this.#next! & (WINDOW_PACKETS - 1); this.#packets[slot] !== 0; slot = this.#next! & (WINDOW_PACKETS - 1)) {
      if ((this.#packets[slot]! & ENDS_FRAME) !== 0) frames++
      this.#packets[slot] = 0
      this.#next = (this.#next! + 1) & 0xffff
    }
    return frames
  }
}
