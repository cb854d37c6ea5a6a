import type { Clock } from '../../lib/clock.ts'
import type { Journal, Session, SessionInfo } from '../session.ts'
import { type QualityPoint, QualitySeries } from './series.ts'
import { type SessionQuality, sessionQuality } from './session-quality.ts'

/** Each session has its own five seconds: not all are looked at in the same moment. */
const LOOK_EVERY_MS = 250

/** What is known of a session's quality when it is over. */
export type QualityRecord = {
  readonly sessionId: string
  readonly kind: string
  readonly room: string
  readonly conferenceId: string
  readonly durationMs: number
  readonly quality: SessionQuality
  readonly points: readonly QualityPoint[]
}

export type QualityWatchOptions = {
  readonly clock: Clock
  readonly sessions: () => Iterable<Session>
  /** Told once of each session that had media, when it is over. */
  readonly over: (record: QualityRecord) => void
}

/** Follows the quality of every session that lives. One timer for all; it is a journal to hear of their ends. */
export class QualityWatch implements Journal, Disposable {
  readonly #options: QualityWatchOptions
  readonly #series = new Map<string, QualitySeries>()
  readonly #ticking: Disposable

  constructor (options: QualityWatchOptions) {
    this.#options = options
    this.#ticking = options.clock.every(LOOK_EVERY_MS, () => this.#sample())
  }

  /** Of a session that lives: its course until the last sample. */
  points (sessionId: string): readonly QualityPoint[] { return this.#series.get(sessionId)?.points() ?? [] }

  roomChanged (): void {}
  participantChanged (): void {}

  sessionChanged (info: SessionInfo): void {
    if (info.endedAt === undefined) return
    const { id: sessionId, kind, room, conferenceId, startedAt, endedAt, stats } = info
    const series = this.#series.get(sessionId) ?? new QualitySeries()
    this.#series.delete(sessionId)
    if (stats.packetsIn + stats.packetsOut === 0) return
    const durationMs = endedAt.getTime() - startedAt.getTime()
    series.add(durationMs, stats)
    this.#options.over({ sessionId, kind, room, conferenceId, durationMs, quality: sessionQuality(stats), points: series.points() })
  }

  [Symbol.dispose] (): void { this.#ticking[Symbol.dispose]() }

  #sample (): void {
    const { clock, sessions } = this.#options
    for (const session of sessions()) {
      if (session.state !== 'active') continue
      let series = this.#series.get(session.id)
      if (!series) this.#series.set(session.id, series = new QualitySeries())
      const at = clock.wall() - session.startedAt.getTime()
      if (series.isDue(at)) series.add(at, session.leg.stats())
    }
  }
}
