import type { Logger } from '../lib/log.ts'
import type { FreezeFigures } from '../media/quality/freeze-meter.ts'
import type { BurstFigures } from '../media/quality/loss-bursts.ts'
import type { Room } from './room.ts'

export interface LegContext {
  /** The session's own: aborted when the leg must stop. Good-byes go in `finally`, with a deadline of their own. */
  readonly signal: AbortSignal
  /** Carries the session's id on every line. */
  readonly log: Logger
  readonly sessionId: string
  /** Called once media or signalling is up; the session goes from `starting` to `active`. */
  live (): void
}

/** Something the other side could do better: shown in the session's status, with the remedy. */
export type Advice = { readonly code: string, readonly message: string, readonly remedy: string }

/** How the network treats a session's media, as far as either side reports it (RFC 3550 section 6.4); what is left out was not measured. */
export type LinkQuality = {
  /** Never goes back. */
  readonly packetsLost: number
  readonly jitterMs?: number
  readonly roundTripMs?: number
  /** Of the stream in which most was lost, before anything was sent again. */
  readonly bursts?: BurstFigures
  /** Of the picture: as it came, or as it was sent. What a viewer sees, no report says. */
  readonly freezes?: FreezeFigures
  /** bit/s that the path was found to carry; left out while nothing limits it. */
  readonly estimatedBitrate?: number
  /** Which of a picture's qualities is sent, 0 the lowest. */
  readonly layer?: number
}

/** Read at any time, also after run() has ended. Counters never go back. */
export type LegStats = {
  readonly packetsIn: number
  readonly packetsOut: number
  readonly bytesIn: number
  readonly bytesOut: number
  readonly quality?: LinkQuality
  readonly advice: readonly Advice[]
  /** What only this kind of leg knows: codecs, destination, file, round trip. JSON, camelCase, no secrets. */
  readonly detail: Readonly<Record<string, unknown>>
}

/** An outside party in a room. It exists while run() runs: run() resolves when the party leaves, rejects when it fails. */
export interface Leg {
  readonly kind: string
  /** It never leaves by itself: draining does not wait for it. */
  readonly standing?: true
  run (room: Room, context: LegContext): Promise<void>
  stats (): LegStats
}

/** The conference behind a room, if there is one: mirrors the room's participants into it, and its participants into the room. */
export interface RoomEngine {
  readonly kind: string
  run (room: Room, signal: AbortSignal): Promise<void>
}

export const noStats: LegStats = { packetsIn: 0, packetsOut: 0, bytesIn: 0, bytesOut: 0, advice: [], detail: {} }
