import { aborted } from '../../lib/abort.ts'
import type { Clock } from '../../lib/clock.ts'
import { messageOf } from '../../lib/errors.ts'
import { type Logger, Tally } from '../../lib/log.ts'
import type { ConferenceInfo, Journal, ParticipantChange } from '../../room/session.ts'
import { backoff } from '../../lib/backoff.ts'
import { type DashboardCalls, DashboardError } from './calls.ts'
import type { DashboardOutbox, Report, Reported } from './outbox.ts'

/** Conferences reported side by side; within one, one call after the other. */
const MAX_PARALLEL = 8
const RETRY = { firstMs: 1_000, longestMs: 60_000 }
const LOOK_EVERY_MS = 1_000
/** A Dashboard without these routes is asked again this often: it may be updated. */
const UNSUPPORTED_RETRY_MS = 10 * 60_000

export type ReporterOptions = {
  readonly calls: DashboardCalls
  readonly outbox: DashboardOutbox
  readonly bridgeId: string
  readonly clock: Clock
  readonly log: Logger
  readonly random?: () => number
}

type Trouble = { failures: number, until: number }

/** Tells the Dashboard of conferences and participants: everything, in order for each conference, as soon as it can be told. */
export class DashboardReporter implements Journal {
  readonly #options: ReporterOptions
  readonly #tally: Tally
  /** Participants the Dashboard knows or will know, by conference: the journal tells of each change, the Dashboard of each stay. */
  readonly #live = new Map<string, Set<string>>()
  readonly #underWay = new Map<string, Promise<void>>()
  readonly #trouble = new Map<string, Trouble>()
  #unsupportedUntil = -Infinity
  #wake = Promise.withResolvers<void>()

  /** What an earlier run left open is over: its process is. */
  constructor (options: ReporterOptions) {
    this.#options = options
    this.#tally = new Tally(options.log, options.clock, 10_000)
    for (const { id, reports } of options.outbox.conferences.values()) {
      if (reports.at(-1)?.what !== 'closed') this.#add(id, { what: 'closed' })
    }
  }

  roomChanged ({ id, room, openedAt, endedAt }: ConferenceInfo): void {
    const known = this.#live.has(id)
    if (endedAt === undefined && !known) {
      this.#live.set(id, new Set())
      this.#add(id, { what: 'opened', room, openedAt: openedAt.getTime() })
    } else if (endedAt !== undefined && this.#live.delete(id)) this.#add(id, { what: 'closed' })
  }

  participantChanged ({ info, conferenceId, leftAt }: ParticipantChange): void {
    const participants = this.#live.get(conferenceId)
    if (!participants) return
    if (leftAt !== undefined) {
      if (participants.delete(info.id)) this.#add(conferenceId, { what: 'left', participant: info.id })
    } else if (!participants.has(info.id)) {
      participants.add(info.id)
      const { id: participant, name, source, auraId } = info
      this.#add(conferenceId, { what: 'joined', participant, name, source, ...(auraId === undefined ? {} : { auraId }) })
    }
  }

  /** The Dashboard is told of conferences and who is in them, not of sessions. */
  sessionChanged (): void {}

  async run (signal: AbortSignal): Promise<void> {
    const stopped = aborted(signal)
    using _looking = this.#options.clock.every(LOOK_EVERY_MS, () => this.#wake.resolve())
    while (!signal.aborted) {
      this.#wake = Promise.withResolvers()
      this.#startDue()
      await Promise.race([this.#wake.promise, stopped])
    }
    await Promise.all(this.#underWay.values()) // Each has the time limit of its one call.
  }

  #add (id: string, report: Report): void {
    this.#options.outbox.add(id, report)
    this.#wake.resolve()
  }

  #startDue (): void {
    const { clock, outbox } = this.#options
    const now = clock.now()
    if (now < this.#unsupportedUntil) return
    for (const conference of outbox.conferences.values()) {
      if (this.#underWay.size >= MAX_PARALLEL) return
      const { id, reports } = conference
      if (reports.length === 0 || this.#underWay.has(id) || now < (this.#trouble.get(id)?.until ?? -Infinity)) continue
      const work = this.#report(conference).finally(() => {
        this.#underWay.delete(id)
        this.#wake.resolve()
      })
      this.#underWay.set(id, work)
    }
  }

  async #report (conference: Reported): Promise<void> {
    const report = conference.reports[0]
    if (!report) return
    try {
      this.#options.outbox.sent(conference, await this.#send(conference, report))
      this.#trouble.delete(conference.id)
    } catch (error) {
      this.#failed(conference, report, error)
    }
  }

  /** @returns the Dashboard's id of a conference just opened. */
  async #send ({ id, remoteId = id }: Reported, report: Report): Promise<string | undefined> {
    const { calls, bridgeId } = this.#options
    switch (report.what) {
      case 'opened':
        return await calls.createConference({ bridgeId, roomName: report.room, metadata: { conferenceId: id, openedAt: report.openedAt } }) ?? id
      case 'joined': {
        const { participant: participantId, name: displayName, source: joinSource, auraId } = report
        await calls.addParticipant({ conferenceId: remoteId, participantId, displayName, joinSource, ...(auraId === undefined ? {} : { auraId }) })
        return undefined
      }
      case 'left':
        await calls.removeParticipant(remoteId, report.participant)
        return undefined
      case 'closed':
        await calls.endConference(remoteId)
        return undefined
    }
  }

  #failed (conference: Reported, report: Report, error: unknown): void {
    const { outbox } = this.#options
    const fields = { conference: conference.id, report: report.what, error: messageOf(error) }
    if (error instanceof DashboardError && !error.isTransient) {
      if (report.what === 'opened' && error.isUnsupported) return this.#unsupported(fields)
      const alreadySo = (error.status === 404 && (report.what === 'left' || report.what === 'closed')) || error.status === 409
      if (!alreadySo) this.#tally.count('the Dashboard refused a report', fields)
      outbox.sent(conference) // Sending it again would be refused again, and would hold back the rest.
      return
    }
    const failures = (this.#trouble.get(conference.id)?.failures ?? 0) + 1
    const { clock, random } = this.#options
    this.#trouble.set(conference.id, { failures, until: clock.now() + backoff(failures, RETRY, random) })
    this.#tally.count('reports wait for the Dashboard', { ...fields, waiting: outbox.size })
  }

  /** Nobody takes what is over; what goes on is kept, in case the Dashboard learns to take it. */
  #unsupported (fields: Record<string, unknown>): void {
    const { clock, outbox, log } = this.#options
    if (this.#unsupportedUntil === -Infinity) log.warn(fields, 'the Dashboard does not take reports of conferences; it is asked again from time to time')
    this.#unsupportedUntil = clock.now() + UNSUPPORTED_RETRY_MS
    for (const conference of outbox.conferences.values()) { // A Map may lose what is being looked at.
      if (conference.remoteId === undefined && conference.reports.at(-1)?.what === 'closed') outbox.drop(conference)
    }
  }
}
