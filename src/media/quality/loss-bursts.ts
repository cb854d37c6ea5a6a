import { sequenceDistance } from '../rtp-packet.ts'

/** So many packets received one after another end a burst (RFC 3611 section 4.7.2, Gmin). */
const GAP_MIN_PACKETS = 16
/** A packet may come so many packets late before it counts as lost; a power of two. */
const REORDER_PACKETS = 64
/** RFC 3550 appendix A.1: a jump beyond this is a source that started anew. */
const MAX_DROPOUT = 3000

/** How losses come in heaps: lengths in packets, of which the lost ones are some. */
export type BurstFigures = {
  readonly count: number
  readonly meanPackets: number
  readonly longestPackets: number
  /** BurstR of the E-model (ITU-T G.107): how much longer runs of losses are than if each packet were lost by chance; 1 or more. */
  readonly ratio: number
}

/**
 * Bursts and gaps of packet loss (RFC 3611 section 4.7.2): a burst begins and ends with a lost packet, and has no 16 received
 * packets in a row between. A loss on its own is no burst. Fed in the order in which the packets were sent.
 */
export class LossBursts {
  lost = 0
  received = 0
  #count = 0
  #packets = 0
  #longest = 0
  #runs = 0
  #inRun = false
  /** Received since the last loss. */
  #sinceLoss = GAP_MIN_PACKETS
  #openLost = 0
  #openPackets = 0

  add (lost: boolean): void {
    if (lost) this.#lose()
    else this.#receive()
  }

  #receive (): void {
    this.received++
    this.#inRun = false
    if (++this.#sinceLoss === GAP_MIN_PACKETS) this.#close()
  }

  #lose (): void {
    this.lost++
    if (!this.#inRun) this.#runs++
    this.#inRun = true
    this.#openPackets += this.#openLost === 0 ? 1 : this.#sinceLoss + 1
    this.#openLost++
    this.#sinceLoss = 0
  }

  #close (): void {
    if (this.#openLost > 1) {
      this.#count++
      this.#packets += this.#openPackets
      this.#longest = Math.max(this.#longest, this.#openPackets)
    }
    this.#openLost = this.#openPackets = 0
  }

  /** With the burst that may still be going on. */
  describe (): BurstFigures {
    const open = this.#openLost > 1
    const count = this.#count + (open ? 1 : 0)
    const packets = this.#packets + (open ? this.#openPackets : 0)
    const share = this.lost / Math.max(1, this.lost + this.received)
    return {
      count,
      meanPackets: count === 0 ? 0 : packets / count,
      longestPackets: Math.max(this.#longest, open ? this.#openPackets : 0),
      ratio: this.#runs === 0 ? 1 : Math.max(1, this.lost / this.#runs * (1 - share))
    }
  }
}

/** The bursts of one source's losses on the network, by the sequence numbers that arrive. What is sent again does not undo a loss. */
export class ArrivalBursts {
  readonly #bursts = new LossBursts()
  readonly #arrived = new Uint8Array(REORDER_PACKETS)
  /** The first number whose fate is open. */
  #open: number | undefined

  add (sequenceNumber: number): void {
    const ahead = sequenceDistance(sequenceNumber, this.#open ?? sequenceNumber)
    if (this.#open === undefined || Math.abs(ahead) > MAX_DROPOUT) {
      this.#open = sequenceNumber
      this.#arrived.fill(0)
    } else if (ahead < 0) return
    for (let late = ahead - REORDER_PACKETS; late >= 0; late--) this.#settle()
    this.#arrived[sequenceNumber & (REORDER_PACKETS - 1)] = 1
  }

  describe (): BurstFigures { return this.#bursts.describe() }

  #settle (): void {
    const slot = this.#open! & (REORDER_PACKETS - 1)
    this.#bursts.add(this.#arrived[slot] === 0)
    this.#arrived[slot] = 0
    this.#open = (this.#open! + 1) & 0xffff
  }
}
