import { type Clock, systemClock } from '../../lib/clock.ts'
import { AppError } from '../../lib/errors.ts'
import { openUdp } from '../../lib/udp/open.ts'
import type { UdpSocket } from '../../lib/udp/socket.ts'
import { hostPriority, passive } from './candidate.ts'
import { DtlsContext } from './dtls/context.ts'
import { hostAddresses } from './host-addresses.ts'
import { PacketSorter } from './packet-sorter.ts'
import { UdpPath } from './path.ts'
import type { Candidate, TransportParameters } from './sdp-types.ts'
import { TcpListener, type TcpListenerOptions } from './tcp-listener.ts'
import { Transport } from './transport.ts'

/** Offers that were answered and never followed up cost memory until their time is over: so many at once, and from one address. */
const MAX_CONNECTING = 512
const MAX_CONNECTING_PER_CLIENT = 128
/** Consent is looked after so often (ms). */
const TICK_MS = 500
/** Networks come and go: this machine's addresses are asked for once in so many ms. */
const ADDRESSES_HOLD_MS = 5_000

export type TransportHubOptions = {
  /** UDP; 0 picks a free one. */
  readonly port: number
  /** All interfaces if left out, or `0.0.0.0`, or `::`. */
  readonly bindAddress?: string | undefined
  /** What clients are told to try first, before the interfaces' own addresses: public addresses behind 1:1 NAT. */
  readonly announcedAddresses?: readonly string[]
  readonly clock?: Clock
}

/** All WebRTC transports of this process: those of clients on one UDP port, told apart by their ICE user names. */
export class TransportHub implements AsyncDisposable {
  readonly #options: TransportHubOptions
  readonly #clock: Clock
  readonly #socket: UdpSocket
  readonly #sorter: PacketSorter
  readonly #transports = new Set<Transport>()
  /** How many of each client's are still being made, and of all: counted as they come and go, since a join is not to look at everybody. */
  readonly #connectingOf = new Map<string, number>()
  #connecting = 0
  readonly #ticker: Disposable
  #tcp: TcpListener | undefined
  #dtls: DtlsContext | undefined
  #addresses: { readonly at: number, readonly found: readonly string[] } | undefined

