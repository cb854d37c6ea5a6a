import { estimatedMos } from '../media/e-model.ts'
import type { LegStats } from '../room/leg.ts'

/** A receiver that adapts holds back about this many times the jitter. */
const BUFFER_PER_JITTER = 2
/** Encoding, packets of 20 ms, playing out: what every call has, in milliseconds. */
const EQUIPMENT_MS = 60

/** How a session fares, as far as it was measured: null says that it was not. */
export type SessionQuality = {
  /** Which way its media goes: `in` is towards us. */
  readonly direction: 'in' | 'out'
  readonly packetsLost: number | null
  readonly lossPercent: number | null
  readonly jitterMs: number | null
  readonly roundTripMs: number | null
  /** Of the sound, 1 to 4.5, by the E-model. */
  readonly estimatedMos: number | null
}

export function sessionQuality (stats: LegStats): SessionQuality {
  const { quality, packetsIn, packetsOut, bytesIn, bytesOut, detail } = stats
  const direction = bytesIn > bytesOut ? 'in' : 'out'
  const loss = quality && lossFraction(direction, quality.packetsLost, direction === 'in' ? packetsIn : packetsOut)
  return {
    direction,
    packetsLost: quality?.packetsLost ?? null,
    lossPercent: loss === undefined ? null : loss * 100,
    jitterMs: quality?.jitterMs ?? null,
    roundTripMs: quality?.roundTripMs ?? null,
    estimatedMos: mosOf(detail['audio'], { direction, loss, jitterMs: quality?.jitterMs, roundTripMs: quality?.roundTripMs }) ?? null
  }
}

/** @param packets what came, or what was sent */
function lossFraction (direction: 'in' | 'out', lost: number, packets: number): number | undefined {
  const expected = direction === 'in' ? packets + lost : packets
  return expected > 0 ? Math.min(1, lost / expected) : undefined
}

type Measured = { direction: 'in' | 'out', loss: number | undefined, jitterMs: number | undefined, roundTripMs: number | undefined }

/** By the sound's own figures where the leg tells them, else by those of the whole session. */
function mosOf (audio: unknown, whole: Measured): number | undefined {
  if (typeof audio !== 'object' || audio === null) return undefined
  const { codec, packets, lost, jitterMs = whole.jitterMs, roundTripMs = whole.roundTripMs } = audio as Readonly<Record<string, unknown>>
  if (typeof codec !== 'string' || typeof jitterMs !== 'number' || typeof roundTripMs !== 'number') return undefined
  const loss = typeof packets === 'number' && typeof lost === 'number' ? lossFraction(whole.direction, lost, packets) : whole.loss
  if (loss === undefined) return undefined
  return estimatedMos({ codec, lossFraction: loss, delayMs: roundTripMs / 2 + jitterMs * BUFFER_PER_JITTER + EQUIPMENT_MS })
}
