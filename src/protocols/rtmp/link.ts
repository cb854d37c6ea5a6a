import type { Duplex } from 'node:stream'
import { messageOf, ProtocolError } from '../../lib/errors.ts'
import { ChunkReader, type MessageLimit } from './chunk-reader.ts'
import { ChunkWriter } from './chunk-writer.ts'
import type { HandshakeStep } from './handshake.ts'
import { limits } from './limits.ts'
import {
  ChunkStream, MessageType, parseControl, parseUserControl, printControl, printUserControl, type RtmpMessage, UserControl
} from './message.ts'

/** How long the peer has to read our last words and close its side. */
const LINGER_MS = 1000

export type LinkHandlers = {
  /** The handshake is over. */
  ready (): void
  /** Every message that is not about chunks, acknowledgements or pings. What it throws closes the link. */
  message (message: RtmpMessage): void
  /** Called once. Without an error the peer closed, or `end` was called. */
  closed (error: Error | undefined): void
}

/** What both sides of an RTMP connection share: handshake, chunks, acknowledgements and pings over one socket. */
export class Link implements AsyncDisposable {
  bytesIn = 0
  bytesOut = 0
  readonly #socket: Duplex
  readonly #handlers: LinkHandlers
  readonly #handshake: { push (input: Buffer): HandshakeStep }
  readonly #reader = new ChunkReader(message => this.#onMessage(message))
  readonly #writer = new ChunkWriter()
  readonly #gone: Promise<void>
  #ready = false
  #closed = false
  #ending = false
  #paused = false
  /** What was read after the message that paused the link. */
  #held: Buffer | undefined
  /** The peer wants an acknowledgement after this many bytes; 0 while it has not said. */
  #ackWindow = 0
  #acknowledged = 0
  #maxUnreadBytes: number = limits.maxUnreadBytes

  constructor (socket: Duplex, handshake: { push (input: Buffer): HandshakeStep }, handlers: LinkHandlers) {
    this.#socket = socket
    this.#handshake = handshake
    this.#handlers = handlers
    this.#gone = new Promise(resolve => { socket.once('close', resolve) })
    socket.on('data', (input: Buffer) => this.#onData(input))
    socket.once('end', () => {
      this.#close(undefined)
      socket.end()
    })
    socket.once('close', () => this.#close(undefined))
    socket.on('error', () => this.#close(undefined)) // A reset says no more than that the peer is gone.
    if (socket.destroyed) queueMicrotask(() => this.#close(undefined))
  }

  get closed (): boolean { return this.#closed }
  get chunkBytesIn (): number { return this.#reader.chunkBytes }
  /** Bytes not yet taken by the network. */
  get unsentBytes (): number { return this.#socket.writableLength }
  set messageLimit (limit: MessageLimit) { this.#reader.messageLimit = limit }
  /** A publisher queues media, a server only answers. */
  set maxUnreadBytes (bytes: number) { this.#maxUnreadBytes = bytes }

  /** Sends handshake bytes. */
  write (bytes: Buffer): void {
    if (this.#closed) return
    this.bytesOut += bytes.length
    this.#socket.write(bytes)
    if (this.#socket.writableLength > this.#maxUnreadBytes) throw new ProtocolError('the peer does not read what it is sent')
  }

  send (chunkStreamId: number, type: number, payload: Buffer, streamId = 0, timestamp = 0): void {
    this.write(this.#writer.print(chunkStreamId, { type, streamId, timestamp, payload }))
  }

  /** Tells the peer, and cuts in chunks of this size from now on. */
  sendChunkSize (bytes: number): void {
    this.send(ChunkStream.control, MessageType.setChunkSize, printControl(bytes))
    this.#writer.chunkBytes = bytes
  }

  /** Called from within a message handler: nothing more is read until `resume`. */
  pause (): void {
    this.#paused = true
    this.#reader.stop()
    this.#socket.pause()
  }

  resume (): void {
    if (!this.#paused || this.#closed) return
    this.#paused = false
    const held = this.#held
    this.#held = undefined
    if (held) this.#read(held)
    if (!this.#paused) this.#socket.resume()
  }

  /** Closes our side; the socket when everything sent has been read, or after a second. */
  end (): void {
    this.leave()
    this.#socket.end()
  }

  /** The peer has said goodbye and closes; after a second we do. Some take it for an error when we are first. */
  leave (): void {
    this.#close(undefined)
    if (this.#ending || this.#socket.destroyed) return
    this.#ending = true
    this.#socket.resume() // Unread input would turn the goodbye into a reset.
    const timer = setTimeout(() => this.#socket.destroy(), LINGER_MS)
    this.#socket.once('close', () => clearTimeout(timer))
  }

  /** Resolves when the socket has closed: at once, unless last words are on their way. */
  async [Symbol.asyncDispose] (): Promise<void> {
    this.#close(undefined)
    if (!this.#ending) this.#socket.destroy()
    await this.#gone
  }

  #close (error: Error | undefined): void {
    if (this.#closed) return
    this.#closed = true
    this.#held = undefined
    this.#handlers.closed(error)
  }

  #onData (input: Buffer): void {
    this.bytesIn += input.length
    if (!this.#closed) this.#read(input)
  }

  #read (input: Buffer): void {
    try {
      const rest = this.#ready ? input : this.#shakeHands(input)
      if (rest) {
        const used = this.#reader.push(rest)
        if (used < rest.length) this.#held = Buffer.from(rest.subarray(used)) // The socket may use its memory again.
      }
      this.#acknowledge()
    } catch (error) {
      this.#close(error instanceof Error ? error : new Error(messageOf(error)))
      if (this.#ready) this.end()
      else this.#socket.destroy() // Whatever it is, it does not speak RTMP.
    }
  }

  #shakeHands (input: Buffer): Buffer | undefined {
    const { send, rest } = this.#handshake.push(input)
    if (send) this.write(send)
    if (!rest) return undefined
    this.#ready = true
    this.#handlers.ready()
    return rest
  }

  #onMessage (message: RtmpMessage): void {
    if (this.#closed) {
      this.#reader.stop()
      return
    }
    switch (message.type) {
      case MessageType.acknowledgement:
      case MessageType.setPeerBandwidth: return // We send no more than the socket takes; no window of ours is needed.
      case MessageType.windowAcknowledgementSize: this.#ackWindow = parseControl(message); return
      case MessageType.userControl: return this.#onUserControl(message)
      default: this.#handlers.message(message)
    }
  }

  #onUserControl (message: RtmpMessage): void {
    const { event, value } = parseUserControl(message)
    if (event !== UserControl.pingRequest) return
    this.send(ChunkStream.control, MessageType.userControl, printUserControl(UserControl.pingResponse, value))
  }

  #acknowledge (): void {
    if (this.#ackWindow === 0 || this.bytesIn - this.#acknowledged < this.#ackWindow) return
    this.#acknowledged = this.bytesIn
    this.send(ChunkStream.control, MessageType.acknowledgement, printControl(this.bytesIn))
  }
}
