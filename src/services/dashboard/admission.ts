import type { Clock } from '../../lib/clock.ts'
import { AppError, messageOf } from '../../lib/errors.ts'
import { type Logger, Tally } from '../../lib/log.ts'
import type { AdmissionRequest, Gatekeeper } from '../../room/bridge.ts'
import { type DashboardCalls, DashboardError } from './calls.ts'
import type { AdmissionAnswer } from './contract.ts'

/** An encoder waits for this; it must not give up meanwhile. */
const TIMEOUT_MS = 2_000
/** An answer counts this long without asking again, … */
const FRESH_MS = 30_000
/** … and this long while there is no new one. */
const STALE_MS = 5 * 60_000
const MAX_ANSWERS = 10_000

export type AdmissionOptions = {
  readonly calls: Pick<DashboardCalls, 'admission'>
  readonly bridgeId: string
  /** Without an answer: `open` lets in, `closed` refuses. */
  readonly mode: 'open' | 'closed'
  readonly clock: Clock
  readonly log: Logger
}

/** Asks the Dashboard before a session enters. */
export class DashboardGatekeeper implements Gatekeeper {
  readonly #options: AdmissionOptions
  readonly #tally: Tally
  /** The oldest first. */
  readonly #answers = new Map<string, { answer: AdmissionAnswer, at: number }>()

  constructor (options: AdmissionOptions) {
    this.#options = options
    this.#tally = new Tally(options.log, options.clock, 10_000)
  }

  /** @throws AppError `forbidden`, or `dependency_unavailable` without an answer in mode `closed`. */
  async authorize (kind: string, { room, identity, remoteAddress }: AdmissionRequest): Promise<void> {
    const { bridgeId, clock } = this.#options
    const who = { ...(identity === undefined ? {} : { identity }), ...(remoteAddress === undefined ? {} : { remoteAddress }) }
    const question = { bridgeId, roomName: room, kind, ...who }
    const key = JSON.stringify([room, kind, identity, remoteAddress?.replace(/:\d+$/, '')])
    const known = this.#answers.get(key)
    if (known && clock.now() - known.at < FRESH_MS) return allow(known.answer)
    try {
      const answer = await this.#options.calls.admission(question, TIMEOUT_MS)
      this.#keep(key, answer)
      allow(answer)
    } catch (error) {
      if (error instanceof AppError && error.code === 'forbidden') throw error
      const refusesUs = error instanceof DashboardError && (error.status === 401 || error.status === 403)
      if (refusesUs) this.#tally.count('the Dashboard does not accept our key', { error: error.message }, 'error')
      if (known && clock.now() - known.at < STALE_MS) return allow(known.answer)
      this.#withoutAnswer(error)
    }
  }

  #withoutAnswer (error: unknown): void {
    const isOpen = this.#options.mode === 'open'
    this.#tally.count(`the Dashboard gave no answer: sessions are ${isOpen ? 'let in' : 'refused'}`, { error: messageOf(error) })
    if (!isOpen) throw new AppError('dependency_unavailable', 'The Dashboard, which decides who may enter, gives no answer.', { cause: error })
  }

  #keep (key: string, answer: AdmissionAnswer): void {
    this.#answers.delete(key)
    this.#answers.set(key, { answer, at: this.#options.clock.now() })
    if (this.#answers.size > MAX_ANSWERS) this.#answers.delete(this.#answers.keys().next().value ?? '')
  }
}

function allow ({ allowed, reason }: AdmissionAnswer): void {
  if (!allowed) throw new AppError('forbidden', reason ?? 'The Dashboard does not let this session in.')
}
