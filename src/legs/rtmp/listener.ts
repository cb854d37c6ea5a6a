import { addAbortListener, once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { createSecureContext, type SecureContext, TLSSocket } from 'node:tls'
import { plainAddress } from '../../lib/addresses.ts'
import type { Clock } from '../../lib/clock.ts'
import { AppError, ProtocolError } from '../../lib/errors.ts'
import { type Logger, Tally } from '../../lib/log.ts'
import { readShared } from '../../lib/shared-read.ts'
import { type PublishRequest, type Refusal, ServerConnection } from '../../protocols/rtmp/server-connection.ts'
import type { Bridge } from '../../room/bridge.ts'
import { Doorman, type Pass } from './doorman.ts'
import { RtmpLeg } from './leg.ts'
import { type DuplicateRule, type Publisher, Publishers } from './publishers.ts'

/** From the connection to the publish command, where nothing else is set. */
const PUBLISH_WITHIN_MS = 10_000
/** A wrong key is answered this long after it was shown, whatever it took to find out. */
const REFUSAL_DELAY_MS = 1000

/** What a stream key opens. */
export type StreamTarget = { readonly ingressId: string, readonly room: string, readonly identity: string, readonly name: string }

/** Declared here, implemented by the store. */
export interface StreamKeys {
  /** Undefined for every key that opens nothing, whatever is wrong with it. Rejects when it cannot tell. */
  resolve (app: string, streamKey: string): Promise<StreamTarget | undefined>
}

export type RtmpListenerOptions = {
  readonly host: string
  /** 0: any free one. */
  readonly port: number
  /** PEM, for RTMPS. */
  readonly tls?: { readonly cert: string | Buffer, readonly key: string | Buffer }
  readonly duplicatePublisher: DuplicateRule
  /** Milliseconds without audio and video after which a publisher counts as gone. */
  readonly mediaTimeoutMs: number
  readonly maxConnections: number
  /** Milliseconds from the connection to the publish command; 10 s. */
  readonly publishWithinMs?: number
  /** Connections from one address that do not publish yet. */
  readonly maxStrangersPerAddress: number
}

export type RtmpSurroundings = {
  readonly bridge: Bridge
  readonly streamKeys: StreamKeys
  readonly log: Logger
  readonly clock: Clock
  /** Shared by listeners that open the same ingresses (RTMP and RTMPS); else one of its own. */
  readonly publishers?: Publishers
}

const badName: Refusal = { code: 'NetStream.Publish.BadName', description: 'This stream key is not known here' }

/** Takes RTMP publishers in: address limits, stream key, one publisher per key; then a leg in a room. */
export class RtmpListener implements AsyncDisposable {
  /** Plain counters, read at scrape time. */
  readonly refused = { keys: 0, addresses: 0, protocol: 0 }
  readonly #options: RtmpListenerOptions
  readonly #surroundings: RtmpSurroundings
  readonly #doorman: Doorman
  readonly #tally: Tally
  readonly #server: Server
  readonly #secureContext: SecureContext | undefined
  readonly #controller = new AbortController()
  readonly #serving = new Set<Promise<void>>()
  readonly #publishers: Publishers
  /** Those that came through this door. */
  readonly #present = new Set<Publisher>()

  /** @throws the system's error (`EADDRINUSE`, …) when the port cannot be had */
  static async open (options: RtmpListenerOptions, surroundings: RtmpSurroundings): Promise<RtmpListener> {
    const listener = new RtmpListener(options, surroundings)
    listener.#server.listen(options.port, options.host)
    await once(listener.#server, 'listening')
    return listener
  }

  private constructor (options: RtmpListenerOptions, surroundings: RtmpSurroundings) {
    this.#options = options
    this.#surroundings = surroundings
    const { maxConnections: connections, maxStrangersPerAddress: strangersPerSource } = options
    this.#doorman = new Doorman({ connections, strangersPerSource }, surroundings.clock)
    this.#publishers = surroundings.publishers ?? new Publishers()
    this.#tally = new Tally(surroundings.log, surroundings.clock)
    this.#secureContext = options.tls && createSecureContext({ ...options.tls, minVersion: 'TLSv1.2' })
    this.#server = createServer({ noDelay: true, pauseOnConnect: true }, socket => this.#accept(socket))
  }

  get port (): number { return (this.#server.address() as AddressInfo).port }
  get connections (): number { return this.#doorman.connections }

  /** Takes nobody new, ends every publisher's session, and waits until all sockets are closed. */
  async [Symbol.asyncDispose] (): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.#controller.abort(new AppError('draining'))
    await Promise.all([...this.#present].map(publisher => publisher.close('shutdown')))
    await Promise.all(this.#serving)
    await closed
  }

  #accept (socket: Socket): void {
    const address = plainAddress(socket.remoteAddress ?? '')
    const pass = this.#doorman.enter(address)
    if (typeof pass === 'string') {
      this.refused.addresses++
      this.#tally.count(`RTMP connection refused: ${pass}`, { address })
      socket.on('error', () => {}).destroy()
      return
    }
    const remoteAddress = `${address.includes(':') ? `[${address}]` : address}:${socket.remotePort}`
    const stream = this.#secureContext ? new TLSSocket(socket, { isServer: true, secureContext: this.#secureContext }) : readShared(socket)
    const serving = this.#serve(stream, pass, remoteAddress).finally(() => this.#serving.delete(serving))
    this.#serving.add(serving)
  }

  /** One connection's life. Never rejects. */
  async #serve (socket: Duplex, pass: Pass, remoteAddress: string): Promise<void> {
    using _pass = pass
    await using connection = new ServerConnection(socket, this.#surroundings.clock)
    try {
      const withinMs = this.#options.publishWithinMs ?? PUBLISH_WITHIN_MS
      const request = await connection.request({ withinMs, signal: this.#controller.signal })
      const target = await this.#find(request, pass, remoteAddress)
      if (!target) return connection.refuse(badName)
      pass.known()
      await this.#publish(connection, request, target, remoteAddress)
    } catch (error) {
      this.#explain(connection, error, remoteAddress)
    }
  }

  /** Who has shown too many wrong keys is not looked up any more, and is told the same at the same pace. */
  async #find ({ app, streamKey }: PublishRequest, pass: Pass, remoteAddress: string): Promise<StreamTarget | undefined> {
    const delay = Promise.withResolvers<void>()
    using _timer = this.#surroundings.clock.after(REFUSAL_DELAY_MS, delay.resolve)
    using _abort = addAbortListener(this.#controller.signal, () => delay.resolve())
    const target = pass.banned || streamKey === '' ? undefined : await this.#surroundings.streamKeys.resolve(app, streamKey)
    if (target) return target
    pass.failed()
    this.refused.keys++
    this.#tally.count('RTMP publisher refused: unknown stream key', { remoteAddress })
    await delay.promise
    return undefined
  }

  async #publish (connection: ServerConnection, request: PublishRequest, target: StreamTarget, remoteAddress: string): Promise<void> {
    const { bridge, clock } = this.#surroundings
    const { ingressId, room, identity, name } = target
    const publisher = this.#publishers.enter(ingressId, this.#options.duplicatePublisher)
    this.#present.add(publisher)
    // The one before leaves when this one's session has begun, so that the room stays open between the two.
    const makeWay = (): Promise<void> => publisher.makeWay()
    const leg = new RtmpLeg({ connection, request, identity, name, silenceMs: this.#options.mediaTimeoutMs, clock, makeWay })
    try {
      await publisher.run(() => bridge.admit(leg, { room, identity, externalId: ingressId, remoteAddress }))
    } finally {
      this.#publishers.leave(ingressId, publisher)
      this.#present.delete(publisher)
    }
  }

  #explain (connection: ServerConnection, error: unknown, remoteAddress: string): void {
    const { log } = this.#surroundings
    if (!(error instanceof AppError)) log.error({ error, remoteAddress }, 'an RTMP connection failed in a way it should not')
    else if (error instanceof ProtocolError || error.code === 'connect_timeout') {
      this.refused.protocol++
      this.#tally.count('RTMP connection without a stream', { remoteAddress, error: error.message }, 'debug')
    } else this.#tally.count('RTMP publisher refused', { remoteAddress, code: error.code, error: error.message })
    const known = error instanceof AppError && !(error instanceof ProtocolError)
    const code = known && error.code === 'stream_key_in_use' ? 'NetStream.Publish.BadName' : 'NetStream.Publish.Rejected'
    connection.refuse({ code, description: known ? error.message : 'The stream cannot be taken now' })
  }
}
