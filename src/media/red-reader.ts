import { ProtocolError } from '../lib/errors.ts'
import { opusDuration } from './opus.ts'
import { parseRed, type RedBlock } from './red.ts'
import { RtpPacket } from './rtp-packet.ts'

/** No sender repeats a frame later than this. */
const MAX_DISTANCE = 8
/** Packets restored lately, whose originals may still come. */
const REMEMBERED = 32

/** What a packet of redundant audio holds: itself as a plain packet, and those before it that it repeats, oldest first. */
export type Unpacked = { readonly primary: RtpPacket, readonly repeated: readonly RtpPacket[] }

/** Takes packets of redundant Opus apart (RFC 2198) into what would have been sent without redundancy. */
export class RedReader {
  readonly #payloadType: number
  readonly #restored: number[] = []

  /** @param payloadType of Opus */
  constructor (payloadType: number) { this.#payloadType = payloadType }

  /** @returns undefined where the payload is malformed, or the primary of another codec */
  read (packet: RtpPacket): Unpacked | undefined {
    const blocks = blocksOf(packet)
    const primary = blocks.pop()
    if (primary?.payloadType !== this.#payloadType) return undefined
    const repeated: RtpPacket[] = []
    for (const block of blocks) {
      const distance = this.#distanceOf(block)
      if (distance !== undefined) repeated.push(restore(packet, block, distance))
    }
    return { primary: plain(packet, primary), repeated }
  }

  /** A repeated packet took the place of its original, which is not wanted any more. */
  restored (sequenceNumber: number): void {
    this.#restored.push(sequenceNumber)
    if (this.#restored.length > REMEMBERED) this.#restored.shift()
  }

  wasRestored (sequenceNumber: number): boolean { return this.#restored.includes(sequenceNumber) }

  /**
   * How many packets before. RED itself does not say; frames of one length in a row do. What stands apart from its successor, as
   * the last frame before a silence does, is missed by nobody.
   */
  #distanceOf ({ payloadType, timestampOffset, data }: RedBlock): number | undefined {
    if (payloadType !== this.#payloadType) return undefined
    const distance = timestampOffset / opusDuration(data)
    return Number.isInteger(distance) && distance >= 1 && distance <= MAX_DISTANCE ? distance : undefined
  }
}

function blocksOf ({ payload }: RtpPacket): RedBlock[] {
  try {
    return parseRed(payload)
  } catch (error) {
    if (error instanceof ProtocolError) return []
    throw error
  }
}

function restore ({ sequenceNumber, timestamp, ssrc }: RtpPacket, { payloadType, timestampOffset, data }: RedBlock, distance: number): RtpPacket {
  return RtpPacket.build({
    payloadType, marker: false, sequenceNumber: (sequenceNumber - distance) & 0xffff, timestamp: (timestamp - timestampOffset) >>> 0, ssrc
  }, data)
}

/** The packet with the primary alone, its header extensions kept. */
function plain ({ bytes, headerLength, marker }: RtpPacket, { payloadType, data }: RedBlock): RtpPacket {
  const copy = Buffer.concat([bytes.subarray(0, headerLength), data])
  copy[0] = copy[0]! & ~0x20 // No padding any more.
  copy[1] = (marker ? 0x80 : 0) | payloadType
  return new RtpPacket(copy)
}
