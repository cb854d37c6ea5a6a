import { addAbortListener } from 'node:events'
import type { Duplex } from 'node:stream'
import type { Clock } from '../../lib/clock.ts'
import { AppError, messageOf, ProtocolError } from '../../lib/errors.ts'
import { type AmfObject, type AmfValue, isAmfObject } from './amf0.ts'
import { whilePublishing } from './chunk-reader.ts'
import { type HandshakeKind, ServerHandshake } from './handshake.ts'
import { limits } from './limits.ts'
import { Link } from './link.ts'
import {
  ChunkStream, type Command, MessageType, parseCommand, parseData, printCommand, printControl, printPeerBandwidth, printUserControl,
  type RtmpMessage, splitAggregate, UserControl
} from './message.ts'
import { publishTarget } from './url.ts'

/** Bytes between acknowledgements, both ways; what widely used servers say. */
const WINDOW_BYTES = 2_500_000
const CHUNK_BYTES_OUT = 4096
/** How often the silence of a publisher is looked at. */
const SILENCE_CHECK_MS = 500
const KNOWN_FOURCC = { avc1: 4, mp4a: 4 } // Enhanced RTMP: 4 is "can forward".

export type PublishRequest = {
  readonly app: string
  readonly streamKey: string
  /** What the encoder calls itself before it sends metadata. From the wire, at most 64 printable characters. */
  readonly flashVer: string
  readonly handshake: HandshakeKind
}

/**
 * Given every message of the publisher, in the order of arrival. A payload's bytes are valid until the call returns. What it
 * throws ends the connection.
 */
export interface PublishHandler {
  video (body: Buffer, timestamp: number): void
  audio (body: Buffer, timestamp: number): void
  /** `onMetaData` as the publisher set it. */
  metadata (values: AmfObject): void
}

/** Why a publisher is turned away: what encoders show to their users. */
export type Refusal = { readonly code: 'NetStream.Publish.BadName' | 'NetStream.Publish.Rejected', readonly description: string }

type State = 'connecting' | 'connected' | 'requested' | 'publishing' | 'closed'

/**
 * The server's side of one publisher's connection:
 *
 *     connecting --connect--> connected --publish--> requested --publishing()--> publishing --> closed
 *
 * request() waits for the first half, publishing() is the second; between them nothing is read, so that the caller may take its
 * time to look the stream key up. refuse() ends it from anywhere, and says why.
 */
export class ServerConnection implements AsyncDisposable {
  readonly #handshake = new ServerHandshake()
  readonly #link: Link
  readonly #clock: Clock
  readonly #requested = Promise.withResolvers<PublishRequest>()
  readonly #ended = Promise.withResolvers<void>()
  #state: State = 'connecting'
  #app = ''
  #flashVer = ''
  #commands = 0
  #streams = 0
  #publishStreamId = 0
  #handler: PublishHandler | undefined
  #lastMediaAt = 0
  #refused = false

