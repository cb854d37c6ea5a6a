import type { Clock } from '../../lib/clock.ts'
import { endpointOf } from '../../lib/addresses.ts'
import { AppError } from '../../lib/errors.ts'
import { MAX_PACKET_BYTES, type PrintTarget } from '../../media/rtp-sender.ts'
import type { DtlsContext } from './dtls/context.ts'
import { type DtlsKeys, DtlsSession } from './dtls/session.ts'
import { IceAgent, type Spot } from './ice-agent.ts'
import { type Path, sendOn } from './path.ts'
import type { Candidate, IceCredentials, TransportParameters } from './sdp-types.ts'
import { keyMaterialBytes, srtpProfileOf } from './srtp/profiles.ts'
import type { SrtpReceiver } from './srtp/receiver.ts'
import type { SrtpSender } from './srtp/sender.ts'
import { openSrtp } from './srtp/session.ts'

/** What has no way to its peer is printed here, and goes nowhere. */
const nowhere = Buffer.alloc(MAX_PACKET_BYTES)

export type TransportState = 'connecting' | 'connected' | 'ended'

/** Why a transport ended: we closed it, the peer closed DTLS, or ICE or DTLS failed (consent lost, wrong fingerprint). */
export type TransportEnd = 'closed' | 'left' | 'failed'

export type CandidatePair = { readonly local: string, readonly remote: string, readonly localType: string, readonly remoteType: string, readonly protocol: string }

/** Whoever sorts what comes to a port. */
export interface Registry {
  /** Checks that call us so are this transport's; undefined for nobody's. */
  name (ufrag: string, transport: Transport | undefined): void
  forget (spot: Spot): void
}

export type TransportOptions = {
  /** What the peer's offer says; without it we offer, and `answered` completes it. */
  readonly remote: TransportParameters | undefined
  /** Where it is reached, as the peer is told. */
  readonly candidates: readonly Candidate[]
  readonly dtls: DtlsContext
  readonly registry: Registry
  readonly clock: Clock
  /** Of one that offers, on a port of its own: the way to an address; undefined where none leads from there. */
  readonly pathTo?: (address: string, port: number) => Path | undefined
  /** Frees what belongs to it alone. */
  readonly release?: () => Promise<void>
}

/** ICE, DTLS and SRTP of one peer. */
export class Transport implements PrintTarget, AsyncDisposable {
  readonly candidates: readonly Candidate[]
  /** Called for each RTP or RTCP packet, decrypted and authenticated. The bytes are the callee's. */
  onPacket: (bytes: Buffer) => void = () => {}
  /** Called after packets that came together: there are no more for the moment. */
  onPause: () => void = () => {}
  /** Resolves when packets can be sent, or when the transport ended before that. */
  readonly connected: Promise<void>
  /** Resolves once, never rejects. */
  readonly ended: Promise<TransportEnd>
  /** Resolves when it was closed: whoever accepted a transport closes it, however it ended. */
  readonly closed: Promise<void>
  readonly #options: TransportOptions
  readonly #ice: IceAgent
  readonly #connected = Promise.withResolvers<void>()
  readonly #ended = Promise.withResolvers<TransportEnd>()
  readonly #closed = Promise.withResolvers<void>()
  /** Whether we open DTLS; a server that answers our offer decides it. */
  #opens: boolean
  #dtls: DtlsSession | undefined
  #sender: SrtpSender | undefined
  #receiver: SrtpReceiver | undefined
  /** Where packets go. */
  #path: Path | undefined
  #state: TransportState = 'connecting'

