import { signal } from '@preact/signals'
import { ApiError, whipPath } from '../api.ts'
import type { Attendee } from '../api-types.ts'
import { messageOf } from '../lib/errors.ts'
import { backoff, sleep } from '../lib/wait.ts'
import { publish, type WhipState } from '../whip.ts'
import type { Access } from './access.ts'
import { openScreen } from './devices.ts'
import { Links } from './links.ts'
import { belongsTo, identityFor, screenOf } from './place.ts'
import { Source } from './source.ts'
import { nameCard, silence } from './stand-in.ts'

/** Who comes is seen this much later at most, in milliseconds. */
const ROSTER_MS = 1_500

type CallOptions = { readonly room: string, readonly name: string, readonly access: Access }

/** One's part in a call, from joining to leaving: what one sends, and who else is there. */
export class Call implements Disposable {
  readonly room: string
  readonly access: Access
  readonly identity: string
  readonly links = new Links()
  readonly microphone: Source
  readonly camera: Source
  readonly screen = signal<MediaStreamTrack | undefined>(undefined)
  readonly state = signal<WhipState>({ phase: 'connecting', attempt: 1 })
  /** Everybody else, and everybody else’s screens. Undefined until asked. */
  readonly others = signal<readonly Attendee[] | undefined>(undefined)
  /** Why it is not known who is there. */
  readonly trouble = signal<string | undefined>(undefined)
  readonly #controller = new AbortController()
  #screenOver: AbortController | undefined

  constructor ({ room, name, access }: CallOptions) {
    this.room = room
    this.access = access
    this.identity = identityFor(name, crypto.getRandomValues(new Uint32Array(1))[0]!.toString(36).padStart(4, '0').slice(-4))
    const changed = (source: Source): void => { void this.links.replace(this.identity, source.kind, source.track.value) }
    this.microphone = new Source('audio', silence(), changed)
    this.camera = new Source('video', nameCard(name), changed)
  }

  /** Begins to send and to look who is there. */
  start (): void {
    const { signal } = this.#controller
    const leave = (): void => this[Symbol.dispose]()
    addEventListener('pagehide', leave, { signal })
    void this.#send(this.identity, () => [this.microphone.track.value, this.camera.track.value], state => { this.state.value = state }, signal)
    void this.#followRoster(signal)
    void this.links.measure(signal)
  }

  async shareScreen (): Promise<void> {
    const track = await openScreen()
    if (!track) return
    this.stopScreen()
    const over = this.#screenOver = new AbortController()
    track.addEventListener('ended', () => this.stopScreen())
    this.screen.value = track
    void this.#send(screenOf(this.identity), () => [track], () => {}, over.signal)
  }

  stopScreen (): void {
    this.#screenOver?.abort()
    this.screen.value?.stop()
    this.screen.value = undefined
  }

  /** Leaves: connections and devices are let go. */
  [Symbol.dispose] (): void {
    this.#controller.abort()
    this.stopScreen()
    this.microphone[Symbol.dispose]()
    this.camera[Symbol.dispose]()
  }

  async #send (identity: string, tracks: () => MediaStreamTrack[], tell: (state: WhipState) => void, signal: AbortSignal): Promise<void> {
    const url = whipPath(this.room, identity)
    const connecting = (connection: RTCPeerConnection): void => this.links.add(identity, connection)
    await publish({ url, tracks, tell, signal, connecting, token: () => this.access.token() })
    this.links.remove(identity)
  }

  async #followRoster (signal: AbortSignal): Promise<void> {
    let failures = 0
    while (!signal.aborted) {
      try {
        const everybody = await this.access.api.roster(this.room)
        this.others.value = everybody.filter(({ identity, kinds }) => kinds.length > 0 && !belongsTo(identity, this.identity))
        this.trouble.value = undefined
        failures = 0
      } catch (error) {
        failures++
        this.trouble.value = error instanceof ApiError && error.status === 401
          ? 'Your invitation has ended: who comes now is not shown. Ask for a new link'
          : messageOf(error)
      }
      await sleep(failures > 0 ? backoff(failures, { firstMs: ROSTER_MS }) : ROSTER_MS, signal)
    }
  }
}
