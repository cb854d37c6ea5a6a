import { type Depacketizer, type Frame, MAX_PAYLOAD_BYTES, type RepeatablePacketizer } from '../frame.ts'
import type { RtpPacket } from '../rtp-packet.ts'
import { HEADER_BYTES as DATA, RtpWriter, type StreamIds } from './rtp-writer.ts'

/** One AU-header: 13 bits of size, 3 of index or index-delta (RFC 3640 section 3.3.6). */
const AU_HEADER_BYTES = 2
const AU_HEADERS_LENGTH_BYTES = 2
const ROOM = MAX_PAYLOAD_BYTES - AU_HEADERS_LENGTH_BYTES - AU_HEADER_BYTES
const MAX_AU_BYTES = (1 << 13) - 1

/**
 * AAC in RTP, mode AAC-hbr (RFC 3640 section 3.3.6): one access unit a packet, since waiting for more would only delay it; one
 * that is too large goes in fragments.
 *
 *  +---------+-----------+------------------+
 *  | headers | AU-header | access unit, or  |
 *  | length  | size|index| a fragment of it |
 *  +---------+-----------+------------------+
 */
export class AacPacketizer implements RepeatablePacketizer {
  readonly #writer: RtpWriter

  constructor (ids: StreamIds) { this.#writer = new RtpWriter(ids) }

  get sequenceNumber (): number { return this.#writer.sequenceNumber }
  set sequenceNumber (next: number) { this.#writer.sequenceNumber = next }

  packetize ({ units, timestamp }: Frame): RtpPacket[] {
    const packets: RtpPacket[] = []
    const unit = units[0]
    if (!unit || unit.length === 0 || unit.length > MAX_AU_BYTES) return packets
    for (let at = 0; at < unit.length; at += ROOM) {
      const end = Math.min(at + ROOM, unit.length)
      const packet = this.#writer.packet(AU_HEADERS_LENGTH_BYTES + AU_HEADER_BYTES + end - at, timestamp, end === unit.length, 0)
      packet.bytes.writeUInt16BE(AU_HEADER_BYTES * 8, DATA)
      packet.bytes.writeUInt16BE(unit.length << 3, DATA + 2) // Also in a fragment the size is that of the whole unit.
      unit.copy(packet.bytes, DATA + 4, at, end)
      packets.push(packet)
    }
    return packets
  }

  skip ({ units: [unit] }: Frame): { packets: number, bytes: number } {
    if (!unit || unit.length === 0 || unit.length > MAX_AU_BYTES) return { packets: 0, bytes: 0 }
    const packets = Math.ceil(unit.length / ROOM)
    this.#writer.skip(packets)
    return { packets, bytes: packets * (DATA + AU_HEADERS_LENGTH_BYTES + AU_HEADER_BYTES) + unit.length }
  }
}

type Fragmented = { readonly timestamp: number, readonly size: number, readonly pieces: Buffer[], bytes: number }

/** The way back: one or several access units a packet, or fragments of one. Interleaving is not taken. */
export class AacDepacketizer implements Depacketizer {
  readonly #frameLength: number
  #fragmented: Fragmented | undefined

  /** @param frameLength samples in an access unit, for the timestamps of the second and later ones in a packet. */
  constructor (frameLength = 1024) { this.#frameLength = frameLength }

  push (packet: RtpPacket): Frame[] {
    const payload = packet.payload
    if (payload.length < AU_HEADERS_LENGTH_BYTES + AU_HEADER_BYTES) return []
    const count = payload.readUInt16BE(0) / (AU_HEADER_BYTES * 8)
    const start = AU_HEADERS_LENGTH_BYTES + count * AU_HEADER_BYTES
    if (count < 1 || !Number.isInteger(count) || start > payload.length) return []
    const size = payload.readUInt16BE(AU_HEADERS_LENGTH_BYTES) >> 3
    if (count === 1 && size > payload.length - start) return this.#takeFragment(packet.timestamp, size, payload.subarray(start))
    this.#fragmented = undefined
    return this.#split(payload, count, start, packet.timestamp)
  }

  reset (): void { this.#fragmented = undefined }

  #split (payload: Buffer, count: number, start: number, timestamp: number): Frame[] {
    const frames: Frame[] = []
    let at = start
    for (let index = 0; index < count; index++) {
      const header = payload.readUInt16BE(AU_HEADERS_LENGTH_BYTES + index * AU_HEADER_BYTES)
      const size = header >> 3
      if (size > payload.length - at) break
      if (size > 0 && (header & 7) === 0) frames.push(frameOf(payload.subarray(at, at + size), (timestamp + index * this.#frameLength) >>> 0))
      at += size
    }
    return frames
  }

  #takeFragment (timestamp: number, size: number, piece: Buffer): Frame[] {
    let begun = this.#fragmented
    if (!begun || begun.timestamp !== timestamp || begun.size !== size) begun = { timestamp, size, pieces: [], bytes: 0 }
    begun.pieces.push(piece)
    begun.bytes += piece.length
    this.#fragmented = begun.bytes < size ? begun : undefined
    return begun.bytes === size ? [frameOf(Buffer.concat(begun.pieces), timestamp)] : []
  }
}

const frameOf = (unit: Buffer, timestamp: number): Frame => ({ units: [unit], timestamp, compositionOffset: 0, keyframe: true })
