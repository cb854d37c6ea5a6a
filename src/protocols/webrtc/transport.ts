import nodeDataChannel, { type PeerConnection, type RtcConfig, type Track, type Video } from 'node-datachannel'
import { within } from '../../lib/abort.ts'
import { endpointOf } from '../../lib/addresses.ts'
import { AppError } from '../../lib/errors.ts'
import { parseCandidate, printCandidate } from './candidate.ts'
import { newCredentials } from './ice-credentials.ts'
import { describe } from './library-sdp.ts'
import type { Candidate, TransportParameters } from './sdp-types.ts'
import type { TransportAddress } from './stun.ts'

/** libdatachannel closes in the background, in milliseconds. */
const CLOSE_DEADLINE_MS = 2000

export type TransportState = 'connecting' | 'connected' | 'ended'

/** Why a transport ended: we closed it, the peer closed DTLS, or ICE or DTLS failed (consent lost, wrong fingerprint). */
export type TransportEnd = 'closed' | 'left' | 'failed'

export type CandidatePair = { readonly local: string, readonly remote: string, readonly localType: string, readonly remoteType: string, readonly protocol: string }

/**
 * ICE, DTLS and SRTP of one peer; everything above them is ours. libdatachannel never sees the peer's own SDP: it is given a
 * description with one video section, through which it then carries RTP and RTCP of any SSRC, payload type and extension.
 */
export class Transport implements AsyncDisposable {
  readonly local: TransportParameters
  readonly candidates: readonly Candidate[]
  /** RTP and RTCP packets that came. */
  heard = 0
  /** Called for each RTP or RTCP packet, decrypted and authenticated. The bytes are the callee's. */
  onPacket: (bytes: Buffer) => void = () => {}
  /** What the path really is, where ICE cannot know it: see `TcpRelay`. */
  seenAs: (pair: CandidatePair) => CandidatePair = pair => pair
  /** Resolves when packets can be sent, or when the transport ended before that. */
  readonly connected: Promise<void>
  /** Resolves once, never rejects. */
  readonly ended: Promise<TransportEnd>
  /** Resolves once its memory is free: whoever accepted a transport closes it, however it ended. */
  readonly closed: Promise<void>
  readonly #connection: PeerConnection
  readonly #connected = Promise.withResolvers<void>()
  readonly #ended = Promise.withResolvers<TransportEnd>()
  readonly #closed = Promise.withResolvers<void>()
  #state: TransportState = 'connecting'
  /** A track that nobody holds is collected, and a collected track closes itself. */
  #track: Track | undefined
  #open = false
  readonly #remote: TransportParameters | undefined

  /** Answers `remote`, whose candidates are not needed: see `TransportHub`. Without one it offers, and `answered` completes it. */
  constructor (remote: TransportParameters | undefined, config: RtcConfig) {
    this.#remote = remote
    this.connected = this.#connected.promise
    this.ended = this.#ended.promise
    this.closed = this.#closed.promise
    this.#connection = new nodeDataChannel.PeerConnection('peer', config)
    this.#connection.onTrack(track => this.#carry(track))
    this.#connection.onStateChange(state => this.#changed(state))
    const weAre = remote === undefined ? 'actpass' : remote.setup === 'active' ? 'passive' : 'active'
    const credentials = newCredentials()
    try {
      if (remote === undefined) this.#carry(this.#connection.addTrack(theOneSection()))
      else this.#connection.setRemoteDescription(describe(remote, weAre === 'active' ? 'passive' : 'active'), 'offer')
      this.#connection.setLocalDescription(remote === undefined ? 'offer' : 'answer', { iceUfrag: credentials.ufrag, icePwd: credentials.pwd })
    } catch (error) {
      this.#connection.close() // Nobody else holds it, and an open one is never let go of.
      throw error
    }
    const own = this.#connection.localDescription()?.sdp ?? ''
    this.local = { ...credentials, fingerprint: fingerprintOf(own), setup: weAre }
    this.candidates = [...own.matchAll(/^a=(candidate:.*)$/gm)].map(([, line = '']) => parseCandidate(line)).filter(candidate => candidate !== undefined)
  }

