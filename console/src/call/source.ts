import { type Signal, signal } from '@preact/signals'
import { type Kind, openDevice } from './devices.ts'
import type { StandIn } from './stand-in.ts'

/**
 * One's camera, or one's microphone: a device, or the stand-in for it while it is off. Whatever it is at the moment is what a
 * connection sends.
 */
export class Source implements Disposable {
  readonly kind: Kind
  /** What is sent now. */
  readonly track: Signal<MediaStreamTrack>
  readonly on = signal(false)
  readonly deviceId = signal<string | undefined>(undefined)
  readonly #standIn: StandIn
  readonly #changed: (source: Source) => void
  #turn = 0

  /** @param changed called when another track is to be sent */
  constructor (kind: Kind, standIn: StandIn, changed: (source: Source) => void) {
    this.kind = kind
    this.#standIn = standIn
    this.#changed = changed
    this.track = signal(standIn.track)
  }

  /** Opens the device, or another one. @throws NoDevice; all stays as it is */
  async turnOn (deviceId = this.deviceId.value): Promise<void> {
    const turn = ++this.#turn
    if (this.#isOpen && deviceId === this.deviceId.value) return this.#unmute()
    const track = await openDevice({ kind: this.kind, deviceId })
    if (turn !== this.#turn) return track.stop() // Meanwhile it was turned off, or another chosen.
    track.addEventListener('ended', () => { if (this.track.value === track) this.#release() }) // Unplugged.
    this.deviceId.value = track.getSettings().deviceId ?? deviceId
    this.#send(track, true)
  }

  /** Takes another device; one that is off stays off until it is turned on. @throws NoDevice */
  async choose (deviceId: string): Promise<void> {
    if (this.on.value) return this.turnOn(deviceId)
    this.#turn++
    this.#release()
    this.deviceId.value = deviceId
  }

  /** A camera is let go: its light goes out. A microphone is only muted: it must be back within a syllable. */
  turnOff (): void {
    this.#turn++
    if (this.kind === 'video' || !this.#isOpen) return this.#release()
    this.track.value.enabled = false
    this.on.value = false
  }

  [Symbol.dispose] (): void {
    this.#turn++
    this.#release()
    this.#standIn.close()
  }

  get #isOpen (): boolean { return this.track.value !== this.#standIn.track }

  #unmute (): void {
    this.track.value.enabled = true
    this.on.value = true
  }

  #release (): void { this.#send(this.#standIn.track, false) }

  #send (track: MediaStreamTrack, on: boolean): void {
    const before = this.track.value
    if (before !== track && before !== this.#standIn.track) before.stop()
    this.track.value = track
    this.on.value = on
    if (before !== track) this.#changed(this)
  }
}
