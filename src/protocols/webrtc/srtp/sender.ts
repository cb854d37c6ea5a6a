import { Memory } from '../../../lib/native/evp.ts'
import { RTCP_CLEAR_BYTES, type PacketCipher } from './packet-cipher.ts'
import { guessIndex, INDEX_LIMIT, rolloverOf } from './packet-index.ts'
import { isRtcp, isVersion2, rtpHeaderLength } from './packet-shape.ts'

/** An SSRC's index may never be forgotten: the next packet would repeat a nonce. So there is an end to new ones. */
const MAX_SSRCS = 65_536
const RTCP_INDEX_LIMIT = 2 ** 31

type Stream = { highest: number }

/**
 * Protects the packets of one session that go out (RFC 3711 section 3.3, RFC 7714).
 *
 * The sequence numbers of an SSRC have to go on from packet to packet, with gaps of less than 2^15 as the receiver too follows
 * them by nearness alone; an earlier number may come again only with the bytes it had. Anything else would encrypt two packets
 * under one nonce, which with GCM gives the authentication key away.
 */
export class SrtpSender implements Disposable {
  readonly #cipher: PacketCipher
  readonly #streams = new Map<number, Stream>()
  /** The latest: mostly the next one's too. */
  #ssrc: number | undefined
  #stream: Stream | undefined
  #rtcpIndex = 0
  #memory: Memory | undefined

  /** The cipher is disposed with it. */
  constructor (cipher: PacketCipher) { this.#cipher = cipher }

  /** Bytes that `protect` adds to an RTP packet, and to an RTCP packet. */
  get rtpOverhead (): number { return this.#cipher.rtpOverhead }
  get rtcpOverhead (): number { return this.#cipher.rtcpOverhead }

  /**
   * Protects the RTP or RTCP packet of `length` bytes that stands at `at` where it stands, and says how long it is then. Cheapest
   * where `bytes` is the same buffer as last time.
   * @throws RangeError, before anything is written, if there is no room, the packet is malformed, or indexes are used up
   */
  protect (bytes: Buffer, at: number, length: number): number {
    return isRtcp(bytes, at) ? this.#protectRtcp(bytes, at, length) : this.#protectRtp(bytes, at, length)
  }

  #protectRtp (bytes: Buffer, at: number, length: number): number {
    const total = length + this.#cipher.rtpOverhead
    const memory = this.#roomIn(bytes, at, total)
    const header = rtpHeaderLength(bytes, length, at)
    if (header === undefined) throw new RangeError('not an RTP packet')
    const ssrc = bytes.readInt32BE(at + 8)
    const sequence = bytes[at + 2]! << 8 | bytes[at + 3]!
    const stream = ssrc === this.#ssrc ? this.#stream : this.#streams.get(ssrc)
    const index = stream === undefined ? sequence : guessIndex(stream.highest, sequence)
    if (index >= INDEX_LIMIT) throw new RangeError('an SSRC whose indexes are used up')
    if (stream === undefined) this.#begin(ssrc, index)
    else {
      if (index > stream.highest) stream.highest = index
      this.#ssrc = ssrc
      this.#stream = stream
    }
    this.#cipher.sealRtp(memory, at, header, length, rolloverOf(index))
    return total
  }

  /** One index for all SSRCs, which receivers see as gaps; a receiver that never heard of one starts anywhere. */
  #protectRtcp (bytes: Buffer, at: number, length: number): number {
    const total = length + this.#cipher.rtcpOverhead
    const memory = this.#roomIn(bytes, at, total)
    if (length < RTCP_CLEAR_BYTES || !isVersion2(bytes, at)) throw new RangeError('not an RTCP packet')
    if (this.#rtcpIndex >= RTCP_INDEX_LIMIT) throw new RangeError('RTCP indexes are used up')
    this.#cipher.sealRtcp(memory, at, length, this.#rtcpIndex++)
    return total
  }

  #begin (ssrc: number, highest: number): void {
    if (this.#streams.size >= MAX_SSRCS) throw new RangeError('too many SSRCs in one session')
    this.#streams.set(ssrc, { highest })
  }

  #roomIn (bytes: Buffer, at: number, length: number): Memory {
    if (!Number.isInteger(at) || at < 0 || at + length > bytes.length) throw new RangeError(`no room for ${length} bytes at ${at} of ${bytes.length}`)
    if (this.#memory?.bytes !== bytes) this.#memory = new Memory(bytes)
    return this.#memory
  }

  [Symbol.dispose] (): void { this.#cipher[Symbol.dispose]() }
}