  /** @throws AppError `unprocessable_sdp` */
  constructor (options: TransportOptions) {
    const { remote, clock, candidates, registry } = options
    this.#options = options
    this.candidates = candidates
    this.connected = this.#connected.promise
    this.ended = this.#ended.promise
    this.closed = this.#closed.promise
    this.#opens = remote !== undefined && remote.setup !== 'active'
    if (remote) this.#dtls = this.#dtlsWith(remote)
    this.#ice = new IceAgent({
      role: remote ? 'controlled' : 'controlling', remote, clock,
      named: (ufrag, ours) => registry.name(ufrag, ours ? this : undefined),
      forgotten: spot => registry.forget(spot),
      selected: spot => this.#select(spot),
      lost: how => this.#end(how)
    })
  }

  get state (): TransportState { return this.#state }

  /** What we tell the peer. */
  get local (): TransportParameters {
    const setup = this.#options.remote === undefined ? 'actpass' : this.#opens ? 'active' : 'passive'
    return { ...this.#ice.local, fingerprint: this.#options.dtls.fingerprint, setup }
  }

  /** What the peer told us of ICE last. Of one that we offered to: once it has answered. */
  get remote (): IceCredentials { return this.#ice.remote! }

  /**
   * Takes the answer to our offer. We are the ones to reach the peer: checks go to each of these candidates.
   * @param candidates of the peer, those that something may be sent to
   * @throws AppError `unprocessable_sdp`
   */
  answered (remote: TransportParameters, candidates: readonly Candidate[]): void {
    if (remote.setup === 'actpass') throw new AppError('unprocessable_sdp', 'the answer leaves open who begins DTLS (“a=setup:actpass”)')
    this.#opens = remote.setup === 'passive'
    this.#dtls = this.#dtlsWith(remote)
    this.#ice.begin(remote, candidates.map(({ address, port }) => this.#options.pathTo?.(address, port)).filter(path => path !== undefined))
  }

  /**
   * New credentials on both sides; DTLS and SRTP go on.
   * @throws AppError `not_found` when the transport has ended
   */
  restart (remote: IceCredentials): void {
    if (this.#state === 'ended') throw new AppError('not_found', 'The session has ended.')
    this.#ice.restart(remote)
  }

  /**
   * Sends one RTP or RTCP packet. The bytes are copied before this returns.
   * @returns false when it could not be sent: not connected, or too large
   */
  send (bytes: Buffer): boolean {
    if (bytes.length > MAX_PACKET_BYTES) return false
    const at = this.reserve()
    bytes.copy(this.memory, at)
    return this.commit(at, bytes.length)
  }

  /** Where RTP and RTCP packets may be printed before they leave: `MAX_PACKET_BYTES` are free from where `reserve` says. */
  get memory (): Buffer { return this.#path?.memory ?? nowhere }
  reserve (): number { return this.#path?.reserve() ?? 0 }

  /**
   * Sends one RTP or RTCP packet of `length` bytes that was printed at `at`, the place reserved last.
   * @returns false when it could not be sent: not connected, or too large
   */
  commit (at: number, length: number): boolean {
    const path = this.#path
    if (!this.#sender || !path || length > MAX_PACKET_BYTES) return false
    path.commit(this.#sender.protect(path.memory, at, length))
    return true
  }

  get pair (): CandidatePair | undefined {
    const path = this.#path
    if (this.#state !== 'connected' || !path) return undefined
    const { protocol } = path
    const local = this.candidates.find(candidate => candidate.protocol === protocol && candidate.address.includes(':') === path.address.includes(':')) ?? this.candidates[0]
    return { local: local ? endpointOf(local.address, local.port) : '', remote: endpointOf(path.address, path.port), localType: 'host', remoteType: 'prflx', protocol }
  }

  /** The agent, for whoever sorts what comes to the port. */
  get ice (): IceAgent { return this.#ice }

  /** DTLS, from where the peer was heard. A handshake is not signed, so only the path that is in use counts. */
  takeDtls (bytes: Buffer, spot: Spot): void { if (spot === this.#ice.selected) this.#dtls?.take(bytes) }

  /** SRTP or SRTCP, from where the peer was heard. */
  takeMedia (bytes: Buffer, spot: Spot): void {
    const packet = this.#receiver?.unprotect(bytes)
    if (!packet) return
    spot.active = true
    this.onPacket(packet)
  }

  async close (): Promise<void> {
    if (this.#state === 'connected') this.#dtls?.close()
    this.#end('closed')
    await this.#options.release?.()
    this.#closed.resolve()
  }

  [Symbol.asyncDispose] (): Promise<void> { return this.close() }

  #dtlsWith ({ fingerprint }: TransportParameters): DtlsSession {
    return new DtlsSession({
      context: this.#options.dtls, role: this.#opens ? 'client' : 'server', fingerprint, clock: this.#options.clock,
      send: datagram => { if (this.#path) sendOn(this.#path, datagram) },
      connected: keys => this.#connect(keys),
      alerted: () => this.#ice.doubt(),
      ended: how => this.#end(how)
    })
  }

  /** Our first flight leaves after a check that the peer began: by then it has our answer. */
  #select ({ path }: Spot): void {
    this.#path = path
    if (this.#opens) this.#dtls?.start()
  }

  #connect ({ profileId, exported }: DtlsKeys): void {
    const profile = srtpProfileOf(profileId)
    if (!profile || this.#state !== 'connecting') return
    const material = exported(keyMaterialBytes(profile))
    const { sender, receiver } = openSrtp(profile, material, this.#opens ? 'client' : 'server')
    material.fill(0)
    this.#sender = sender
    this.#receiver = receiver
    this.#state = 'connected'
    this.#connected.resolve()
  }

  /** Nothing comes or goes any more, and nothing is held but this object. */
  #end (how: TransportEnd): void {
    if (this.#state === 'ended') return
    this.#state = 'ended'
    this.#ice[Symbol.dispose]()
    this.#dtls?.[Symbol.dispose]()
    this.#sender?.[Symbol.dispose]()
    this.#receiver?.[Symbol.dispose]()
    this.#dtls = this.#sender = this.#receiver = this.#path = undefined
    this.#connected.resolve()
    this.#ended.resolve(how)
  }
}
