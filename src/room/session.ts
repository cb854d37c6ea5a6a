import { AppError, type ErrorCode, messageOf } from '../lib/errors.ts'
import { newId } from '../lib/ids.ts'
import type { Logger } from '../lib/log.ts'
import type { Leg, LegStats } from './leg.ts'
import type { Participant, ParticipantInfo, Room } from './room.ts'

export type SessionState = 'starting' | 'active' | 'ended' | 'failed'

export type SessionInfo = {
  readonly id: string
  /** The leg's kind: `rtmp`, `whep`, `recording`, … */
  readonly kind: string
  readonly room: string
  readonly conferenceId: string
  readonly state: SessionState
  /** Why it ended: one sentence, set once, by whoever was first. Empty while it lives. */
  readonly reason: string
  /** With state `failed`: the code from the table of errors. */
  readonly errorCode: ErrorCode | undefined
  /** The peer's address, `host:port`, if it has one. */
  readonly remoteAddress: string | undefined
  /** What the outside calls it: an ingress id, a recording id, a SIP Call-ID. */
  readonly externalId: string | undefined
  readonly startedAt: Date
  readonly activeAt: Date | undefined
  readonly endedAt: Date | undefined
  readonly stats: LegStats
}

export type ConferenceInfo = { readonly id: string, readonly room: string, readonly participants: number, readonly openedAt: Date, readonly endedAt: Date | undefined }
export type ParticipantChange = { readonly info: ParticipantInfo, readonly conferenceId: string, readonly room: string, readonly leftAt: Date | undefined }

/** Told of every change, in order, in the tick it happens. May not throw and may not wait: whoever is slow queues. */
export interface Journal {
  roomChanged (info: ConferenceInfo): void
  participantChanged (change: ParticipantChange): void
  sessionChanged (info: SessionInfo): void
}

export type SessionOptions = { remoteAddress?: string | undefined, externalId?: string | undefined }
type Surroundings = { room: Room, journal: Journal, log: Logger }

/** One leg's stay in one room: the only place where a leg meets the database, the metrics, the events and the log. */
export class Session implements AsyncDisposable {
  readonly id = newId('session')
  readonly leg: Leg
  readonly room: Room
  readonly startedAt = new Date()
  /** Resolves, never rejects, when the leg is gone. */
  readonly done: Promise<void>
  readonly #options: SessionOptions
  readonly #journal: Journal
  readonly #log: Logger
  /** Nobody's child: whoever closes the bridge closes each session, and waits for it. A thousand listeners on one signal are slow to join. */
  readonly #controller = new AbortController()
  #activeAt: Date | undefined
  #endedAt: Date | undefined
  #state: SessionState = 'starting'
  #reason = ''
  #errorCode: ErrorCode | undefined

  constructor (leg: Leg, options: SessionOptions, { room, journal, log }: Surroundings) {
    this.leg = leg
    this.room = room
    this.#options = options
    this.#journal = journal
    this.#log = log.child({ session: this.id, kind: leg.kind, room: room.name })
    this.done = this.#run()
  }

  get state (): SessionState { return this.#state }

  /** Asks the leg to stop and waits until it has. The first reason given is kept. */
  async close (reason: string): Promise<void> {
    if (this.#endedAt === undefined) this.#reason ||= reason
    this.#controller.abort(new AppError('conflict', reason))
    await this.done
  }

  describe (): SessionInfo {
    return {
      id: this.id,
      kind: this.leg.kind,
      room: this.room.name,
      conferenceId: this.room.id,
      state: this.#state,
      reason: this.#reason,
      errorCode: this.#errorCode,
      remoteAddress: this.#options.remoteAddress,
      externalId: this.#options.externalId,
      startedAt: this.startedAt,
      activeAt: this.#activeAt,
      endedAt: this.#endedAt,
      stats: this.leg.stats()
    }
  }

  [Symbol.asyncDispose] (): Promise<void> { return this.close('shutdown') }

  async #run (): Promise<void> {
    const { signal } = this.#controller
    this.#tell()
    try {
      const context = { signal, log: this.#log, sessionId: this.id, live: () => this.#live() }
      await this.leg.run(this.room, context)
      this.#end('ended', 'left')
    } catch (error) {
      if (signal.aborted) this.#end('ended', messageOf(signal.reason))
      else this.#fail(error)
    }
  }

  #live (): void {
    if (this.#state !== 'starting') return
    this.#state = 'active'
    this.#activeAt = new Date()
    this.#tell()
  }

  #fail (error: unknown): void {
    this.#errorCode = error instanceof AppError ? error.code : 'internal'
    if (!(error instanceof AppError)) this.#log.error({ error }, 'a leg failed in a way it should not')
    this.#end('failed', messageOf(error))
  }

  #end (state: 'ended' | 'failed', reason: string): void {
    this.#state = state
    this.#endedAt = new Date()
    this.#reason ||= reason
    this.#tell()
  }

  #tell (): void {
    this.#log.info({ state: this.#state, ...(this.#reason ? { reason: this.#reason } : {}) }, `session ${this.#state}`)
    this.#journal.sessionChanged(this.describe())
  }
}

/** The journal's view of a participant. */
export const participantChange = (participant: Participant, room: Room, leftAt?: Date): ParticipantChange =>
  ({ info: participant.info, conferenceId: room.id, room: room.name, leftAt })
