import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { type Remote, remoteAt } from './remote.ts'
import { SLOT_BYTES, type UdpOptions, type UdpSocket } from './socket.ts'

const BUFFER_BYTES = 2 ** 20

/** Where the system has no calls for many datagrams at once: one by one, through Node's own socket. */
export class PlainSocket implements UdpSocket {
  readonly memory = Buffer.alloc(SLOT_BYTES)
  readonly port: number
  readonly address: string | undefined
  dropped = 0
  readonly #socket: Socket
  readonly #family: 4 | 6

  private constructor (socket: Socket, { address, take, pause }: UdpOptions) {
    const { port, family } = socket.address()
    this.port = port
    this.address = address
    this.#family = family === 'IPv6' ? 6 : 4
    this.#socket = socket
    socket.on('message', (bytes, from) => {
      take(bytes, this.remote(from.address, from.port).key)
      pause?.()
    })
    socket.on('error', () => { this.dropped++ }) // A packet that cannot be sent is lost, as on any network.
  }

  /** @throws the system's error, `EADDRINUSE` and its like, when the port cannot be had. */
  static async open (options: UdpOptions): Promise<PlainSocket> {
    const { port, address } = options
    const socket = createSocket({ type: address === undefined || address.includes(':') ? 'udp6' : 'udp4', recvBufferSize: BUFFER_BYTES, sendBufferSize: BUFFER_BYTES, lookup: asItIs })
    const listening = once(socket, 'listening')
    socket.bind({ port, ...address === undefined ? {} : { address } })
    await listening
    return new PlainSocket(socket, options)
  }

  remote (address: string, port: number): Remote { return remoteAt(address, port, this.#family) }
  reaches (address: string): boolean { return this.#family === 6 || !address.includes(':') }
  reserve (): number { return 0 }

  commit ({ address, port }: Remote, length: number): void {
    const bytes = Buffer.from(this.memory.subarray(0, length)) // It leaves later.
    this.#socket.send(bytes, port, this.#family === 6 && !address.includes(':') ? `::ffff:${address}` : address, error => { if (error) this.dropped++ })
  }

  flush (): void {}

  async [Symbol.asyncDispose] (): Promise<void> {
    this.#socket.close()
    await once(this.#socket, 'close')
  }
}

/** Addresses are never names: asking a resolver would cost each packet a turn of the event loop. */
const asItIs = (address: string, _options: unknown, found: (error: null, address: string, family: number) => void): void =>
  found(null, address, address.includes(':') ? 6 : 4)
