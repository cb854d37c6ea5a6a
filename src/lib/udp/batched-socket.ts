import koffi from 'koffi'
import { inbox } from './inbox.ts'
import { kernel, systemError } from './kernel.ts'
import { Outbox } from './outbox.ts'
import { type Family, type Remote, remoteAt, remoteFrom } from './remote.ts'
import type { UdpOptions, UdpSocket } from './socket.ts'

/** A keyframe to hundreds of viewers leaves at once, and comes at once. */
const BUFFER_BYTES = 4 * 2 ** 20
const SOCKADDR_BYTES = 28

/** On Linux, by the system's own calls: many datagrams each. */
export class BatchedSocket implements UdpSocket {
  readonly port: number
  readonly address: string | undefined
  readonly #family: Family
  readonly #fd: number
  readonly #outbox: Outbox
  readonly #poll: ReturnType<typeof koffi.node.poll>
  /** Whether a flush is sure to come. */
  #flushes = false
  #closed = false

  /** @throws the system's error, `EADDRINUSE` and its like, when the port cannot be had. */
  constructor ({ port, address, take, pause }: UdpOptions) {
    this.address = address
    const { fd, family } = open(address)
    try {
      this.#fd = fd
      this.#family = family
      bind(fd, remoteAt(address ?? (family === 6 ? '::' : '0.0.0.0'), port, family))
      this.port = portOf(fd)
    } catch (error) {
      kernel.calls.close(fd)
      throw error
    }
    this.#outbox = new Outbox(fd)
    this.#poll = koffi.node.poll(fd, { readable: true }, () => this.#read(take, pause))
  }

  get memory (): Buffer { return this.#outbox.memory }
  get dropped (): number { return this.#outbox.dropped }
  remote (address: string, port: number): Remote { return remoteAt(address, port, this.#family) }
  reaches (address: string): boolean { return this.#family === 6 || !address.includes(':') }
  /** Once it is closed, its number may be another file's: nothing is sent any more. */
  reserve (): number { return this.#closed ? 0 : this.#outbox.reserve() }

  commit (to: Remote, length: number): void {
    if (this.#closed) return
    this.#outbox.commit(to, length)
    if (this.#flushes) return
    this.#flushes = true
    setImmediate(() => this.flush())
  }

  flush (): void {
    this.#flushes = false
    if (!this.#closed) this.#outbox.flush()
  }

  async [Symbol.asyncDispose] (): Promise<void> {
    if (this.#closed) return
    this.flush()
    this.#closed = true
    this.#poll.close()
    kernel.calls.close(this.#fd)
  }

  /** Answers to what was read leave with it. */
  #read (take: UdpOptions['take'], pause: UdpOptions['pause']): void {
    this.#flushes = true
    try {
      inbox().read(this.#fd, (bytes, key) => { if (!this.#closed) take(bytes, key) })
      pause?.()
    } finally {
      this.flush()
    }
  }
}

/** For both IP versions, where the machine has both and no address says otherwise. */
function open (address: string | undefined): { fd: number, family: Family } {
  const { AF_INET, AF_INET6, SOCK_DGRAM, SOCK_NONBLOCK, SOCK_CLOEXEC, IPPROTO_IPV6, IPV6_V6ONLY, SOL_SOCKET, SO_SNDBUF, SO_RCVBUF, SO_SNDBUFFORCE, SO_RCVBUFFORCE, calls } = kernel
  const type = SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC
  const set = (fd: number, level: number, name: number, value: number): boolean => {
    const bytes = Buffer.alloc(4)
    bytes.writeInt32LE(value)
    return calls.setsockopt(fd, level, name, bytes, bytes.length) === 0
  }
  let family: Family = address === undefined || address.includes(':') ? 6 : 4
  let fd = calls.socket(family === 6 ? AF_INET6 : AF_INET, type, 0)
  if (fd < 0 && address === undefined) { family = 4; fd = calls.socket(AF_INET, type, 0) }
  if (fd < 0) throw systemError('socket')
  if (family === 6) set(fd, IPPROTO_IPV6, IPV6_V6ONLY, address === undefined ? 0 : 1)
  // Beyond the system's limit where we may, else as far as it goes.
  if (!set(fd, SOL_SOCKET, SO_SNDBUFFORCE, BUFFER_BYTES)) set(fd, SOL_SOCKET, SO_SNDBUF, BUFFER_BYTES)
  if (!set(fd, SOL_SOCKET, SO_RCVBUFFORCE, BUFFER_BYTES)) set(fd, SOL_SOCKET, SO_RCVBUF, BUFFER_BYTES)
  return { fd, family }
}

function bind (fd: number, { sockaddr }: Remote): void {
  if (kernel.calls.bind(fd, sockaddr, sockaddr.length) !== 0) throw systemError('bind')
}

function portOf (fd: number): number {
  const address = Buffer.alloc(SOCKADDR_BYTES)
  const length = Buffer.alloc(4)
  length.writeUInt32LE(address.length)
  if (kernel.calls.getsockname(fd, address, length) !== 0) throw systemError('getsockname')
  return remoteFrom(address.toString('latin1', 0, length.readUInt32LE())).port
}
