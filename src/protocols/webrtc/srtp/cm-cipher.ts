import { CTR_IV_BYTES, CtrKey, HmacSha1Key, Memory, SHA1_BYTES } from '../../../lib/native/evp.ts'
import { ENCRYPTED, INDEX_BYTES, RTCP_CLEAR_BYTES, type PacketCipher } from './packet-cipher.ts'
import { PacketIv } from './packet-iv.ts'
import type { SessionKeys } from './session-keys.ts'

const TAG_BYTES = 10
const ROLLOVER_BYTES = 4

/** One of each for all sessions of the process: between what writes them and what reads them nothing else runs. */
const digest = new Memory(Buffer.alloc(SHA1_BYTES))
const received = Buffer.alloc(TAG_BYTES)

/**
 * AES in counter mode, then HMAC-SHA1 cut to 80 bits (RFC 3711 sections 4.1.1, 4.2.1):
 *
 *  RTP:   | header | payload, encrypted | tag 10 |, the tag over all before it and the roll-over counter
 *  RTCP:  | 8 | encrypted | index word | tag 10 |, the tag over all before it
 */
export class CmCipher implements PacketCipher {
  readonly rtpOverhead = TAG_BYTES
  readonly rtcpOverhead = INDEX_BYTES + TAG_BYTES
  readonly indexFromEnd = INDEX_BYTES + TAG_BYTES
  readonly #keys: DisposableStack
  readonly #rtpKey: CtrKey
  readonly #rtpAuth: HmacSha1Key
  readonly #rtpIv: PacketIv
  readonly #rtcpKey: CtrKey
  readonly #rtcpAuth: HmacSha1Key
  readonly #rtcpIv: PacketIv

  constructor (rtp: SessionKeys, rtcp: SessionKeys) {
    using keys = new DisposableStack()
    this.#rtpKey = keys.use(new CtrKey(rtp.key))
    this.#rtpAuth = keys.use(new HmacSha1Key(rtp.auth))
    this.#rtcpKey = keys.use(new CtrKey(rtcp.key))
    this.#rtcpAuth = keys.use(new HmacSha1Key(rtcp.auth))
    this.#rtpIv = new PacketIv(rtp.salt, CTR_IV_BYTES)
    this.#rtcpIv = new PacketIv(rtcp.salt, CTR_IV_BYTES)
    this.#keys = keys.move()
  }

  sealRtp (memory: Memory, at: number, header: number, length: number, rollover: number): void {
    this.#cryptRtp(memory, at, header, length, rollover)
    this.#signRtp(memory, at, length, rollover)
    writeTag(memory.bytes, at + length)
  }

  openRtp (memory: Memory, at: number, header: number, length: number, rollover: number): boolean {
    readTag(memory.bytes, at + length)
    this.#signRtp(memory, at, length, rollover)
    if (!isAuthentic()) return false
    this.#cryptRtp(memory, at, header, length, rollover)
    return true
  }

  sealRtcp (memory: Memory, at: number, length: number, index: number): void {
    this.#cryptRtcp(memory, at, length, index)
    memory.bytes.writeUInt32BE(ENCRYPTED + index, at + length)
    this.#rtcpAuth.sign(memory, at, length + INDEX_BYTES, digest)
    writeTag(memory.bytes, at + length + INDEX_BYTES)
  }

  openRtcp (memory: Memory, at: number, length: number, index: number): boolean {
    readTag(memory.bytes, at + length + INDEX_BYTES)
    this.#rtcpAuth.sign(memory, at, length + INDEX_BYTES, digest)
    if (!isAuthentic()) return false
    this.#cryptRtcp(memory, at, length, index)
    return true
  }

  #cryptRtp (memory: Memory, at: number, header: number, length: number, rollover: number): void {
    const { bytes } = memory
    const iv = this.#rtpIv.set(bytes.readInt32BE(at + 8), rollover, bytes[at + 2]! << 8 | bytes[at + 3]!)
    this.#rtpKey.crypt(iv, memory, at + header, length - header)
  }

  #cryptRtcp (memory: Memory, at: number, length: number, index: number): void {
    const iv = this.#rtcpIv.set(memory.bytes.readInt32BE(at + 4), index >>> 16, index & 0xffff)
    this.#rtcpKey.crypt(iv, memory, at + RTCP_CLEAR_BYTES, length - RTCP_CLEAR_BYTES)
  }

  /** The roll-over counter is signed without being sent: it stands for that time where the tag has its place. */
  #signRtp (memory: Memory, at: number, length: number, rollover: number): void {
    memory.bytes.writeUInt32BE(rollover, at + length)
    this.#rtpAuth.sign(memory, at, length + ROLLOVER_BYTES, digest)
  }

  [Symbol.dispose] (): void { this.#keys.dispose() }
}

function writeTag (bytes: Buffer, at: number): void {
  for (let i = 0; i < TAG_BYTES; i++) bytes[at + i] = digest.bytes[i]!
}

function readTag (bytes: Buffer, at: number): void {
  for (let i = 0; i < TAG_BYTES; i++) received[i] = bytes[at + i]!
}

/** Looks at every byte, wherever the first difference is: the time it takes says nothing (RFC 3711 section 9.5). */
function isAuthentic (): boolean {
  let difference = 0
  for (let i = 0; i < TAG_BYTES; i++) difference |= digest.bytes[i]! ^ received[i]!
  return difference === 0
}