  get state (): TransportState { return this.#state }

  /**
   * Takes the answer to our offer. We are the ones to reach the peer: checks go to each of these candidates, from the port that all share.
   * @param candidates of the peer, those that something may be sent to
   * @throws AppError `unprocessable_sdp`
   */
  answered (remote: TransportParameters, candidates: readonly Candidate[]): void {
    if (remote.setup === 'actpass') throw new AppError('unprocessable_sdp', 'the answer leaves open who begins DTLS (“a=setup:actpass”)')
    try {
      const lines = candidates.map(candidate => `a=${printCandidate(candidate)}`)
      this.#connection.setRemoteDescription(describe(remote, remote.setup, lines), 'answer')
    } catch (error) {
      throw new AppError('unprocessable_sdp', 'the answer’s ICE or DTLS parameters were refused', { cause: error })
    }
  }

  /**
   * Sends one RTP or RTCP packet. The bytes are copied before this returns.
   * @returns false when it could not be sent: not connected, or the socket's buffer is full.
   */
  send (bytes: Buffer): boolean {
    if (!this.#open) return false
    try {
      return this.#track!.sendMessageBinary(bytes)
    } catch {
      return false // Closed from the other side this very moment.
    }
  }

  /** What the peer said of itself in its offer; undefined for one that we offered to. */
  get remote (): TransportParameters | undefined { return this.#remote }

  /** Where the peer’s packets come from, as the library sees it. */
  get peerAddress (): TransportAddress | undefined {
    const pair = this.#state === 'connected' ? this.#connection.getSelectedCandidatePair() : null
    return pair ? { address: pair.remote.address, port: pair.remote.port } : undefined
  }

  get pair (): CandidatePair | undefined {
    const pair = this.#state === 'connected' ? this.#connection.getSelectedCandidatePair() : null
    if (!pair) return undefined
    const { local, remote } = pair
    return this.seenAs({
      local: endpointOf(local.address, local.port),
      remote: endpointOf(remote.address, remote.port),
      localType: local.type,
      remoteType: remote.type,
      protocol: local.transportType
    })
  }

  /** The peer is out of reach: whoever leads it here has not heard of it for too long. */
  fail (): void { this.#end('failed') }

  async close (): Promise<void> {
    this.#end('closed')
    this.#track?.close()
    this.#connection.close()
    await within(CLOSE_DEADLINE_MS, this.#closed.promise)
  }

  [Symbol.asyncDispose] (): Promise<void> { return this.close() }

  #carry (track: Track): void {
    this.#track = track
    track.onMessage(bytes => {
      this.heard++
      this.onPacket(bytes)
    })
    track.onOpen(() => this.#connect())
    track.onClosed(() => { this.#open = false }) // Also what makes the library let go of it.
  }

  #connect (): void {
    if (this.#state !== 'connecting') return
    this.#state = 'connected'
    this.#open = true
    this.#connected.resolve()
  }

  #changed (state: string): void {
    if (state === 'disconnected') this.#end('left')
    if (state === 'failed') this.#end('failed')
    if (state === 'closed') {
      this.#end('closed')
      this.#closed.resolve()
    }
  }

  #end (how: TransportEnd): void {
    this.#state = 'ended'
    this.#open = false
    this.#connected.resolve()
    this.#ended.resolve(how)
  }
}

/** Any free port; nothing is negotiated by the library, and nobody outside is asked for our address. */
export const ownPortConfig = (bindAddress: string | undefined): RtcConfig => ({ iceServers: [], disableAutoNegotiation: true, ...bindAddress === undefined ? {} : { bindAddress } })

/** As many peers as come share the port. */
export const portConfig = (port: number, bindAddress: string | undefined): RtcConfig => ({ ...ownPortConfig(bindAddress), enableIceUdpMux: true, portRangeBegin: port, portRangeEnd: port })

/** The same, as our own offer has it. */
function theOneSection (): Video {
  const section = new nodeDataChannel.Video('0', 'SendRecv')
  section.addH264Codec(96)
  return section
}

function fingerprintOf (sdp: string): TransportParameters['fingerprint'] {
  const [, algorithm, value] = /^a=fingerprint:(\S+) (\S+)/m.exec(sdp) ?? []
  if (algorithm === undefined || value === undefined) throw new AppError('internal', 'the WebRTC library gave no certificate fingerprint')
  return { algorithm, value }
}
