import type { Socket } from 'node:net'
import type { Clock } from '../../lib/clock.ts'
import { endpointOf, plainAddress } from '../../lib/addresses.ts'
import { ProtocolError } from '../../lib/errors.ts'
import type { PacketSorter } from './packet-sorter.ts'
import type { Path } from './path.ts'
import { isStun, parseBinding } from './stun.ts'
import { FrameReader, MAX_FRAME_BYTES, printFrame } from './tcp-frames.ts'

/** A connection that has not shown in this time (ms) that it belongs to a session is closed. */
const FIRST_CHECK_MS = 5_000
/** Longer than consent lasts (RFC 7675): whoever is silent this long (ms) has no session any more. */
const SILENCE_MS = 40_000
/** Waiting to be sent (bytes). What does not fit is dropped, as a router would: late media is worth nothing. */
const MAX_QUEUED_BYTES = 128 * 1024

/** Packets are printed here before they leave, one after another. */
const memory = Buffer.alloc(MAX_FRAME_BYTES)

export type TcpLinkOptions = {
  readonly sorter: Pick<PacketSorter, 'knows' | 'take' | 'pause' | 'gone'>
  readonly clock: Clock
  /** @param what one of a few sentences */
  readonly complain: (what: string) => void
  readonly onClosed: () => void
}

/** One client's TCP connection, as a path to it: frames are packets. */
export class TcpLink implements Path, Disposable {
  readonly key: string
  readonly protocol = 'tcp'
  readonly address: string
  readonly port: number
  readonly memory = memory
  readonly #socket: Socket
  readonly #options: TcpLinkOptions
  readonly #frames = new FrameReader(frame => this.#take(frame))
  readonly #deadline: Disposable
  #belongs = false
  #closed = false

  constructor (socket: Socket, options: TcpLinkOptions) {
    this.#socket = socket
    this.#options = options
    this.address = plainAddress(socket.remoteAddress!)
    this.port = socket.remotePort!
    this.key = `tcp ${endpointOf(this.address, this.port)}`
    this.#deadline = options.clock.after(FIRST_CHECK_MS, () => this.#refuse('a connection to the media port over TCP showed no check in time'))
    socket.setTimeout(SILENCE_MS, () => this.#close())
    socket.on('data', chunk => this.#read(chunk as Buffer))
    socket.on('error', () => this.#close())
    socket.on('close', () => this.#close())
  }

  reserve (): number { return 0 }

  commit (length: number): void {
    if (this.#closed) return
    if (this.#socket.writableLength + length <= MAX_QUEUED_BYTES) this.#socket.write(printFrame(memory.subarray(0, length)))
    else this.#options.complain('media was dropped: a client takes it over TCP slower than it is sent')
  }

  [Symbol.dispose] (): void { this.#close() }

  #read (chunk: Buffer): void {
    try {
      this.#frames.push(chunk)
      this.#options.sorter.pause()
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      this.#refuse('a connection to the media port over TCP broke the framing')
    }
  }

  #take (frame: Buffer): void {
    if (this.#closed) return
    if (!this.#belongs && !this.#isOurs(frame)) { this.#refuse('a connection to the media port over TCP is of no session'); return }
    this.#belongs = true
    this.#deadline[Symbol.dispose]()
    this.#options.sorter.take(frame, this.key, () => this)
  }

  /** Only who has read an answer of ours knows the name in it. Whether it knows the password too, ICE looks at. */
  #isOurs (frame: Buffer): boolean {
    if (!isStun(frame)) return false
    const { kind, username = '' } = parseBinding(frame)
    return kind === 'request' && this.#options.sorter.knows(username.split(':', 1)[0]!)
  }

  #refuse (why: string): void {
    if (!this.#closed) this.#options.complain(why)
    this.#close()
  }

  #close (): void {
    if (this.#closed) return
    this.#closed = true
    this.#deadline[Symbol.dispose]()
    this.#socket.destroy()
    this.#options.sorter.gone(this.key)
    this.#options.onClosed()
  }
}
