import { ProtocolError } from '../lib/errors.ts'

const REDUNDANT_HEADER_BYTES = 4
const FOLLOWED = 0x80
const MAX_BLOCKS = 16
/** What fits the fields of a redundant block's header: 14 bits of RTP clock, 10 of length. */
export const MAX_TIMESTAMP_OFFSET = (1 << 14) - 1
export const MAX_REDUNDANT_BYTES = (1 << 10) - 1

export type RedBlock = {
  readonly payloadType: number
  /** Ticks of the RTP clock before the packet's timestamp; 0 for the primary. */
  readonly timestampOffset: number
  readonly data: Buffer
}

/**
 * Reads a payload of redundant audio (RFC 2198 section 3): the headers of all blocks, then their data in the same order.
 *
 *  0                   1                    2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3  4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * |1|   block PT  |  timestamp offset         |   block length    |  redundant
 * |0|   block PT  |                                                  primary
 *
 * @returns views; the primary is the last
 * @throws ProtocolError
 */
export function parseRed (payload: Buffer): RedBlock[] {
  const headers: { payloadType: number, timestampOffset: number, length: number }[] = []
  let at = 0
  for (; at < payload.length && (payload[at]! & FOLLOWED) !== 0; at += REDUNDANT_HEADER_BYTES) {
    if (payload.length - at <= REDUNDANT_HEADER_BYTES) throw new ProtocolError('RED ends inside its headers', at)
    if (headers.length + 1 >= MAX_BLOCKS) throw new ProtocolError(`RED with more than ${MAX_BLOCKS} blocks`, at)
    const fields = payload.readUIntBE(at + 1, 3)
    headers.push({ payloadType: payload[at]! & 0x7f, timestampOffset: fields >> 10, length: fields & MAX_REDUNDANT_BYTES })
  }
  if (at >= payload.length) throw new ProtocolError('RED without a primary block', at)
  const primary = payload[at++]! & 0x7f
  const blocks: RedBlock[] = []
  for (const { payloadType, timestampOffset, length } of headers) {
    if (length > payload.length - at) throw new ProtocolError(`RED block of ${length} bytes, ${payload.length - at} are left`, at)
    blocks.push({ payloadType, timestampOffset, data: payload.subarray(at, at + length) })
    at += length
  }
  blocks.push({ payloadType: primary, timestampOffset: 0, data: payload.subarray(at) })
  return blocks
}

/** Bytes that a redundant block takes in a packet. */
export const redundantBytes = (dataBytes: number): number => REDUNDANT_HEADER_BYTES + dataBytes

/** Writes the payload into `into` from `at` on. @param blocks the primary is the last. @returns where the payload ends */
export function printRed (blocks: readonly RedBlock[], into: Buffer, at: number): number {
  let offset = at
  for (let index = 0; index < blocks.length - 1; index++) {
    const { payloadType, timestampOffset, data } = blocks[index]!
    into[offset] = FOLLOWED | payloadType
    into.writeUIntBE(timestampOffset << 10 | data.length, offset + 1, 3)
    offset += REDUNDANT_HEADER_BYTES
  }
  into[offset++] = blocks.at(-1)!.payloadType
  for (const { data } of blocks) {
    data.copy(into, offset)
    offset += data.length
  }
  return offset
}
