import { estimatedMos } from '../../media/e-model.ts'
import type { BurstFigures } from '../../media/quality/loss-bursts.ts'
import type { LegStats, LinkQuality } from '../leg.ts'

/** A receiver that adapts holds back about this many times the jitter. */
const BUFFER_PER_JITTER = 2
/** Encoding, packets of 20 ms, playing out: what every call has, in milliseconds. */
const EQUIPMENT_MS = 60

/** Which way a session's media goes: `in` is towards us. */
export type Direction = 'in' | 'out'

/** How a session fares, as far as it was measured: null says that it was not. */
export type SessionQuality = {
  readonly direction: Direction
  readonly packetsLost: number | null
  readonly lossPercent: number | null
  readonly jitterMs: number | null
  readonly roundTripMs: number | null
  /** Of the sound, 1 to 4.5, by the E-model. */
  readonly estimatedMos: number | null
  /** Losses in heaps (RFC 3611 section 4.7.2), lengths in packets. */
  readonly bursts: { readonly count: number, readonly meanPackets: number, readonly longestPackets: number } | null
  /** Of the picture, as webrtc-stats defines them: as it came here, or as it was sent from here. */
  readonly freezes: { readonly count: number, readonly totalMs: number } | null
}

export function sessionQuality (stats: LegStats): SessionQuality {
  const { quality, packetsIn, packetsOut, bytesIn, bytesOut, detail } = stats
  const direction = bytesIn > bytesOut ? 'in' : 'out'
  const loss = quality && lossFraction(direction, quality.packetsLost, direction === 'in' ? packetsIn : packetsOut)
  const { bursts, freezes } = quality ?? {}
  return {
    direction,
    packetsLost: quality?.packetsLost ?? null,
    lossPercent: loss === undefined ? null : loss * 100,
    jitterMs: quality?.jitterMs ?? null,
    roundTripMs: quality?.roundTripMs ?? null,
    estimatedMos: quality ? mosOf(detail['audio'], { ...quality, direction, loss }) ?? null : null,
    bursts: bursts ? { count: bursts.count, meanPackets: bursts.meanPackets, longestPackets: bursts.longestPackets } : null,
    freezes: freezes ? { count: freezes.count, totalMs: freezes.totalMs } : null
  }
}

/** @param packets what came, or what was sent */
export function lossFraction (direction: Direction, lost: number, packets: number): number | undefined {
  const expected = direction === 'in' ? packets + lost : packets
  return expected > 0 ? Math.min(1, lost / expected) : undefined
}

type Measured = LinkQuality & { direction: Direction, loss: number | undefined }

/** By the sound's own figures where the leg tells them, else by those of the whole session. */
function mosOf (audio: unknown, whole: Measured): number | undefined {
  if (typeof audio !== 'object' || audio === null) return undefined
  const { codec, packets, lost, restored = 0, bursts, jitterMs = whole.jitterMs, roundTripMs = whole.roundTripMs } = audio as Readonly<Record<string, unknown>>
  if (typeof codec !== 'string' || typeof jitterMs !== 'number' || typeof roundTripMs !== 'number') return undefined
  const unheard = typeof lost === 'number' && typeof restored === 'number' ? Math.max(0, lost - restored) : undefined // RED brings back the rest.
  const loss = typeof packets === 'number' && unheard !== undefined ? lossFraction(whole.direction, unheard, packets) : whole.loss
  if (loss === undefined) return undefined
  const burstRatio = (bursts as BurstFigures | undefined ?? whole.bursts)?.ratio ?? 1
  return estimatedMos({ codec, lossFraction: loss, burstRatio, delayMs: roundTripMs / 2 + jitterMs * BUFFER_PER_JITTER + EQUIPMENT_MS })
}
