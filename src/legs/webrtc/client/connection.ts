import { ChildController } from '../../../lib/abort.ts'
import type { Clock } from '../../../lib/clock.ts'
import { AppError } from '../../../lib/errors.ts'
import { ConnectionError, type ConnectionStatus } from '../../../lib/persevere.ts'
import { type PeerAnswer, parseAnswer } from '../../../protocols/webrtc/sdp-answer.ts'
import { printOffer, type SectionToOffer } from '../../../protocols/webrtc/sdp-offer.ts'
import type { TransportHub } from '../../../protocols/webrtc/transport-hub.ts'
import type { Transport } from '../../../protocols/webrtc/transport.ts'
import type { Leg, LegContext, LegStats } from '../../../room/leg.ts'
import type { Room } from '../../../room/room.ts'
import type { WebRtcSettings } from '../settings.ts'
import { type Dialer, Endpoint, type EndpointAddress } from './endpoint.ts'

/** Each is checked by itself, and gets checks of ICE from us. */
const MAX_REMOTE_CANDIDATES = 16
const LOOK_EVERY_MS = 1000
/** A server that is well reports every second or so. Consent would be missed only after half a minute. */
const SILENCE_MS = 10_000

export type ClientOptions = {
  readonly server: EndpointAddress
  readonly dialer: Dialer
  readonly transports: Pick<TransportHub, 'offer'>
  readonly settings: WebRtcSettings
  readonly clock: Clock
}

/** An offer that was answered. Disposing ends the server's session, then the transport. */
export type Exchange = AsyncDisposable & { readonly transport: Transport, readonly answer: PeerAnswer }

/**
 * Offers, and takes the answer. From then on ICE and DTLS go their way: we check the server's candidates, as the side that must
 * reach the other, but only those that the dialer's rules allow.
 */
export async function exchange (offered: readonly SectionToOffer[], { server, dialer, transports }: ClientOptions, signal: AbortSignal): Promise<Exchange> {
  await using stack = new AsyncDisposableStack()
  const endpoint = new Endpoint(dialer, server)
  const transport = stack.use(await transports.offer(endpoint.shown))
  const offer = printOffer({ sections: offered, transport: transport.local, candidates: transport.candidates })
  const { sdp, candidatesFrom, session } = await endpoint.post(offer, signal)
  if (session !== undefined) stack.defer(() => endpoint.delete(session))
  const answer = parseAnswer(sdp, offered.map(({ kind }) => kind))
  const usable = answer.candidates.filter(({ protocol, component, port }) => protocol === 'udp' && component === 1 && port > 0).slice(0, MAX_REMOTE_CANDIDATES)
  const allowed = await dialer.reachable(candidatesFrom, usable)
  if (usable.length > 0 && allowed.length === 0) throw new AppError('destination_not_allowed', 'The server wants media sent to no public address (security.outbound.allow_private can allow it).')
  transport.answered(answer.transport, allowed)
  const owned = stack.move()
  return { transport, answer, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

export type ConnectionLife = {
  /** Sends or receives over the transport, as long as that lives. */
  readonly leg: Leg
  readonly transport: Transport
  readonly status: ConnectionStatus
  readonly clock: Clock
  /** A connection on which nothing ever came is as dead as one that fell silent. */
  readonly mustHear: boolean
  /** Whether this connection will not do any more; asked every second. */
  readonly outdated?: () => boolean
}

/**
 * Runs one connection to its end.
 * @returns when another one is wanted at once. @throws ConnectionError for a connection that was lost, or what the leg throws
 */
export async function live (room: Room, { signal, log, sessionId, live: tellLive }: LegContext, { leg, transport, status, clock, mustHear, outdated = () => false }: ConnectionLife): Promise<void> {
  using controller = new ChildController(signal)
  const over = Symbol('another connection is wanted')
  let heard = 0
  let heardAt = clock.now()
  using _watching = clock.every(LOOK_EVERY_MS, () => {
    const { packetsIn } = leg.stats()
    if (status.state !== 'connected' || packetsIn !== heard) heardAt = clock.now()
    heard = packetsIn
    if (outdated()) controller.abort(over)
    else if ((heard > 0 || mustHear) && clock.now() - heardAt >= SILENCE_MS) controller.abort(new ConnectionError('media_timeout', `Nothing came from the server for ${SILENCE_MS / 1000} s.`))
  })
  const nowLive = (): void => {
    status.connected(clock.wall())
    tellLive()
  }
  try {
    await leg.run(room, { signal: controller.signal, log, sessionId, live: nowLive })
  } catch (error) {
    if (error === over) return
    if (error instanceof AppError && error.code === 'connect_timeout') throw new ConnectionError('connect_timeout', 'The server answered, but ICE or DTLS with it did not come about: is its UDP port open to us?')
    throw error
  }
  const end = await transport.ended
  if (end === 'left') throw new ConnectionError('dependency_unavailable', 'The server ended the connection.')
  if (end === 'failed') throw new ConnectionError('dependency_unavailable', 'The connection to the server was lost.')
}

/** Counters of connections that follow each other; they never go back. */
export class Totals {
  #packetsIn = 0
  #packetsOut = 0
  #bytesIn = 0
  #bytesOut = 0
  #packetsLost = 0

  /** Of a connection that has ended. */
  add ({ packetsIn, packetsOut, bytesIn, bytesOut, quality }: LegStats): void {
    this.#packetsIn += packetsIn
    this.#packetsOut += packetsOut
    this.#bytesIn += bytesIn
    this.#bytesOut += bytesOut
    this.#packetsLost += quality?.packetsLost ?? 0
  }

  /** With those of the connection that is there. */
  with (now: LegStats): Pick<LegStats, 'packetsIn' | 'packetsOut' | 'bytesIn' | 'bytesOut' | 'quality'> {
    return {
      packetsIn: this.#packetsIn + now.packetsIn,
      packetsOut: this.#packetsOut + now.packetsOut,
      bytesIn: this.#bytesIn + now.bytesIn,
      bytesOut: this.#bytesOut + now.bytesOut,
      ...now.quality ? { quality: { ...now.quality, packetsLost: this.#packetsLost + now.quality.packetsLost } } : {}
    }
  }
}
