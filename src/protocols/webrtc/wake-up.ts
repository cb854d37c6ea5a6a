import nodeDataChannel, { type PeerConnection, type RtcConfig } from 'node-datachannel'
import type { Clock } from '../../lib/clock.ts'
import { describe } from './library-sdp.ts'
import type { IceCredentials, TransportParameters } from './sdp-types.ts'
import type { TransportAddress } from './stun.ts'

/** How often silence is looked for, in milliseconds. */
const LOOK_EVERY_MS = 1000
/** A browser goes to sleep after 15 s. */
const SILENT_LOOKS = 12
/** Consent has expired by then (RFC 7675 section 5.1): who is still here does not speak, and needs no waking. */
const LAST_LOOK = 32
/** A helper checks at once, after 0.5 s and after 1.5 s: with another one every second look, the peer is asked each second. */
const LOOKS_PER_HELPER = 2
/** When a whole network is gone, these many of its peers are woken first. */
const MAX_HELPERS = 64

export type Sleeper = {
  /** Packets that came from it. */
  readonly heard: number
  readonly local: IceCredentials
  readonly remote: TransportParameters | undefined
  /** Where it was. */
  readonly peerAddress: TransportAddress | undefined
}

type Watched = { heard: number, silentLooks: number, helper: Disposable | undefined }

/**
 * Wakes peers whose network was gone for a while. Chromium, once its checks were not answered for 15 s, sends none and takes no
 * media either until it is asked itself; then it is back within a tenth of a second. The library asks every 4 to 6 s. So for a peer
 * that has fallen silent, a second ICE agent with the same credentials checks its address, from the same port; the answers, like
 * all that comes from there, go to the first.
 */
export class WakeUp implements Disposable {
  readonly #sleepers: () => Iterable<Sleeper>
  readonly #config: RtcConfig
  readonly #watched = new WeakMap<Sleeper, Watched>()
  readonly #helpers = new Set<Disposable>()
  readonly #timer: Disposable

  constructor (sleepers: () => Iterable<Sleeper>, config: RtcConfig, clock: Clock) {
    this.#sleepers = sleepers
    this.#config = config
    this.#timer = clock.every(LOOK_EVERY_MS, () => this.#look())
  }

  [Symbol.dispose] (): void {
    this.#timer[Symbol.dispose]()
    for (const helper of this.#helpers) helper[Symbol.dispose]()
  }

  #look (): void {
    for (const sleeper of this.#sleepers()) this.#lookAt(sleeper)
  }

  #lookAt (sleeper: Sleeper): void {
    const watched = this.#watched.get(sleeper) ?? { heard: 0, silentLooks: 0, helper: undefined }
    this.#watched.set(sleeper, watched)
    const silent = watched.heard > 0 && watched.heard === sleeper.heard
    watched.heard = sleeper.heard
    watched.silentLooks = silent ? watched.silentLooks + 1 : 0
    const beyond = watched.silentLooks - SILENT_LOOKS
    if (beyond >= 0 && beyond % LOOKS_PER_HELPER !== 0) return
    watched.helper?.[Symbol.dispose]()
    watched.helper = beyond >= 0 && watched.silentLooks < LAST_LOOK && this.#helpers.size < MAX_HELPERS ? this.#ask(sleeper) : undefined
  }

  #ask ({ local, remote, peerAddress }: Sleeper): Disposable | undefined {
    if (!remote || !peerAddress) return undefined
    const connection = new nodeDataChannel.PeerConnection('wake-up', this.#config)
    const helper = { [Symbol.dispose]: () => { if (this.#helpers.delete(helper)) connection.close() } }
    this.#helpers.add(helper)
    letGo(connection)
    const { address, port } = peerAddress
    try {
      connection.setRemoteDescription(describe(remote, 'passive', [`a=candidate:1 1 udp 1 ${address} ${port} typ host`]), 'offer')
      connection.setLocalDescription('answer', { iceUfrag: local.ufrag, icePwd: local.pwd })
    } catch {
      helper[Symbol.dispose]() // The library asks it in its own time.
      return undefined
    }
    return helper
  }
}

/** Without listeners the library never lets go of a connection. */
function letGo (connection: PeerConnection): void {
  connection.onStateChange(() => {})
  connection.onTrack(track => track.onClosed(() => {}))
}
