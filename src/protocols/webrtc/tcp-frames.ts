import { ProtocolError } from '../../lib/errors.ts'

/** Packets on a stream: two bytes of length, then the packet (RFC 4571 section 2). */

const LENGTH_BYTES = 2
/** A packet that crosses networks has 1500 at most. */
export const MAX_FRAME_BYTES = 4096

/** Cuts a stream into packets. Holds back at most one that has not come whole. */
export class FrameReader {
  readonly #onFrame: (frame: Buffer) => void
  #rest: Buffer = Buffer.alloc(0)

  /** @param onFrame called with a view of what was pushed; empty frames, which keep a connection open, are passed over */
  constructor (onFrame: (frame: Buffer) => void) { this.#onFrame = onFrame }

  /** @throws ProtocolError for a length beyond `MAX_FRAME_BYTES`; the stream is lost then. */
  push (chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    let at = 0
    while (bytes.length - at >= LENGTH_BYTES) {
      const length = bytes.readUInt16BE(at)
      if (length > MAX_FRAME_BYTES) throw new ProtocolError(`a frame of ${length} bytes; at most ${MAX_FRAME_BYTES} are taken`)
      const end = at + LENGTH_BYTES + length
      if (end > bytes.length) break
      if (length > 0) this.#onFrame(bytes.subarray(at + LENGTH_BYTES, end))
      at = end
    }
    this.#rest = at === bytes.length ? Buffer.alloc(0) : Buffer.from(bytes.subarray(at))
  }
}

/** @param packet at most `MAX_FRAME_BYTES` */
export function printFrame (packet: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(LENGTH_BYTES + packet.length)
  frame.writeUInt16BE(packet.length, 0)
  frame.set(packet, LENGTH_BYTES)
  return frame
}
