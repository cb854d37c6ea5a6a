import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { once } from 'node:events'
import type { Clock } from '../../lib/clock.ts'
import { ProtocolError } from '../../lib/errors.ts'
import { asItIs, IceRoute, type IceRouteOptions } from './ice-route.ts'
import type { IceCredentials } from './sdp-types.ts'
import { isStun, parseBinding, type TransportAddress } from './stun.ts'

const SOCKET_BUFFER_BYTES = 1 << 20

export type Renewal = { readonly remote: IceCredentials, readonly candidates: readonly TransportAddress[] }

/**
 * An ICE agent of ours in front of the library’s, on a UDP port of its own. The library binds a transport for good to the credentials it
 * began with and to the address that was nominated first. A peer that restarts ICE is led through here instead; the others never come
 * by, and pay nothing for it.
 */
export class IceFront implements AsyncDisposable {
  readonly port: number
  readonly #socket: Socket
  readonly #clock: Clock
  /** By the name the peer calls us: it changes with each restart. */
  readonly #byUfrag = new Map<string, IceRoute>()
  /** Only addresses that signed checks came from. */
  readonly #byAddress = new Map<string, IceRoute>()

  private constructor (socket: Socket, clock: Clock) {
    this.port = socket.address().port
    this.#socket = socket
    this.#clock = clock
    socket.on('message', (bytes, from) => this.#take(bytes, from))
    socket.on('error', () => {}) // A packet that cannot be sent is lost, as on any network.
  }

  /** @param port any free one if this one is taken, or 0 @throws the system’s error when no port can be had */
  static async open ({ port, bindAddress, clock }: { port: number, bindAddress: string | undefined, clock: Clock }): Promise<IceFront> {
    const socket = await bind(port, bindAddress).catch(error => { if (error.code === 'EADDRINUSE' && port !== 0) return bind(0, bindAddress); throw error })
    return new IceFront(socket, clock)
  }

  /** Leads a peer through here, as soon as it has checked and nominated an address of its own. */
  lead (peer: Pick<IceRouteOptions, 'library' | 'lost'>, renewal: Renewal): IceRoute {
    const mixed = this.#socket.address().family === 'IPv6'
    const route = new IceRoute({
      ...peer,
      clock: this.#clock,
      // A socket for both IP versions wants IPv4 under a prefix.
      send: (bytes, { address, port }) => this.#socket.send(bytes, port, mixed && !address.includes(':') ? `::ffff:${address}` : address),
      forget: key => this.#byAddress.delete(key)
    })
    this.renew(route, renewal)
    return route
  }

  /** ICE anew: packets go on where they went until the peer has nominated an address with the new credentials. */
  renew (route: IceRoute, { remote, candidates }: Renewal): void {
    this.#byUfrag.delete(route.local.ufrag)
    route.restart(remote)
    route.open(candidates)
    this.#byUfrag.set(route.local.ufrag, route)
  }

  /** Whether a peer that names this as our side’s user is met here. */
  leads (ufrag: string): boolean { return this.#byUfrag.has(ufrag) }

  drop (route: IceRoute): void {
    this.#byUfrag.delete(route.local.ufrag)
    route[Symbol.dispose]()
  }

  async [Symbol.asyncDispose] (): Promise<void> {
    this.#socket.close()
    await once(this.#socket, 'close')
  }

  #take (bytes: Buffer, from: RemoteInfo): void {
    const key = `${from.address} ${from.port}`
    try {
      if (isStun(bytes)) this.#takeStun(bytes, from, key)
      else this.#byAddress.get(key)?.take(bytes)
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error // Anyone may send anything.
    }
  }

  #takeStun (bytes: Buffer, from: RemoteInfo, key: string): void {
    const message = parseBinding(bytes)
    if (message.kind !== 'request') { this.#byAddress.get(key)?.takeAnswer(message, bytes); return }
    const route = this.#byUfrag.get(message.username?.split(':', 1)[0] ?? '')
    if (route?.takeCheck(message, bytes, from, key)) this.#byAddress.set(key, route)
  }
}

async function bind (port: number, address: string | undefined): Promise<Socket> {
  const socket = createSocket({ type: address === undefined || address.includes(':') ? 'udp6' : 'udp4', recvBufferSize: SOCKET_BUFFER_BYTES, sendBufferSize: SOCKET_BUFFER_BYTES, lookup: asItIs })
  const listening = once(socket, 'listening')
  socket.bind({ port, ...address === undefined ? {} : { address } })
  await listening
  return socket
}
