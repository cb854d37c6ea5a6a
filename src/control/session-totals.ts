import type { LegStats } from '../room/leg.ts'
import type { ConferenceInfo, Journal, ParticipantChange, SessionInfo, SessionState } from '../room/session.ts'

export type Traffic = { packetsIn: number, packetsOut: number, bytesIn: number, bytesOut: number, packetsLost: number }

const none = (): Traffic => ({ packetsIn: 0, packetsOut: 0, bytesIn: 0, bytesOut: 0, packetsLost: 0 })

/** What counts as many, as `/metrics` counts it. A closed set of kinds: they are the names of legs, never from the wire. */
type KindTotals = { readonly traffic: Traffic, started: number, ended: number, failed: number }

/**
 * Counters that outlive the sessions they counted, by kind: a journal that adds up what each session leaves behind. Without it
 * a total would fall whenever somebody hangs up, and a rate over it would be nonsense.
 */
export class SessionTotals implements Journal {
  readonly #kinds = new Map<string, KindTotals>()
  readonly #open = new Set<string>()
  conferencesOpened = 0
  participantsJoined = 0

  roomChanged ({ id, endedAt }: ConferenceInfo): void {
    if (endedAt !== undefined) this.#open.delete(id)
    else if (!this.#open.has(id)) {
      this.#open.add(id)
      this.conferencesOpened++
    }
  }

  participantChanged (change: ParticipantChange): void {
    if (change.leftAt === undefined) this.participantsJoined++
  }

  sessionChanged ({ kind, state, stats }: SessionInfo): void {
    const totals = this.#of(kind)
    if (state === 'starting') totals.started++
    if (!over(state)) return
    totals[state]++
    add(totals.traffic, stats)
  }

  /** Totals by kind, of the sessions that are over and those that live. */
  withLive (live: Iterable<SessionInfo>): Map<string, KindTotals> {
    const sums = new Map([...this.#kinds].map(([kind, totals]) => [kind, { ...totals, traffic: { ...totals.traffic } }]))
    for (const { kind, state, stats } of live) if (!over(state)) add(sums.get(kind)?.traffic ?? none(), stats)
    return sums
  }

  #of (kind: string): KindTotals {
    let totals = this.#kinds.get(kind)
    if (!totals) this.#kinds.set(kind, totals = { traffic: none(), started: 0, ended: 0, failed: 0 })
    return totals
  }
}

const over = (state: SessionState): state is 'ended' | 'failed' => state === 'ended' || state === 'failed'

function add (to: Traffic, { packetsIn, packetsOut, bytesIn, bytesOut, quality }: LegStats): void {
  to.packetsIn += packetsIn
  to.packetsOut += packetsOut
  to.bytesIn += bytesIn
  to.bytesOut += bytesOut
  to.packetsLost += quality?.packetsLost ?? 0
}