  constructor (socket: Duplex, clock: Clock) {
    this.#clock = clock
    this.#requested.promise.catch(() => {}) // Both are told of every end; whether anybody waits for them depends on the state.
    this.#ended.promise.catch(() => {})
    this.#link = new Link(socket, this.#handshake, {
      ready: () => {},
      message: message => this.#onMessage(message),
      closed: error => this.#onClosed(error)
    })
  }

  get bytesIn (): number { return this.#link.bytesIn }
  get bytesOut (): number { return this.#link.bytesOut }
  get chunkBytesIn (): number { return this.#link.chunkBytesIn }

  /**
   * Resolves when the peer asks to publish. @throws AppError `connect_timeout`, ProtocolError, or whatever the signal's reason is
   */
  async request ({ withinMs, signal }: { withinMs: number, signal: AbortSignal }): Promise<PublishRequest> {
    signal.throwIfAborted()
    using _timer = this.#clock.after(withinMs, () => this.#fail(new AppError('connect_timeout', `no publish command within ${withinMs} ms`)))
    using _abort = addAbortListener(signal, () => this.#fail(signal.reason))
    return await this.#requested.promise
  }

  /**
   * Tells the peer to go ahead, and hands on what it sends until it leaves. Rejects with AppError `media_timeout` after
   * `silenceMs` without audio and video, with ProtocolError, with what the handler threw, or with the signal's reason.
   */
  async publishing (handler: PublishHandler, { silenceMs, signal }: { silenceMs: number, signal: AbortSignal }): Promise<void> {
    signal.throwIfAborted()
    if (this.#state === 'closed') return await this.#ended.promise
    using _abort = addAbortListener(signal, () => this.#unpublish(signal.reason))
    using _silence = this.#clock.every(Math.min(SILENCE_CHECK_MS, silenceMs), () => {
      if (this.#clock.now() - this.#lastMediaAt >= silenceMs) this.#fail(new AppError('media_timeout', `no audio or video for ${silenceMs} ms`))
    })
    this.#handler = handler
    this.#state = 'publishing'
    this.#lastMediaAt = this.#clock.now()
    this.#link.messageLimit = whilePublishing
    this.#link.send(ChunkStream.control, MessageType.userControl, printUserControl(UserControl.streamBegin, this.#publishStreamId))
    this.#sendStatus('status', 'NetStream.Publish.Start', 'Publishing')
    this.#link.resume()
    await this.#ended.promise
  }

  /** Says why in a way that encoders show, and closes. */
  refuse ({ code, description }: Refusal): void {
    if (this.#refused) return
    this.#refused = true
    this.#sendStatus('error', code, description)
    this.#link.end()
  }

  /** Resolves when the socket is closed and nothing is left of the connection: within a second when last words are on their way. */
  [Symbol.asyncDispose] (): Promise<void> { return this.#link[Symbol.asyncDispose]() }

  #onMessage (message: RtmpMessage): void {
    try {
      this.#dispatch(message)
    } catch (error) {
      if (error instanceof ProtocolError || !(error instanceof AppError)) throw error
      this.#settle(error)
      this.refuse({ code: 'NetStream.Publish.Rejected', description: error.message })
    }
  }

  #dispatch (message: RtmpMessage): void {
    switch (message.type) {
      case MessageType.video:
      case MessageType.audio: return this.#onMedia(message)
      case MessageType.data:
      case MessageType.dataAmf3: return this.#onData(message)
      case MessageType.command:
      case MessageType.commandAmf3: return this.#onCommand(parseCommand(message), message.streamId)
      case MessageType.aggregate: for (const part of splitAggregate(message)) this.#onMedia(part); return
      default: // Shared objects, and types nobody has defined.
    }
  }

  #onMedia ({ type, timestamp, payload }: RtmpMessage): void {
    const handler = this.#handler
    if (!handler || this.#state !== 'publishing') return
    if (type === MessageType.video) handler.video(payload, timestamp)
    else if (type === MessageType.audio) handler.audio(payload, timestamp)
    else return
    this.#lastMediaAt = this.#clock.now()
  }

  /** Data that cannot be read is the encoder's own affair (captions, cue points): only metadata is looked at. */
  #onData (message: RtmpMessage): void {
    if (this.#state !== 'publishing') return
    let values: AmfValue[]
    try {
      values = parseData(message)
    } catch (error) {
      if (error instanceof ProtocolError) return
      throw error
    }
    if (values[0] === '@setDataFrame') values.shift()
    const [name, properties] = values
    if (name === 'onMetaData' && properties !== undefined && isAmfObject(properties)) this.#handler?.metadata(properties)
  }

  #onCommand (command: Command, streamId: number): void {
    const { name, transactionId } = command
    if (this.#state === 'connecting' && name !== 'connect') throw new ProtocolError('a command before connect')
    if (this.#state !== 'publishing' && ++this.#commands > limits.maxCommandsBeforePublish) throw new ProtocolError('too many commands before publish')
    switch (name) {
      case 'connect': return this.#onConnect(command)
      case 'createStream': return this.#onCreateStream(transactionId)
      case 'publish': return this.#onPublish(command, streamId)
      case 'releaseStream':
      case '_checkbw': return this.#answer(transactionId, undefined)
      case 'getStreamLength': return this.#answer(transactionId, 0)
      case 'FCPublish': return this.#onFcPublish(transactionId)
      case 'play':
      case 'play2': throw new AppError('forbidden', 'this server takes streams and plays none')
      case 'deleteStream':
      case 'closeStream':
      case 'FCUnpublish': return this.#onUnpublish(name)
      default: return this.#onOther(name, transactionId)
    }
  }

  #onConnect ({ transactionId, object }: Command): void {
    if (this.#state !== 'connecting') throw new ProtocolError('connect twice')
    this.#app = textOf(object?.app)
    this.#flashVer = textOf(object?.flashVer).replace(/[^ -~]/g, '').slice(0, 64)
    this.#state = 'connected'
    this.#link.send(ChunkStream.control, MessageType.windowAcknowledgementSize, printControl(WINDOW_BYTES))
    this.#link.send(ChunkStream.control, MessageType.setPeerBandwidth, printPeerBandwidth(WINDOW_BYTES, 2))
    this.#link.sendChunkSize(CHUNK_BYTES_OUT)
    const properties: AmfObject = { fmsVer: 'FMS/3,5,7,7009', capabilities: 31, ...enhancedAnswer(object) }
    this.#call('_result', transactionId, properties, {
      level: 'status', code: 'NetConnection.Connect.Success', description: 'Connection succeeded', objectEncoding: 0
    })
  }

  #onCreateStream (transactionId: number): void {
    if (++this.#streams > limits.maxStreams) throw new ProtocolError(`more than ${limits.maxStreams} streams`)
    this.#answer(transactionId, this.#streams)
  }

  #onPublish ({ args }: Command, streamId: number): void {
    if (this.#state !== 'connected') throw new ProtocolError('publish twice')
    this.#state = 'requested'
    this.#publishStreamId = streamId
    this.#link.pause()
    const target = publishTarget(this.#app, textOf(args[0]))
    this.#requested.resolve({ ...target, flashVer: this.#flashVer, handshake: this.#handshake.kind })
  }

  #onFcPublish (transactionId: number): void {
    this.#answer(transactionId, undefined)
    this.#call('onFCPublish', 0, null, { level: 'status', code: 'NetStream.Publish.Start', description: 'Go ahead' })
  }

  /** Encoders say goodbye in two or three of these; before publish some send one to tidy up after an earlier stream. */
  #onUnpublish (name: string): void {
    if (this.#state !== 'publishing') return
    const [code, description] = ['NetStream.Unpublish.Success', 'Stopped']
    if (name === 'FCUnpublish') this.#call('onFCUnpublish', 0, null, { level: 'status', code, description })
    else this.#sendStatus('status', code, description)
    this.#link.leave()
  }

  #onOther (name: string, transactionId: number): void {
    if (transactionId === 0 || name === '_result' || name === '_error') return
    const description = 'This server does not know that command'
    this.#call('_error', transactionId, null, { level: 'error', code: 'NetConnection.Call.Failed', description })
  }

  #answer (transactionId: number, value: AmfValue): void { this.#call('_result', transactionId, null, value) }

  #call (name: string, transactionId: number, object: AmfValue, ...args: AmfValue[]): void {
    this.#link.send(ChunkStream.command, MessageType.command, printCommand(name, transactionId, object, ...args))
  }

  #sendStatus (level: 'status' | 'error', code: string, description: string): void {
    if (this.#link.closed) return
    const payload = printCommand('onStatus', 0, null, { level, code, description })
    this.#link.send(ChunkStream.command, MessageType.command, payload, this.#publishStreamId)
  }

  #unpublish (reason: unknown): void {
    this.#settle(reason)
    this.#sendStatus('status', 'NetStream.Unpublish.Success', messageOf(reason))
    this.#link.end()
  }

  #fail (error: unknown): void {
    this.#settle(error)
    this.#link.end()
  }

  #settle (error: unknown): void {
    this.#state = 'closed'
    this.#requested.reject(error)
    this.#ended.reject(error)
  }

  #onClosed (error: Error | undefined): void {
    this.#state = 'closed'
    this.#requested.reject(error ?? new ProtocolError('the peer left before it asked to publish'))
    if (error) this.#ended.reject(error)
    else this.#ended.resolve()
  }
}

const textOf = (value: AmfValue): string => typeof value === 'string' ? value : ''

/** Enhanced RTMP: who asks what we know is told exactly that, and nothing we cannot do. */
function enhancedAnswer (object: AmfObject | undefined): AmfObject {
  if (!object || !('fourCcList' in object || 'videoFourCcInfoMap' in object || 'capsEx' in object)) return {}
  const { avc1, mp4a } = KNOWN_FOURCC
  return { fourCcList: ['avc1', 'mp4a'], videoFourCcInfoMap: { avc1 }, audioFourCcInfoMap: { mp4a } }
}
