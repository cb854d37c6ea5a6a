import { type Remote, remoteFrom } from '../../lib/udp/remote.ts'
import type { UdpSocket } from '../../lib/udp/socket.ts'

/** A way to a peer: from the shared UDP port to one address, or a TCP connection that the peer made. */
export interface Path {
  /** Tells the paths of a port apart. */
  readonly key: string
  readonly protocol: 'udp' | 'tcp'
  /** The peer's. */
  readonly address: string
  readonly port: number
  /** Where a packet is printed before it leaves. */
  readonly memory: Buffer
  /** @returns where in `memory` the next packet may be printed, which is committed before another is reserved */
  reserve (): number
  /** Sends what was printed there. @param length in bytes */
  commit (length: number): void
}

export function sendOn (path: Path, bytes: Buffer): void {
  bytes.copy(path.memory, path.reserve())
  path.commit(bytes.length)
}

export class UdpPath implements Path {
  readonly protocol = 'udp'
  readonly #remote: Remote
  readonly #socket: UdpSocket

  constructor (socket: UdpSocket, remote: Remote) {
    this.#socket = socket
    this.#remote = remote
  }

  /** @param key as the socket gave it with a datagram */
  static to (socket: UdpSocket, key: string): UdpPath { return new UdpPath(socket, remoteFrom(key)) }

  get key (): string { return this.#remote.key }
  get address (): string { return this.#remote.address }
  get port (): number { return this.#remote.port }
  get memory (): Buffer { return this.#socket.memory }
  reserve (): number { return this.#socket.reserve() }
  commit (length: number): void { this.#socket.commit(this.#remote, length) }
}
