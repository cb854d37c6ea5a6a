import { ConnectionStatus, persevere } from '../../../lib/persevere.ts'
import { shownUrl } from '../../../lib/redact.ts'
import { type Leg, type LegContext, type LegStats, noStats } from '../../../room/leg.ts'
import type { Room } from '../../../room/room.ts'
import { WhipLeg } from '../whip-leg.ts'
import { type ClientOptions, exchange, live, Totals } from './connection.ts'
import { agreeToReceive, offerToReceive } from './negotiate.ts'

export type WhepPullOptions = ClientOptions & {
  /** Who it is in the room. */
  readonly identity: string
  readonly name?: string | undefined
}

/**
 * Watches somebody else's WHEP server, and is a participant of the room with what it sees: another bridge, a camera, a media
 * server. It connects again and again until it is stopped, or refused for good.
 */
export class WhepPullLeg implements Leg {
  readonly kind = 'whep-pull'
  readonly standing = true
  readonly #options: WhepPullOptions
  readonly #status = new ConnectionStatus()
  readonly #totals = new Totals()
  #connection: WhipLeg | undefined

  constructor (options: WhepPullOptions) { this.#options = options }

  get connection (): ConnectionStatus { return this.#status }

  async run (room: Room, context: LegContext): Promise<void> {
    const { signal, log } = context
    await persevere(() => this.#connect(room, context), this.#status, { signal, clock: this.#options.clock, log })
  }

  stats (): LegStats {
    const now = this.#connection?.stats() ?? noStats
    return { ...this.#totals.with(now), advice: now.advice, detail: { server: shownUrl(this.#options.server.url), ...this.#status.describe(), ...now.detail } }
  }

  async #connect (room: Room, context: LegContext): Promise<void> {
    const { identity, name, settings, clock } = this.#options
    const status = this.#status
    status.connecting()
    await using opened = await exchange(offerToReceive, this.#options, context.signal)
    const { transport, answer } = opened
    const leg = this.#connection = new WhipLeg({ transport, publishing: agreeToReceive(answer), identity, name, source: this.kind, settings, clock })
    try {
      await live(room, context, { leg, transport, status, clock, mustHear: true })
    } finally {
      this.#totals.add(leg.stats())
      this.#connection = undefined
    }
  }
}
