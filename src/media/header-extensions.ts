const ONE_BYTE_PROFILE = 0xbede
const TWO_BYTE_PROFILE = 0x1000
/** In the one-byte form, 15 ends the list (RFC 8285 section 4.2). */
const MAX_ONE_BYTE_ID = 14
const MAX_ONE_BYTE_LENGTH = 16
const BLOCK_HEADER_BYTES = 4
/** The playout delay counts in units of 10 ms, 12 bits each. */
const PLAYOUT_UNIT_MS = 10
const MAX_PLAYOUT_UNITS = 0xfff

export type ExtensionElement = { readonly id: number, readonly value: Uint8Array }

/**
 * The header extensions of one outgoing stream (RFC 8285), printed once: from packet to packet only the transport-wide sequence
 * number changes. One-byte form where it can say everything, else the two-byte form.
 */
export class ExtensionBlock {
  /** What stands between the fixed header and the payload. */
  readonly bytes: Buffer
  readonly #numberAt: number | undefined

  /** @param numberId the id under which each packet carries its transport-wide sequence number, if it does */
  constructor (elements: readonly ExtensionElement[], numberId?: number) {
    const all = numberId === undefined ? elements : [{ id: numberId, value: new Uint8Array(2) }, ...elements]
    const oneByte = all.every(({ id, value }) => id <= MAX_ONE_BYTE_ID && value.length >= 1 && value.length <= MAX_ONE_BYTE_LENGTH)
    const parts = all.flatMap(({ id, value }) => [oneByte ? Buffer.of(id << 4 | value.length - 1) : Buffer.of(id, value.length), Buffer.from(value)])
    const body = Buffer.concat(parts)
    const words = Math.ceil(body.length / 4)
    this.bytes = Buffer.alloc(BLOCK_HEADER_BYTES + words * 4)
    this.bytes.writeUInt16BE(oneByte ? ONE_BYTE_PROFILE : TWO_BYTE_PROFILE, 0)
    this.bytes.writeUInt16BE(words, 2)
    body.copy(this.bytes, BLOCK_HEADER_BYTES)
    this.#numberAt = numberId === undefined ? undefined : BLOCK_HEADER_BYTES + (oneByte ? 1 : 2)
  }

  /** Gives the next packet its transport-wide sequence number. */
  number (sequenceNumber: number): void {
    if (this.#numberAt !== undefined) this.bytes.writeUInt16BE(sequenceNumber, this.#numberAt)
  }
}

/** How long after its arrival a receiver may and must show a picture (the playout-delay extension of libwebrtc). */
export function playoutDelay (minMs: number, maxMs: number): Buffer {
  const [min, max] = [minMs, maxMs].map(ms => Math.min(MAX_PLAYOUT_UNITS, Math.round(ms / PLAYOUT_UNIT_MS)))
  const value = Buffer.alloc(3)
  value.writeUIntBE(min! << 12 | max!, 0, 3)
  return value
}
