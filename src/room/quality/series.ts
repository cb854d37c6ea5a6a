import type { LegStats } from '../leg.ts'
import { type Direction, lossFraction } from './session-quality.ts'

/** About 200 bytes each in memory and 120 in JSON: at most 24 and 15 kB for a session, however long it lasts. */
const MAX_SAMPLES = 120
const SAMPLE_EVERY_MS = 5000

/** What happened to a session between one sample and the next; null where it was not measured. */
export type QualityPoint = {
  /** Seconds since the session began, at the end of the interval. */
  readonly at: number
  /** bit/s, in the direction of its media. */
  readonly bitrate: number
  readonly lossPercent: number | null
  readonly jitterMs: number | null
  readonly roundTripMs: number | null
  /** How long the picture stood. */
  readonly frozenMs: number | null
  /** bit/s that the path was found to carry; null also while nothing limits it. */
  readonly estimatedBitrate: number | null
  /** Which of a picture's qualities was sent, 0 the lowest. */
  readonly layer: number | null
}

/** Counters as they stood, so that any of them may be left out without loss. */
type Sample = {
  readonly at: number
  readonly packets: Readonly<Record<Direction, number>>
  readonly bytes: Readonly<Record<Direction, number>>
  readonly packetsLost: number | undefined
  readonly frozenMs: number | undefined
  readonly jitterMs: number | undefined
  readonly roundTripMs: number | undefined
  readonly estimatedBitrate: number | undefined
  readonly layer: number | undefined
}

/** The course of one session: a sample every 5 s at first; whenever there are too many, every other one is forgotten. */
export class QualitySeries {
  #samples: Sample[] = []
  #everyMs = SAMPLE_EVERY_MS

  /** @param at ms since the session began */
  isDue (at: number): boolean { return at - (this.#samples.at(-1)?.at ?? 0) >= this.#everyMs }

  add (at: number, { packetsIn, packetsOut, bytesIn, bytesOut, quality }: LegStats): void {
    this.#samples.push({
      at, packets: { in: packetsIn, out: packetsOut }, bytes: { in: bytesIn, out: bytesOut }, packetsLost: quality?.packetsLost, frozenMs: quality?.freezes?.totalMs,
      jitterMs: quality?.jitterMs, roundTripMs: quality?.roundTripMs, estimatedBitrate: quality?.estimatedBitrate, layer: quality?.layer
    })
    if (this.#samples.length < MAX_SAMPLES) return
    this.#samples = this.#samples.filter((_sample, index) => index % 2 === 1)
    this.#everyMs *= 2
  }

  points (): QualityPoint[] {
    const newest = this.#samples.at(-1)?.bytes ?? nothing
    const direction = newest.in > newest.out ? 'in' : 'out'
    return this.#samples.map((sample, index) => point(sample, this.#samples[index - 1], direction))
  }
}

const nothing = { in: 0, out: 0 }

function point (sample: Sample, before: Sample | undefined, direction: Direction): QualityPoint {
  const { at, packetsLost, frozenMs, jitterMs, roundTripMs, estimatedBitrate = null, layer = null } = sample
  const { at: since = 0, packets = nothing, bytes = nothing } = before ?? {}
  const loss = packetsLost === undefined
    ? undefined
    : lossFraction(direction, Math.max(0, packetsLost - (before?.packetsLost ?? 0)), sample.packets[direction] - packets[direction])
  return {
    at: round(at / 1000, 10),
    bitrate: Math.round((sample.bytes[direction] - bytes[direction]) * 8000 / Math.max(1, at - since)),
    lossPercent: roundOrNull(loss === undefined ? undefined : loss * 100, 100),
    jitterMs: roundOrNull(jitterMs, 10),
    roundTripMs: roundOrNull(roundTripMs, 10),
    frozenMs: frozenMs === undefined ? null : Math.round(frozenMs - (before?.frozenMs ?? 0)),
    estimatedBitrate,
    layer
  }
}

const round = (value: number, parts: number): number => Math.round(value * parts) / parts
const roundOrNull = (value: number | undefined, parts: number): number | null => value === undefined ? null : round(value, parts)