  private constructor (options: TransportHubOptions, socket: UdpSocket, sorter: PacketSorter) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#socket = socket
    this.#sorter = sorter
    this.#ticker = this.#clock.every(TICK_MS, () => { for (const { ice } of this.#transports) ice.tick() })
  }

  /** @throws the system's error, `EADDRINUSE` and its like, when the port cannot be had. */
  static async open (options: TransportHubOptions): Promise<TransportHub> {
    const bindAddress = options.bindAddress === '0.0.0.0' || options.bindAddress === '::' ? undefined : options.bindAddress
    const { socket, sorter } = await openPort(options.port, bindAddress, options.clock ?? systemClock)
    return new TransportHub({ ...options, bindAddress }, socket, sorter)
  }

  /**
   * Lets clients in over TCP too.
   * @throws the system's error, `EADDRINUSE` and its like, when the port cannot be had.
   */
  async openTcp (options: Pick<TcpListenerOptions, 'port' | 'log' | 'clock'>): Promise<void> {
    this.#tcp = await TcpListener.open({ ...options, bindAddress: this.#options.bindAddress, sorter: this.#sorter })
  }

  get port (): number { return this.#socket.port }
  get tcpPort (): number | undefined { return this.#tcp?.port }
  get transports (): number { return this.#transports.size }
  /** Packets that the system did not take from us. */
  get dropped (): number { return this.#socket.dropped }

  /**
   * Begins to answer a peer. The transport waits for the peer's checks at once.
   * @param client where the offer came from: an address
   * @throws AppError `rate_limited`, `overloaded`, `unprocessable_sdp`, `dependency_unavailable`
   */
  accept (remote: TransportParameters, client: string): Transport {
    this.#checkConnecting(client)
    return this.#keep(new Transport({ remote, candidates: this.#candidates(), ...this.#shared(this.#sorter) }), client)
  }

  /**
   * Begins to offer to a server: `Transport.answered` takes what it answers, and its own candidates are what to offer. It has a port of
   * its own: servers tell connections apart by where packets come from, so two to one server could not share ours.
   * @throws AppError `overloaded`, `dependency_unavailable`
   */
  async offer (server: string): Promise<Transport> {
    this.#checkConnecting(server)
    const { socket, sorter } = await openPort(0, this.#options.bindAddress, this.#clock)
    const candidates = this.#hostAddresses().map((address, index) => hostCandidate(address, socket.port, index))
    const pathTo = (address: string, port: number): UdpPath | undefined => socket.reaches(address) ? new UdpPath(socket, socket.remote(address, port)) : undefined
    return this.#keep(new Transport({ remote: undefined, candidates, pathTo, release: async () => { await socket[Symbol.asyncDispose]() }, ...this.#shared(sorter) }), server)
  }

  async [Symbol.asyncDispose] (): Promise<void> {
    this.#ticker[Symbol.dispose]()
    await Promise.all([...this.#transports].map(transport => transport.close()))
    await this.#tcp?.[Symbol.asyncDispose]()
    await this.#socket[Symbol.asyncDispose]()
    this.#dtls?.[Symbol.dispose]()
  }

  #checkConnecting (client: string): void {
    const all = this.#connecting
    const own = this.#connectingOf.get(client) ?? 0
    if (own >= MAX_CONNECTING_PER_CLIENT) throw new AppError('rate_limited', `${own} connections from this address are still being made: wait until they are, or have failed.`)
    if (all >= MAX_CONNECTING) throw new AppError('overloaded', `${all} connections are being made at the moment.`)
  }

  #keep (transport: Transport, peer: string): Transport {
    this.#transports.add(transport)
    void transport.closed.then(() => this.#transports.delete(transport))
    this.#countConnecting(peer, 1)
    void transport.connected.then(() => this.#countConnecting(peer, -1)) // Or has ended.
    return transport
  }

  #countConnecting (client: string, change: 1 | -1): void {
    this.#connecting += change
    const own = (this.#connectingOf.get(client) ?? 0) + change
    if (own === 0) this.#connectingOf.delete(client)
    else this.#connectingOf.set(client, own)
  }

  /** OpenSSL is called, and the certificate made, for the first peer. */
  #shared (registry: PacketSorter) {
    const dtls = this.#dtls ??= new DtlsContext()
    return { dtls, clock: this.#clock, registry }
  }

  /** What to tell a peer to connect to. */
  #candidates (): readonly Candidate[] {
    const { announcedAddresses = [] } = this.#options
    const own = this.#hostAddresses().filter(address => !announcedAddresses.includes(address))
    const overUdp = [...announcedAddresses, ...own].map((address, index) => hostCandidate(address, this.port, index))
    return this.tcpPort === undefined ? overUdp : [...overUdp, ...passive(overUdp, this.tcpPort)]
  }

  #hostAddresses (): readonly string[] {
    if (this.#socket.address !== undefined) return [this.#socket.address]
    const now = this.#clock.now()
    if (!this.#addresses || now - this.#addresses.at >= ADDRESSES_HOLD_MS) this.#addresses = { at: now, found: hostAddresses() }
    return this.#addresses.found
  }
}

/** A UDP port, and whoever sorts what comes to it. */
async function openPort (port: number, address: string | undefined, clock: Clock): Promise<{ socket: UdpSocket, sorter: PacketSorter }> {
  const sorter = new PacketSorter(clock)
  const socket = await openUdp({ port, address, take: (bytes, key) => sorter.take(bytes, key, () => UdpPath.to(socket, key)), pause: () => sorter.pause() })
  return { socket, sorter }
}

const hostCandidate = (address: string, port: number, index: number): Candidate =>
  ({ foundation: String(index + 1), component: 1, protocol: 'udp', priority: hostPriority(65_535 - index), address, port, type: 'host' })
