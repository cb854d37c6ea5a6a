import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { isIPv6, type Socket } from 'node:net'
import { endpointOf } from '../../lib/addresses.ts'
import type { Clock } from '../../lib/clock.ts'
import { ProtocolError } from '../../lib/errors.ts'
import { isStun, parseBinding, type TransportAddress } from './stun.ts'
import { FrameReader, MAX_FRAME_BYTES, printFrame } from './tcp-frames.ts'

/** A connection that has not shown in this time (ms) that it belongs to a session is closed. */
const FIRST_CHECK_MS = 5_000
/** Longer than consent lasts (RFC 7675): whoever is silent this long (ms) has no session any more. */
const SILENCE_MS = 40_000
/** Waiting to be sent, in each direction (bytes). What does not fit is dropped, as a router would: late media is worth nothing. */
const MAX_QUEUED_BYTES = 128 * 1024

export type TcpLinkOptions = {
  /** Where the peers are met that name this as our side’s ICE user: our own media port; undefined for a name we gave nobody. */
  readonly mediaOf: (ufrag: string) => TransportAddress | undefined
  readonly clock: Clock
  /** @param what one of a few sentences */
  readonly complain: (what: string) => void
  readonly onClosed: () => void
}

/** One client's TCP connection: frames become datagrams to the media port, and datagrams frames. */
export class TcpLink implements Disposable {
  readonly client: string
  readonly #socket: Socket
  readonly #options: TcpLinkOptions
  readonly #frames = new FrameReader(frame => this.#forward(frame))
  readonly #deadline: Disposable
  #udp: UdpSocket | undefined
  /** What came in one piece with the first check, until the UDP socket is there. */
  #early: Buffer[] | undefined
  #localPort: number | undefined
  #closed = false

  constructor (socket: Socket, options: TcpLinkOptions) {
    this.#socket = socket
    this.#options = options
    this.client = endpointOf(socket.remoteAddress!.replace(/^::ffff:(?=\d+\.)/, ''), socket.remotePort!)
    this.#deadline = options.clock.after(FIRST_CHECK_MS, () => this.#refuse('a connection to the media port over TCP showed no check in time'))
    socket.setTimeout(SILENCE_MS, () => this.#close())
    socket.on('data', chunk => this.#read(chunk as Buffer))
    socket.on('error', () => this.#close())
    socket.on('close', () => this.#close())
  }

  /** Of the UDP socket: how the media port knows this client. */
  get localPort (): number | undefined { return this.#localPort }

  [Symbol.dispose] (): void { this.#close() }

  #read (chunk: Buffer): void {
    try {
      this.#frames.push(chunk)
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      this.#refuse('a connection to the media port over TCP broke the framing')
    }
  }

  #forward (frame: Buffer): void {
    if (this.#closed) return
    if (this.#localPort !== undefined) this.#send(frame)
    else if (this.#early) this.#early.push(frame)
    else this.#begin(frame)
  }

  #begin (frame: Buffer): void {
    const media = this.#mediaFor(frame)
    if (media) this.#open(frame, media)
    else this.#refuse('a connection to the media port over TCP is of no session')
  }

  /** Only who has read an answer of ours knows the name in it. Whether it knows the password too, the media port looks at. */
  #mediaFor (frame: Buffer): TransportAddress | undefined {
    if (!isStun(frame)) return undefined
    const { kind, username = '' } = parseBinding(frame)
    return kind === 'request' ? this.#options.mediaOf(username.split(':', 1)[0]!) : undefined
  }

  #open (first: Buffer, { address, port }: TransportAddress): void {
    this.#deadline[Symbol.dispose]()
    this.#early = [first]
    this.#socket.pause() // Nothing more is read until there is somewhere to put it.
    const udp = this.#udp = createSocket(isIPv6(address) ? 'udp6' : 'udp4')
    udp.on('error', () => this.#close())
    udp.on('message', packet => this.#reply(packet))
    udp.bind({ address, port: 0 }, () => udp.connect(port, address, () => this.#opened(udp))) // Connected, it hears nobody else.
  }

  #opened (udp: UdpSocket): void {
    if (this.#closed) return
    this.#localPort = udp.address().port
    for (const frame of this.#early ?? []) this.#send(frame)
    this.#early = undefined
    this.#socket.resume()
  }

  #send (frame: Buffer): void {
    const udp = this.#udp!
    if (udp.getSendQueueSize() + frame.length <= MAX_QUEUED_BYTES) udp.send(frame)
    else this.#options.complain('media that came over TCP was dropped: the media port does not keep up')
  }

  #reply (packet: Buffer): void {
    if (packet.length > MAX_FRAME_BYTES) return
    if (this.#socket.writableLength + packet.length <= MAX_QUEUED_BYTES) this.#socket.write(printFrame(packet))
    else this.#options.complain('media was dropped: a client takes it over TCP slower than it is sent')
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
    this.#udp?.close()
    this.#options.onClosed()
  }
}
