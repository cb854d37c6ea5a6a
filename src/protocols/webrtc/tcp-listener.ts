import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import type { Clock } from '../../lib/clock.ts'
import type { Logger } from '../../lib/log.ts'
import { Tally } from '../../lib/log.ts'
import type { PacketSorter } from './packet-sorter.ts'
import { TcpLink } from './tcp-link.ts'

/** Clients who can use UDP close theirs again; who stays has a session, of which there are not many more. */
const MAX_CONNECTIONS = 1000
/** An office behind one address. */
const MAX_CONNECTIONS_PER_ADDRESS = 128

export type TcpListenerOptions = {
  /** 0 picks a free one. */
  readonly port: number
  /** All interfaces if left out. */
  readonly bindAddress: string | undefined
  readonly sorter: PacketSorter
  readonly log: Logger
  readonly clock: Clock
}

/**
 * The way in for clients that reach no UDP port: ICE over TCP, the passive side (RFC 6544). Each connection is one more path to a peer;
 * ICE, DTLS and SRTP are the same, and nothing is trusted that they have not shown.
 */
export class TcpListener implements AsyncDisposable {
  readonly port: number
  readonly #server: Server
  readonly #options: TcpListenerOptions
  readonly #tally: Tally
  readonly #links = new Set<TcpLink>()
  readonly #perAddress = new Map<string, number>()

  private constructor (server: Server, options: TcpListenerOptions) {
    this.port = (server.address() as { port: number }).port
    this.#server = server
    this.#options = options
    this.#tally = new Tally(options.log, options.clock)
    server.on('connection', socket => this.#take(socket))
    server.on('error', error => this.#tally.count('a media connection over TCP could not be accepted', { error: error.message })) // No file descriptors left.
  }

  /** @throws the system's error, `EADDRINUSE` and its like, when the port cannot be had. */
  static async open (options: TcpListenerOptions): Promise<TcpListener> {
    const server = createServer({ noDelay: true })
    server.listen({ port: options.port, ...options.bindAddress === undefined ? {} : { host: options.bindAddress } })
    await once(server, 'listening')
    return new TcpListener(server, options)
  }

  get connections (): number { return this.#links.size }

  async [Symbol.asyncDispose] (): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    for (const link of this.#links) link[Symbol.dispose]()
    await closed
  }

  #take (socket: Socket): void {
    const { remoteAddress: address } = socket
    const refusal = address === undefined ? 'gone' : this.#refusal(address)
    if (refusal) {
      if (address !== undefined) this.#tally.count(refusal, { address })
      socket.on('error', () => {}).destroy()
      return
    }
    this.#count(address!, 1)
    const { sorter, clock } = this.#options
    const link = new TcpLink(socket, {
      sorter,
      clock,
      complain: what => this.#tally.count(what, { address }),
      onClosed: () => {
        this.#links.delete(link)
        this.#count(address!, -1)
      }
    })
    this.#links.add(link)
  }

  #refusal (address: string): string | undefined {
    if (this.#links.size >= MAX_CONNECTIONS) return 'too many media connections over TCP'
    return (this.#perAddress.get(address) ?? 0) >= MAX_CONNECTIONS_PER_ADDRESS ? 'too many media connections over TCP from one address' : undefined
  }

  #count (address: string, change: number): void {
    const count = (this.#perAddress.get(address) ?? 0) + change
    if (count > 0) this.#perAddress.set(address, count)
    else this.#perAddress.delete(address)
  }
}
