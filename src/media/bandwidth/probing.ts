import type { PacketFate } from './send-ledger.ts'

/** So long (ms) more is sent than is known to fit, and by so much: a path that carries no more than is known gets 50 ms of queue. */
export const PROBE_MS = 100
const FACTOR = 1.5
/** After a probe, packets still wait behind it (ms). */
const SETTLE_MS = 250
/** Fewer packets, or more of them lost, tell nothing. */
const MIN_PACKETS = 4
const MAX_LOSS = 0.1
/** What arrives more slowly than it was sent has met the path's limit: a little less than that fits. */
const UNHINDERED = 0.9
const OF_LIMIT = 0.95
/** A probe that finds less than this more than was known has found nothing. */
const WORTHWHILE = 1.1
/** Between probes (ms): the first time and after one that found something; each that finds nothing doubles it. */
const FIRST_WAIT_MS = 500
const LONGEST_WAIT_MS = 8000
/** Reports that come later (ms) are not waited for. */
const REPORTED_WITHIN_MS = 1000

type Cluster = { readonly from: number, readonly to: number, readonly target: number, readonly known: number, sent: PacketFate[] }

/**
 * Finds out whether a path carries more than is sent on it: short clusters of packets at up to 1.5 times what is known, and how
 * fast they arrive (as draft-ietf-rmcat-gcc-02 leaves open, and libwebrtc does). Pure: time comes with each call, in milliseconds.
 */
export class Probing {
  #cluster: Cluster | undefined
  #disturbedUntil = -Infinity
  #disturbedFrom = -Infinity
  #wait = FIRST_WAIT_MS
  #nextAt = -Infinity

  /**
   * @param estimate bit/s known to fit @param wanted bit/s there would be use for @param calm whether the path shows no sign of trouble
   * @returns bit/s to send at, in all, for `PROBE_MS`; undefined for no probe now
   */
  next (estimate: number, wanted: number, calm: boolean, now: number): number | undefined {
    if (this.#cluster || wanted <= estimate) return undefined
    if (!calm) this.#nextAt = Math.max(this.#nextAt, now + FIRST_WAIT_MS)
    if (now < this.#nextAt) return undefined
    const target = Math.min(wanted, estimate * FACTOR)
    this.#cluster = { from: now, to: now + PROBE_MS, target, known: estimate, sent: [] }
    this.#disturbedFrom = now
    this.#disturbedUntil = now + PROBE_MS + SETTLE_MS
    return target
  }

  /** Whether the delay of a packet sent then says something of a probe rather than of the path. */
  disturbs (sentAt: number): boolean { return sentAt >= this.#disturbedFrom && sentAt <= this.#disturbedUntil }

  /** @returns bit/s that fit, if a probe has just shown that it is more than was known */
  take (fates: readonly PacketFate[], now: number): number | undefined {
    const cluster = this.#cluster
    if (!cluster) return undefined
    for (const fate of fates) if (fate.sentAt >= cluster.from && fate.sentAt <= cluster.to) cluster.sent.push(fate)
    const isTold = fates.some(({ sentAt }) => sentAt > cluster.to)
    if (!isTold && now < cluster.to + REPORTED_WITHIN_MS) return undefined
    this.#cluster = undefined
    const found = Math.min(cluster.target, rateOf(cluster.sent))
    const isMore = found >= cluster.known * WORTHWHILE || found >= cluster.target
    this.#wait = isMore ? FIRST_WAIT_MS : Math.min(LONGEST_WAIT_MS, this.#wait * 2)
    this.#nextAt = now + this.#wait
    return isMore ? found : undefined
  }
}

/** bit/s at which a cluster came through; 0 where it does not say. */
function rateOf (sent: readonly PacketFate[]): number {
  const arrived = sent.filter((fate): fate is PacketFate & { arrivedAt: number } => fate.arrivedAt !== undefined)
  if (arrived.length < MIN_PACKETS || arrived.length < sent.length * (1 - MAX_LOSS)) return 0
  const bytes = arrived.reduce((sum, fate) => sum + fate.bytes, 0)
  const times = arrived.map(({ arrivedAt }) => arrivedAt)
  const took = Math.max(...times) - Math.min(...times)
  const sentIn = arrived.at(-1)!.sentAt - arrived[0]!.sentAt
  if (sentIn <= 0) return 0
  const sendRate = (bytes - arrived.at(-1)!.bytes) * 8000 / sentIn
  const receiveRate = took <= 0 ? Infinity : (bytes - arrived[0]!.bytes) * 8000 / took
  return receiveRate < sendRate * UNHINDERED ? receiveRate * OF_LIMIT : Math.min(sendRate, receiveRate)
}
