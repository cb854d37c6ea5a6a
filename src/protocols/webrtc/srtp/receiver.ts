import { ENCRYPTED, RTCP_CLEAR_BYTES, type PacketCipher } from './packet-cipher.ts'
import { guessIndex, INDEX_LIMIT, rolloverOf } from './packet-index.ts'
import { isRtcp, isVersion2, MAX_PACKET_BYTES, rtpHeaderLength } from './packet-shape.ts'
import { PacketSlab } from './packet-slab.ts'
import { StreamWindows } from './stream-windows.ts'

/** Bits of a stream's replay window, which reaches 2016 packets back for RTP and 224 for RTCP (RFC 3711 section 3.3.2 asks for 64). */
const RTP_WINDOW_BITS = 2048
const RTCP_WINDOW_BITS = 256

/** One for all sessions of the process: between its two calls nothing else runs. */
const slab = new PacketSlab()

/** Opens the packets of one session that come in (RFC 3711 section 3.3, RFC 7714). Nothing is learned from what is not authentic. */
export class SrtpReceiver implements Disposable {
  readonly #cipher: PacketCipher
  readonly #rtp = new StreamWindows(RTP_WINDOW_BITS)
  readonly #rtcp = new StreamWindows(RTCP_WINDOW_BITS)

  /** The cipher is disposed with it. */
  constructor (cipher: PacketCipher) { this.#cipher = cipher }

  /**
   * The packet in a buffer of its own (a view on memory shared with packets received around the same time). Undefined if it is
   * malformed, not authentic, received before, or too late to know; RTCP also if it is not encrypted, which WebRTC has no use for.
   */
  unprotect (bytes: Buffer): Buffer | undefined {
    if (bytes.length > MAX_PACKET_BYTES) return undefined
    return isRtcp(bytes) ? this.#unprotectRtcp(bytes) : this.#unprotectRtp(bytes)
  }

  #unprotectRtp (bytes: Buffer): Buffer | undefined {
    const length = bytes.length - this.#cipher.rtpOverhead
    const header = rtpHeaderLength(bytes, length)
    if (header === undefined) return undefined
    const ssrc = bytes.readInt32BE(8)
    const sequence = bytes[2]! << 8 | bytes[3]!
    const stream = this.#rtp.find(ssrc)
    const index = stream === undefined ? sequence : guessIndex(stream.window.highest, sequence)
    if (index >= INDEX_LIMIT || stream?.window.isFresh(index) === false) return undefined
    const memory = slab.place(bytes)
    if (!this.#cipher.openRtp(memory, slab.at, header, length, rolloverOf(index))) return undefined
    this.#rtp.accept(ssrc, index, stream)
    return slab.take(length)
  }

  #unprotectRtcp (bytes: Buffer): Buffer | undefined {
    const length = bytes.length - this.#cipher.rtcpOverhead
    if (length < RTCP_CLEAR_BYTES || !isVersion2(bytes)) return undefined
    const ssrc = bytes.readInt32BE(4)
    const index = bytes.readUInt32BE(bytes.length - this.#cipher.indexFromEnd) - ENCRYPTED
    const stream = this.#rtcp.find(ssrc)
    if (index < 0 || stream?.window.isFresh(index) === false) return undefined
    const memory = slab.place(bytes)
    if (!this.#cipher.openRtcp(memory, slab.at, length, index)) return undefined
    this.#rtcp.accept(ssrc, index, stream)
    return slab.take(length)
  }

  [Symbol.dispose] (): void { this.#cipher[Symbol.dispose]() }
}
