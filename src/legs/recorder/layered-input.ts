import type { Clock } from '../../lib/clock.ts'
import type { RtpPacket } from '../../media/rtp-packet.ts'
import type { Track } from '../../room/track.ts'
import { Input, type InputHandlers } from './input.ts'
import type { Timeline } from './timeline.ts'

/** A layer from which nothing has come for so long (ms), while another one comes, has stopped. */
const STOPPED_MS = 700
/** A better layer is recorded once it has come for so long (ms) without a stop: each change begins another file. */
const SETTLED_MS = 3000
/** Publishers begin with their lowest layer; a recording that has not begun waits so long (ms) for the best. */
const BEST_WITHIN_MS = 3000

type Flow = { packets: number, since: number, lastAt: number }

/**
 * The input of a picture that may be published in several qualities (simulcast): the best one that comes. When it stops, because
 * the publisher's bandwidth went, the recording goes on with the next lower one. The change is made at a keyframe: until then the layer
 * before is recorded.
 */
export class LayeredInput implements Disposable {
  readonly track: Track
  readonly #timeline: Timeline
  readonly #clock: Clock
  readonly #handlers: InputHandlers
  readonly #openedAt: number
  readonly #flows = new WeakMap<Track, Flow>()
  readonly #gone = { packets: 0, bytes: 0, lostPackets: 0, undecodableFrames: 0 }
  #current: Input
  /** The layer that will be recorded from its first sample on. */
  #entering: Input | undefined
  #begun = false

  /** As that of `Input`. */
  constructor (track: Track, timeline: Timeline, clock: Clock, past: readonly RtpPacket[], handlers: InputHandlers) {
    this.track = track
    this.#timeline = timeline
    this.#clock = clock
    this.#handlers = handlers
    this.#openedAt = clock.now()
    this.#current = new Input(track, timeline, clock, past, {
      failed: handlers.failed,
      sample: (sample, afterLoss) => {
        this.#begun = true
        handlers.sample(sample, afterLoss)
      }
    })
  }

  get packets (): number { return this.#gone.packets + this.#current.packets }
  get bytes (): number { return this.#gone.bytes + this.#current.bytes }
  get lostPackets (): number { return this.#gone.lostPackets + this.#current.lostPackets }
  get undecodableFrames (): number { return this.#gone.undecodableFrames + this.#current.undecodableFrames }

  tick (): void {
    if (this.track.layers.length > 0) this.#follow(this.track.layers, this.#clock.now())
    this.#current.tick()
    this.#entering?.tick()
  }

  wantKeyframe (): void { this.#current.wantKeyframe() }

  [Symbol.dispose] (): void {
    this.#entering?.[Symbol.dispose]()
    this.#current[Symbol.dispose]()
  }

  /** @param layers lowest first */
  #follow (layers: readonly Track[], now: number): void {
    const best = layers.filter(layer => now - this.#flowOf(layer, now).lastAt < STOPPED_MS).at(-1)
    if (!best || best === this.#current.track) { this.#enter(undefined); return }
    if (best === this.#entering?.track) return
    const isBetter = layers.indexOf(best) > layers.indexOf(this.#current.track)
    if (this.#begun ? isBetter && now - this.#flowOf(best, now).since < SETTLED_MS : now - this.#openedAt < BEST_WITHIN_MS) return
    this.#enter(best)
  }

  #flowOf (layer: Track, now: number): Flow {
    const { packets } = layer
    let flow = this.#flows.get(layer)
    if (!flow) this.#flows.set(layer, flow = { packets, since: now, lastAt: -Infinity })
    if (packets === flow.packets) return flow
    if (now - flow.lastAt >= STOPPED_MS) flow.since = now
    flow.lastAt = now
    flow.packets = packets
    return flow
  }

  #enter (layer: Track | undefined): void {
    this.#entering?.[Symbol.dispose]()
    this.#entering = undefined
    if (!layer) return
    const input: Input = new Input(layer, this.#timeline, this.#clock, [], {
      failed: this.#handlers.failed,
      sample: (sample, afterLoss) => {
        const isFirst = input === this.#entering
        if (isFirst) this.#replaceBy(input)
        this.#begun = true
        if (input === this.#current) this.#handlers.sample(sample, afterLoss || isFirst)
      }
    })
    this.#entering = input
  }

  #replaceBy (input: Input): void {
    const { packets, bytes, lostPackets, undecodableFrames } = this.#current
    this.#gone.packets += packets
    this.#gone.bytes += bytes
    this.#gone.lostPackets += lostPackets
    this.#gone.undecodableFrames += undecodableFrames
    const before = this.#current
    this.#current = input
    this.#entering = undefined
    before[Symbol.dispose]()
  }
}
