import { jwtReasons } from './jwt.ts'

/** Why somebody was not let in: a fixed set, so that each can be a label. */
export const refusalReasons = [...jwtReasons, 'missing', 'api_key', 'session', 'login', 'csrf', 'throttled', 'scope', 'room', 'oidc'] as const
export type RefusalReason = typeof refusalReasons[number]

/** Counts refusals by reason. Plain counters, read when metrics are scraped. */
export class Refusals {
  readonly #counts = new Map<RefusalReason, number>(refusalReasons.map(reason => [reason, 0]))

  count (reason: RefusalReason): void { this.#counts.set(reason, this.#counts.get(reason)! + 1) }
  get counts (): ReadonlyMap<RefusalReason, number> { return this.#counts }
}
