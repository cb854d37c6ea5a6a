import type { Clock } from '../../lib/clock.ts'
import { ProtocolError } from '../../lib/errors.ts'
import type { Spot } from './ice-agent.ts'
import type { Path } from './path.ts'
import { isStun, parseBinding, type StunBinding } from './stun.ts'
import type { Registry, Transport } from './transport.ts'

/** An address that was somebody else's is anew given away after so long (ms) without a sign of them. */
const ABANDONED_MS = 2_000
/** First bytes (RFC 7983 section 7). */
const DTLS = { from: 20, to: 63 } as const
const MEDIA = { from: 128, to: 191 } as const

type Heard = { readonly spot: Spot, readonly transport: Transport }

/**
 * Tells whose what comes to a port is: checks by the name they call us, the rest by where it comes from, which counts only after a check
 * that was signed. Anyone may send anything: what belongs to nobody is passed over.
 */
export class PacketSorter implements Registry {
  readonly #clock: Clock
  readonly #byUfrag = new Map<string, Transport>()
  readonly #byPath = new Map<string, Heard>()
  /** Those that were given media since the last pause. */
  readonly #fed = new Set<Transport>()

  constructor (clock: Clock) { this.#clock = clock }

  /** Checks that call us so are this transport's; undefined for nobody's. */
  name (ufrag: string, transport: Transport | undefined): void {
    if (transport) this.#byUfrag.set(ufrag, transport)
    else this.#byUfrag.delete(ufrag)
  }

  forget (spot: Spot): void {
    if (this.#byPath.get(spot.path.key)?.spot === spot) this.#byPath.delete(spot.path.key)
  }

  /** Whether a peer that names this as our side's user is met here. */
  knows (ufrag: string): boolean { return this.#byUfrag.has(ufrag) }

  /** Nothing comes from there any more. */
  gone (key: string): void {
    const heard = this.#byPath.get(key)
    this.#byPath.delete(key)
    heard?.transport.ice.lose(heard.spot)
  }

  /** @param pathTo makes the path that the bytes came on, where it is new */
  take (bytes: Buffer, key: string, pathTo: () => Path): void {
    const first = bytes[0] ?? 0
    const heard = this.#byPath.get(key)
    if (heard && first >= MEDIA.from && first <= MEDIA.to) {
      this.#fed.add(heard.transport)
      heard.transport.takeMedia(bytes, heard.spot)
    } else if (heard && first >= DTLS.from && first <= DTLS.to) heard.transport.takeDtls(bytes, heard.spot)
    else if (isStun(bytes)) this.#takeStun(bytes, key, heard, pathTo)
  }

  /** Nothing more has come for the moment. */
  pause (): void {
    for (const transport of this.#fed) transport.onPause()
    this.#fed.clear()
  }

  #takeStun (bytes: Buffer, key: string, heard: Heard | undefined, pathTo: () => Path): void {
    try {
      const message = parseBinding(bytes)
      const found = message.kind === 'request' ? this.#takeCheck(message, bytes, heard, pathTo) : this.#takeAnswer(message, bytes, heard, pathTo)
      if (found) this.#byPath.set(key, found)
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
    }
  }

  #takeCheck (check: StunBinding, bytes: Buffer, heard: Heard | undefined, pathTo: () => Path): Heard | undefined {
    const transport = this.#byUfrag.get(check.username?.split(':', 1)[0] ?? '')
    const isTheirs = heard?.transport === transport
    if (!transport || (heard && !isTheirs && this.#clock.now() - heard.spot.heardAt < ABANDONED_MS)) return undefined
    const spot = transport.ice.takeCheck(check, bytes, isTheirs && heard ? heard.spot.path : pathTo())
    if (!spot) return undefined
    if (heard && !isTheirs) heard.transport.ice.lose(heard.spot)
    return { spot, transport }
  }

  /** From where nobody was heard yet, only one who is alone here can have asked. */
  #takeAnswer (answer: StunBinding, bytes: Buffer, heard: Heard | undefined, pathTo: () => Path): Heard | undefined {
    const [alone] = this.#byUfrag.size === 1 ? this.#byUfrag.values() : []
    const transport = heard?.transport ?? alone
    const spot = transport?.ice.takeAnswer(answer, bytes, heard?.spot.path ?? pathTo())
    return spot && transport && { spot, transport }
  }
}
