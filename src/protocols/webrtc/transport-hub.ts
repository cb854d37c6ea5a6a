import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import nodeDataChannel, { type PeerConnection } from 'node-datachannel'
import { type Clock, systemClock } from '../../lib/clock.ts'
import { AppError } from '../../lib/errors.ts'
import { hostPriority, passive } from './candidate.ts'
import { IceFront } from './ice-front.ts'
import type { Candidate, TransportParameters } from './sdp-types.ts'
import type { TransportAddress } from './stun.ts'
import { TcpRelay, type TcpRelayOptions } from './tcp-relay.ts'
import { type CandidatePair, ownPortConfig, portConfig, Transport } from './transport.ts'
import { WakeUp } from './wake-up.ts'

/** libjuice gives the socket back some milliseconds after its last user is gone. */
const RELEASE_POLL_MS = 10
const RELEASE_POLLS = 200
/** Offers that were answered and never followed up cost memory until their time is over: so many at once, and from one address. */
const MAX_CONNECTING = 512
const MAX_CONNECTING_PER_CLIENT = 128

export type TransportHubOptions = {
  /** UDP; 0 picks a free one. */
  readonly port: number
  /** All interfaces if left out, or `0.0.0.0`, or `::`. */
  readonly bindAddress?: string | undefined
  /** What clients are told to try first, before the interfaces' own addresses: public addresses behind 1:1 NAT. */
  readonly announcedAddresses?: readonly string[]
  /** UDP, for peers that restart ICE: see `IceFront`. Opened with the first of them; any free one if this is taken, or 0. */
  readonly restartPort?: number
  readonly clock?: Clock
}

/**
 * All WebRTC transports of this process: those of clients on one UDP port, told apart by their ICE user names.
 *
 * Peers' candidates are not used. A media server can be reached, so it is enough to answer the checks that come in: a peer
 * appears as a reflexive candidate with its first check. That sends nothing to an address just because somebody wrote it into
 * an offer, and it ends a race. Whoever opens DTLS before the other side is ready loses its first flight, and OpenSSL repeats
 * it only after a second. Checks of ours that succeed before the peer has read our answer would make us that one; a peer that
 * opens DTLS would be, since it is connected before us. So we open DTLS, and only after a check that the peer began: by then
 * it has our answer and its own check has come back.
 *
 * The library's own log stays off: its callback would keep the process from ending, and what it says can be provoked by anyone.
 */
export class TransportHub implements AsyncDisposable {
  readonly port: number
  readonly #options: TransportHubOptions
  readonly #anchor: PeerConnection
  /** With the client of each. */
  readonly #transports = new Map<Transport, string>()
  readonly #wakeUp: WakeUp
  #relay: TcpRelay | undefined
  #front: IceFront | undefined
  #openingFront: Promise<IceFront> | undefined

  private constructor (port: number, options: TransportHubOptions, anchored: PeerConnection) {
    this.port = port
    this.#options = options
    this.#anchor = anchored
    this.#wakeUp = new WakeUp(() => this.#transports.keys(), portConfig(port, options.bindAddress), options.clock ?? systemClock)
  }

  /** @throws the system's error, `EADDRINUSE` and its like, when the port cannot be had. */
  static async open (options: TransportHubOptions): Promise<TransportHub> {
    const bindAddress = options.bindAddress === '0.0.0.0' || options.bindAddress === '::' ? undefined : options.bindAddress
    const port = await probe(options.port, bindAddress)
    return new TransportHub(port, { ...options, bindAddress }, anchor(port, bindAddress))
  }

  /**
   * Lets clients in over TCP too.
   * @throws the system's error, `EADDRINUSE` and its like, when the port cannot be had.
   */
  async openTcp (options: Pick<TcpRelayOptions, 'port' | 'log' | 'clock'>): Promise<void> {
    const { bindAddress } = this.#options
    this.#relay = await TcpRelay.open({ ...options, bindAddress, mediaOf: ufrag => this.#mediaOf(ufrag) })
  }

