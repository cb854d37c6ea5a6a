import { addAbortListener } from 'node:events'
import type { Duplex } from 'node:stream'
import type { Clock } from '../../lib/clock.ts'
import { AppError, ProtocolError } from '../../lib/errors.ts'
import { type AmfObject, type AmfValue, EcmaArray, isAmfObject, printAmf0 } from './amf0.ts'
import { ClientHandshake, type HandshakeKind } from './handshake.ts'
import { Link } from './link.ts'
import { ChunkStream, type Command, MessageType, parseCommand, printCommand, type RtmpMessage } from './message.ts'

/** Large enough that a picture is few chunks, small enough that sound never waits long behind one. */
const CHUNK_BYTES_OUT = 16_384
/** Bytes of media the network has not taken: more, and the destination is too slow to be live. */
const MAX_UNSENT_BYTES = 8 << 20
const FLASH_VERSION = 'FMLE/3.0 (compatible; AuraLink)'
const VIDEO_FUNCTION_SEEK = 1

export type PublishOptions = {
  readonly app: string
  readonly tcUrl: string
  readonly streamKey: string
  readonly clock: Clock
  readonly signal: AbortSignal
  /** Milliseconds from the handshake to the server's permission. */
  readonly withinMs: number
  readonly handshake?: HandshakeKind
}

/**
 * A publisher at somebody else's RTMP server, over a connected socket (TLS for rtmps). FLV tag bodies in, as `media/flv.ts`
 * prints them.
 */
export class ClientConnection implements AsyncDisposable {
  readonly #link: Link
  readonly #handshake: ClientHandshake
  readonly #options: PublishOptions
  readonly #started = Promise.withResolvers<void>()
  readonly #ended = Promise.withResolvers<void>()
  readonly #answers = new Map<number, (command: Command) => void>()
  #transaction = 0
  #streamId = 0
  #publishing = false

  /**
   * Resolves when the server has said that publishing may start. The socket belongs to the connection from the call on.
   * @throws AppError `connect_timeout`, `forbidden` (the server refused, with its words), ProtocolError, or the signal's reason
   */
  static async publish (socket: Duplex, options: PublishOptions): Promise<ClientConnection> {
    const connection = new ClientConnection(socket, options)
    try {
      await connection.#start()
      return connection
    } catch (error) {
      await connection[Symbol.asyncDispose]()
      throw error
    }
  }

  private constructor (socket: Duplex, options: PublishOptions) {
    this.#options = options
    this.#started.promise.catch(() => {})
    this.#ended.promise.catch(() => {})
    this.#handshake = new ClientHandshake(options.handshake)
    this.#link = new Link(socket, this.#handshake, {
      ready: () => this.#connect(),
      message: message => this.#onMessage(message),
      closed: error => this.#settle(error ?? new AppError('dependency_unavailable', 'the RTMP server closed the connection'))
    })
    this.#link.maxUnreadBytes = MAX_UNSENT_BYTES
  }

  get bytesOut (): number { return this.#link.bytesOut }
  /** Bytes of media waiting for the network: the sender drops pictures when this grows. */
  get unsentBytes (): number { return this.#link.unsentBytes }
  /** Rejects when the server ends the stream or the connection breaks; resolves after close(). */
  get ended (): Promise<void> { return this.#ended.promise }

  /** @param timestamp milliseconds, 32 bits. @throws ProtocolError when the server has stopped reading */
  video (body: Buffer, timestamp: number): void { this.#link.send(ChunkStream.video, MessageType.video, body, this.#streamId, timestamp) }
  audio (body: Buffer, timestamp: number): void { this.#link.send(ChunkStream.audio, MessageType.audio, body, this.#streamId, timestamp) }

  metadata (properties: AmfObject): void {
    const payload = printAmf0(['@setDataFrame', 'onMetaData', new EcmaArray(properties)])
    this.#link.send(ChunkStream.data, MessageType.data, payload, this.#streamId)
  }

  /** Says goodbye and waits until the socket has closed. */
  async close (): Promise<void> {
    if (this.#publishing && !this.#link.closed) {
      this.#call('FCUnpublish', ++this.#transaction, null, this.#options.streamKey)
      this.#call('deleteStream', ++this.#transaction, null, this.#streamId)
    }
    this.#ended.resolve()
    this.#link.end()
    await this.#link[Symbol.asyncDispose]()
  }

  [Symbol.asyncDispose] (): Promise<void> { return this.close() }

  async #start (): Promise<void> {
    const { clock, signal, withinMs } = this.#options
    signal.throwIfAborted()
    const late = new AppError('connect_timeout', `the RTMP server did not accept the stream within ${withinMs} ms`)
    using _timer = clock.after(withinMs, () => this.#settle(late))
    using _abort = addAbortListener(signal, () => this.#settle(signal.reason))
    this.#link.write(this.#handshake.hello)
    await this.#started.promise
  }

  #connect (): void {
    const { app, tcUrl, streamKey } = this.#options
    this.#ask('connect', { app, type: 'nonprivate', flashVer: FLASH_VERSION, tcUrl, videoFunction: VIDEO_FUNCTION_SEEK }, () => {
      this.#link.sendChunkSize(CHUNK_BYTES_OUT)
      this.#call('releaseStream', ++this.#transaction, null, streamKey)
      this.#call('FCPublish', ++this.#transaction, null, streamKey)
      this.#ask('createStream', null, ({ args }) => {
        if (typeof args[0] !== 'number') throw new ProtocolError('createStream was answered without a stream id')
        this.#streamId = args[0]
        this.#publishing = true
        this.#call('publish', ++this.#transaction, null, streamKey, 'live')
      })
    })
  }

  #onMessage (message: RtmpMessage): void {
    if (message.type !== MessageType.command && message.type !== MessageType.commandAmf3) return
    const command = parseCommand(message)
    if (command.name === '_result' || command.name === '_error') return this.#onAnswer(command)
    if (command.name === 'onStatus') this.#onStatus(command)
  }

  #onAnswer (command: Command): void {
    const then = this.#answers.get(command.transactionId)
    this.#answers.delete(command.transactionId)
    if (!then) return // releaseStream and FCPublish: some servers know neither.
    if (command.name === '_error') throw new AppError('forbidden', `the RTMP server refused: ${wordsOf(command.args)}`)
    then(command)
  }

  #onStatus ({ args }: Command): void {
    const status = args.find(value => value !== undefined && isAmfObject(value)) as AmfObject | undefined
    if (status?.code === 'NetStream.Publish.Start') this.#started.resolve()
    else if (status?.level === 'error') throw new AppError('forbidden', `the RTMP server refused: ${wordsOf(args)}`)
  }

  #ask (name: string, object: AmfValue, then: (command: Command) => void): void {
    const transactionId = ++this.#transaction
    this.#answers.set(transactionId, then)
    this.#call(name, transactionId, object)
  }

  #call (name: string, transactionId: number, object: AmfValue, ...args: AmfValue[]): void {
    const streamId = name === 'publish' ? this.#streamId : 0
    this.#link.send(ChunkStream.command, MessageType.command, printCommand(name, transactionId, object, ...args), streamId)
  }

  #settle (error: unknown): void {
    this.#started.reject(error)
    this.#ended.reject(error)
  }
}

/** The code and description of a status object, without what could break a log line. */
function wordsOf (args: readonly AmfValue[]): string {
  const status = args.find(value => value !== undefined && isAmfObject(value)) as AmfObject | undefined
  const words = [status?.code, status?.description].filter(word => typeof word === 'string').join(': ')
  return words.replace(/[^ -~]/g, '').slice(0, 200) || 'without a reason'
}
