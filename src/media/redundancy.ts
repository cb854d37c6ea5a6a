import { MAX_PAYLOAD_BYTES } from './frame.ts'
import { MAX_REDUNDANT_BYTES, MAX_TIMESTAMP_OFFSET, printRed, type RedBlock, redundantBytes } from './red.ts'
import { type RtpPacket, timestampDistance } from './rtp-packet.ts'

/** Three losses in a row are heard whatever is done, and each frame repeated costs the sound's bitrate again. */
export const MAX_REPEATED_FRAMES = 2

/** Repeats in each packet of an outgoing sound the frames before it (RFC 2198), made of the packets themselves: nothing is decoded. */
export class Redundancy {
  /** Of the packets that repeat something. */
  readonly payloadType: number
  /** So many frames are repeated, 0 to `MAX_REPEATED_FRAMES`. */
  depth = 0
  readonly #blockType: number
  /** Oldest first. */
  #before: { readonly payload: Buffer, readonly timestamp: number }[] = []

  /** @param payloadType of RED. @param blockType of the codec inside */
  constructor (payloadType: number, blockType: number) {
    this.payloadType = payloadType
    this.#blockType = blockType
  }

  /**
   * Writes the packet's payload into `into` from `at` on, with what it repeats.
   * @returns where it ends; undefined where there is nothing to repeat, and the packet goes as it is
   */
  print (packet: RtpPacket, timestamp: number, into: Buffer, at: number): number | undefined {
    const { payload } = packet
    const blocks = this.depth > 0 ? this.#blocks(payload, timestamp) : []
    this.#before.push({ payload, timestamp })
    if (this.#before.length > MAX_REPEATED_FRAMES) this.#before.shift()
    return blocks.length > 1 ? printRed(blocks, into, at) : undefined
  }

  /** The newest before the oldest: where not all have room, the nearest are repeated. */
  #blocks (primary: Buffer, timestamp: number): RedBlock[] {
    const blocks: RedBlock[] = [{ payloadType: this.#blockType, timestampOffset: 0, data: primary }]
    let bytes = 1 + primary.length
    for (const { payload, timestamp: earlier } of this.#before.slice(-this.depth).toReversed()) {
      const timestampOffset = timestampDistance(timestamp, earlier)
      bytes += redundantBytes(payload.length)
      const fits = bytes <= MAX_PAYLOAD_BYTES && payload.length <= MAX_REDUNDANT_BYTES && timestampOffset > 0 && timestampOffset <= MAX_TIMESTAMP_OFFSET
      if (!fits) break
      blocks.unshift({ payloadType: this.#blockType, timestampOffset, data: payload })
    }
    return blocks
  }
}
