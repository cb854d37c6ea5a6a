import { GCM_IV_BYTES, GCM_TAG_BYTES, GcmKey, Memory } from '../../../lib/native/evp.ts'
import { ENCRYPTED, INDEX_BYTES, RTCP_CLEAR_BYTES, type PacketCipher } from './packet-cipher.ts'
import { PacketIv } from './packet-iv.ts'
import type { SessionKeys } from './session-keys.ts'

/** What is authenticated of an RTCP packet does not stand together: it is brought together here, for all sessions. */
const rtcpClear = new Memory(Buffer.alloc(RTCP_CLEAR_BYTES + INDEX_BYTES))

/**
 * AES-GCM (RFC 7714):
 *
 *  RTP:   | header, authenticated | payload, encrypted | tag 16 |
 *  RTCP:  | 8 authenticated | encrypted | tag 16 | index word, authenticated |
 */
export class GcmCipher implements PacketCipher {
  readonly rtpOverhead = GCM_TAG_BYTES
  readonly rtcpOverhead = GCM_TAG_BYTES + INDEX_BYTES
  readonly indexFromEnd = INDEX_BYTES
  readonly #keys: DisposableStack
  readonly #rtpKey: GcmKey
  readonly #rtpIv: PacketIv
  readonly #rtcpKey: GcmKey
  readonly #rtcpIv: PacketIv

  constructor (rtp: SessionKeys, rtcp: SessionKeys) {
    using keys = new DisposableStack()
    this.#rtpKey = keys.use(new GcmKey(rtp.key))
    this.#rtcpKey = keys.use(new GcmKey(rtcp.key))
    this.#rtpIv = new PacketIv(rtp.salt, GCM_IV_BYTES)
    this.#rtcpIv = new PacketIv(rtcp.salt, GCM_IV_BYTES)
    this.#keys = keys.move()
  }

  sealRtp (memory: Memory, at: number, header: number, length: number, rollover: number): void {
    this.#rtpKey.seal(this.#ivOf(memory.bytes, at, rollover), memory, at, header, memory, at + header, length - header)
  }

  openRtp (memory: Memory, at: number, header: number, length: number, rollover: number): boolean {
    return this.#rtpKey.open(this.#ivOf(memory.bytes, at, rollover), memory, at, header, memory, at + header, length - header)
  }

  sealRtcp (memory: Memory, at: number, length: number, index: number): void {
    const iv = this.#prepareRtcp(memory.bytes, at, index)
    this.#rtcpKey.seal(iv, rtcpClear, 0, RTCP_CLEAR_BYTES + INDEX_BYTES, memory, at + RTCP_CLEAR_BYTES, length - RTCP_CLEAR_BYTES)
    rtcpClear.bytes.copy(memory.bytes, at + length + GCM_TAG_BYTES, RTCP_CLEAR_BYTES)
  }

  openRtcp (memory: Memory, at: number, length: number, index: number): boolean {
    const iv = this.#prepareRtcp(memory.bytes, at, index)
    return this.#rtcpKey.open(iv, rtcpClear, 0, RTCP_CLEAR_BYTES + INDEX_BYTES, memory, at + RTCP_CLEAR_BYTES, length - RTCP_CLEAR_BYTES)
  }

  #ivOf (bytes: Buffer, at: number, rollover: number): Memory {
    return this.#rtpIv.set(bytes.readInt32BE(at + 8), rollover, bytes[at + 2]! << 8 | bytes[at + 3]!)
  }

  #prepareRtcp (bytes: Buffer, at: number, index: number): Memory {
    const clear = rtcpClear.bytes
    bytes.copy(clear, 0, at, at + RTCP_CLEAR_BYTES)
    clear.writeUInt32BE(ENCRYPTED + index, RTCP_CLEAR_BYTES)
    return this.#rtcpIv.set(bytes.readInt32BE(at + 4), index >>> 16, index & 0xffff)
  }

  [Symbol.dispose] (): void { this.#keys.dispose() }
}
