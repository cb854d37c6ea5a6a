import { endpointOf } from '../../lib/addresses.ts'
import { AppError } from '../../lib/errors.ts'
import type { IceRoute } from './ice-route.ts'
import type { Candidate, IceCredentials } from './sdp-types.ts'
import type { TransportHub } from './transport-hub.ts'
import type { Transport } from './transport.ts'

/** ICE with one peer, over all its restarts; DTLS and SRTP above it stay the same. */
export class IceSession {
  readonly #transports: TransportHub
  readonly #transport: Transport
  readonly #first: IceCredentials
  #remote: IceCredentials
  #route: IceRoute | undefined
  #candidates: readonly Candidate[]

  /** @param remote what the peer’s offer says */
  constructor (transports: TransportHub, transport: Transport, remote: IceCredentials) {
    this.#transports = transports
    this.#transport = transport
    this.#first = this.#remote = remote
    this.#candidates = transports.candidatesOf(transport)
  }

  /** What the peer was told last, and what it told us. */
  get local (): IceCredentials { return this.#route?.local ?? this.#transport.local }
  get remote (): IceCredentials { return this.#remote }
  /** Where the peer reaches us. */
  get candidates (): readonly Candidate[] { return this.#candidates }

  /** More candidates of the peer. The library does not need them: see `TransportHub`. */
  trickle (candidates: readonly Candidate[]): void { this.#route?.open(candidates.filter(isUdp)) }

  /**
   * New credentials on both sides (RFC 8445 section 2.4). Packets go on as they went until the peer has nominated an address with them.
   * @throws AppError `not_found` when the transport has ended
   */
  async restart ({ remote, candidates }: { remote: IceCredentials, candidates: readonly Candidate[] }): Promise<void> {
    const front = await this.#transports.front()
    const transport = this.#transport
    if (transport.state === 'ended') throw new AppError('not_found', 'The session has ended.')
    this.#remote = remote
    const renewal = { remote, candidates: candidates.filter(isUdp) }
    if (this.#route) { front.renew(this.#route, renewal); return }
    const library = { ...this.#transports.address, local: transport.local, remote: this.#first }
    const route = this.#route = front.lead({ library, lost: () => transport.fail() }, renewal)
    const { seenAs } = transport
    transport.seenAs = pair => seenAs(route.selected ? { ...pair, remote: endpointOf(route.selected.address, route.selected.port) } : pair)
    this.#candidates = this.#candidates.map(candidate => isUdp(candidate) ? { ...candidate, port: front.port } : candidate)
    void transport.ended.then(() => front.drop(route))
  }
}

const isUdp = ({ protocol }: Candidate): boolean => protocol === 'udp'