  get tcpPort (): number | undefined { return this.#relay?.port }

  get transports (): number { return this.#transports.size }

  /**
   * Begins to answer a peer. The transport waits for the peer's checks at once.
   * @param client where the offer came from: an address
   * @throws AppError `rate_limited`, `overloaded`, `unprocessable_sdp`
   */
  accept (remote: TransportParameters, client: string): Transport {
    this.#checkConnecting(client)
    return this.#keep(this.#create(remote), client)
  }

  /**
   * Begins to offer to a server: `Transport.answered` takes what it answers, and its own candidates are what to offer. It has a port of
   * its own: servers tell connections apart by where packets come from, so two to one server could not share ours.
   * @throws AppError `overloaded`
   */
  offer (server: string): Transport {
    this.#checkConnecting(server)
    return this.#keep(new Transport(undefined, ownPortConfig(this.#options.bindAddress)), server)
  }

  #checkConnecting (client: string): void {
    let all = 0
    let own = 0
    for (const [{ state }, from] of this.#transports) {
      if (state !== 'connecting') continue
      all++
      if (from === client) own++
    }
    if (own >= MAX_CONNECTING_PER_CLIENT) throw new AppError('rate_limited', `${own} connections from this address are still being made: wait until they are, or have failed.`)
    if (all >= MAX_CONNECTING) throw new AppError('overloaded', `${all} connections are being made at the moment.`)
  }

  /** What to tell a peer to connect to. */
  candidatesOf (transport: Transport): readonly Candidate[] {
    const { announcedAddresses = [] } = this.#options
    const announced = announcedAddresses.map((address, index): Candidate =>
      ({ foundation: `a${index + 1}`, component: 1, protocol: 'udp', priority: hostPriority(65_535 - index), address, port: this.port, type: 'host' }))
    const overUdp = [...announced, ...transport.candidates.filter(({ address }) => !announcedAddresses.includes(address))]
    return this.tcpPort === undefined ? overUdp : [...overUdp, ...passive(overUdp, this.tcpPort)]
  }

  #mediaOf (ufrag: string): TransportAddress | undefined {
    for (const { local } of this.#transports.keys()) if (local.ufrag === ufrag) return this.address
    return this.#front?.leads(ufrag) ? { ...this.address, port: this.#front.port } : undefined
  }

  /** Who came over TCP is seen as somebody on this machine, by everybody but the relay. */
  #seenAs (pair: CandidatePair): CandidatePair {
    const client = this.#relay?.clientAt(Number(/\d+$/.exec(pair.remote)?.[0]))
    return client === undefined ? pair : { ...pair, remote: client, protocol: 'tcp' }
  }

  /** Where the library’s socket is reached from within this machine. */
  get address (): TransportAddress { return { address: this.#options.bindAddress ?? '127.0.0.1', port: this.port } }

  /** Opened when the first peer restarts ICE. @throws the system’s error */
  async front (): Promise<IceFront> {
    const { restartPort: port = 0, bindAddress, clock = systemClock } = this.#options
    if (this.#front) return this.#front
    this.#openingFront ??= IceFront.open({ port, bindAddress, clock })
    try {
      return this.#front = await this.#openingFront
    } finally {
      this.#openingFront = undefined
    }
  }

  async [Symbol.asyncDispose] (): Promise<void> {
    this.#wakeUp[Symbol.dispose]()
    await this.#relay?.[Symbol.asyncDispose]()
    await Promise.all([...this.#transports.keys()].map(transport => transport.close()))
    await this.#front?.[Symbol.asyncDispose]()
    this.#anchor.close()
    for (let polls = 0; polls < RELEASE_POLLS && !await isFree(this.port, this.#options.bindAddress); polls++) await sleep(RELEASE_POLL_MS)
  }

  #keep (transport: Transport, peer: string): Transport {
    transport.seenAs = pair => this.#seenAs(pair)
    this.#transports.set(transport, peer)
    void transport.closed.then(() => this.#transports.delete(transport))
    return transport
  }

  #create (remote: TransportParameters): Transport {
    try {
      return new Transport(remote, portConfig(this.port, this.#options.bindAddress))
    } catch (error) {
      throw new AppError('unprocessable_sdp', 'the offer’s ICE or DTLS parameters were refused', { cause: error })
    }
  }
}

/**
 * A connection that never connects holds the port open while nobody else does. (The library has a listener for that, but its
 * `stop` sometimes does nothing, and the port is never given back.)
 */
function anchor (port: number, bindAddress: string | undefined): PeerConnection {
  const connection = new nodeDataChannel.PeerConnection('anchor', portConfig(port, bindAddress))
  // Without these listeners, connection and track are never let go of, and keep the process from ending.
  connection.onStateChange(() => {})
  connection.addTrack(new nodeDataChannel.Video('0', 'Inactive')).onClosed(() => {})
  connection.setLocalDescription('offer')
  return connection
}

/** Binds the port for a moment, so that a port in use is said by the system's own error. */
async function probe (port: number, address: string | undefined): Promise<number> {
  const socket = createSocket({ type: address === undefined || address.includes(':') ? 'udp6' : 'udp4' })
  try {
    socket.bind({ port, ...address === undefined ? {} : { address } })
    await once(socket, 'listening')
    return socket.address().port
  } finally {
    socket.close()
    await once(socket, 'close')
  }
}

const isFree = (port: number, address: string | undefined): Promise<boolean> => probe(port, address).then(() => true, () => false)
