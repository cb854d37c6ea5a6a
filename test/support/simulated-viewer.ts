import { Downlink } from '../../src/legs/webrtc/downlink.ts'
import { Outlet } from '../../src/legs/webrtc/outlet.ts'
import { ReceiveEstimator } from '../../src/media/bandwidth/receive-estimator.ts'
import { codec, opus } from '../../src/media/codec.ts'
import { RtpPacket } from '../../src/media/rtp-packet.ts'
import { TransportArrivals } from '../../src/media/transport-arrivals.ts'
import { ExtensionUri } from '../../src/protocols/webrtc/sdp-types.ts'
import { Track } from '../../src/room/track.ts'
import { ManualClock } from './manual-clock.ts'
import { random } from './mutate.ts'
import { printTarget } from './print-target.ts'

const NUMBER_ID = 3
const AUDIO_SSRC = 50
const PACKET_BYTES = 1100
const FRAME_MS = 1000 / 30
const SOUND_MS = 20
const SOUND_BYTES = 100
const FEEDBACK_MS = 50
const TRANSIT_MS = 20
const KEYFRAME_FACTOR = 4
/** bit/s of the qualities a picture comes in, lowest first. */
export const LAYERS = [150_000, 500_000, 1_500_000] as const

export type Link = {
  /** bit/s. */
  readonly capacity: (now: number) => number
  /** bit/s of somebody else's packets in the same queue. */
  readonly cross?: (now: number) => number
  readonly loss?: number
  readonly jitterMs?: number
  readonly queueMs?: number
  readonly seed?: number
  /** The viewer reports no arrivals, and says what it believes fits. */
  readonly remb?: boolean
}

/** What one second was like. */
export type Second = { readonly layer: number, readonly estimate: number | undefined, readonly soundDelayMs: number, readonly soundLost: number, readonly sound: number }

/**
 * A viewer behind a simulated link, in simulated time: our own `Downlink` and outlets, a picture in three qualities whose frames
 * vary, sound, and a receiver that reports each arrival. Minutes take a second.
 */
export class SimulatedViewer {
  readonly seconds: Second[] = []
  readonly outlets: readonly Outlet[]
  readonly #clock = new ManualClock()
  readonly #downlink = new Downlink(this.#clock)
  readonly #picture = new Track(codec('VP8'))
  readonly #sound = new Track(opus)
  readonly #keyframesDue = new Set<Track>()
  readonly #sequenceNumbers = new Map<Track, number>()
  readonly #arrivals = new TransportArrivals()
  readonly #estimator = new ReceiveEstimator()
  #inFlight: { at: number, number: number, sentAt: number, bytes: number }[] = []
  #lost = 0
  readonly #link: Link
  readonly #chance: () => number
  #linkFreeAt = 0
  #crossOwed = 0
  #frames = 0
  #sounds = 0
  #soundDelayMs = 0
  #soundSent = 0
  #soundLost = 0

  constructor (link: Link) {
    this.#link = link
    const pick = random(link.seed ?? 1)
    this.#chance = () => pick(1 << 24) / (1 << 24)
    this.#picture.layers = LAYERS.map((bitrate, i) => {
      const layer = i === LAYERS.length - 1 ? this.#picture : new Track(this.#picture.codec)
      Object.assign(layer, { bitrate, rid: String(i) })
      layer.onKeyframeWanted = () => { this.#keyframesDue.add(layer) }
      return layer
    })
    this.outlets = [this.#outlet(this.#picture, 40, 41), this.#outlet(this.#sound, AUDIO_SSRC, undefined)]
    for (const [i, track] of [this.#picture, this.#sound].entries()) this.outlets[i]!.attach(track)
  }

  get switches (): number { return this.outlets[0]!.layerSwitches }

  run (seconds: number): this {
    for (let end = this.#clock.now() + seconds * 1000; this.#clock.now() < end;) {
      this.#clock.advance(1)
      this.#tick(this.#clock.now())
    }
    return this
  }

  #outlet (track: Track, ssrc: number, rtxSsrc: number | undefined): Outlet {
    const payloadType = track === this.#sound ? 111 : 96
    const sdp = { payloadType, name: track.codec.name, clockRate: track.codec.clockRate, channels: 1, parameters: {}, feedback: ['transport-cc'] }
    return new Outlet({
      codec: track.codec, negotiated: { codec: sdp, rtx: rtxSsrc === undefined ? undefined : { ...sdp, payloadType: 97 }, red: undefined }, ssrc, rtxSsrc,
      extensions: this.#downlink.headersFor([{ id: NUMBER_ID, uri: ExtensionUri.transportCc }], false), numbers: this.#downlink.ledger,
      clock: this.#clock, target: printTarget(bytes => this.#carry(new RtpPacket(Buffer.from(bytes)))), failed: error => { throw error }
    })
  }

  #tick (now: number): void {
    this.#crossTraffic(now)
    for (; this.#frames * FRAME_MS <= now; this.#frames++) this.#playFrame(this.#frames)
    for (; this.#sounds * SOUND_MS <= now; this.#sounds++) this.#playSound(this.#sounds)
    this.#arrive(now)
    if (now % FEEDBACK_MS === 0) this.#report()
    if (now % 1000 === 0) this.#note()
  }

  #arrive (now: number): void {
    const due = this.#inFlight.filter(({ at }) => at <= now)
    if (due.length === 0) return
    this.#inFlight = this.#inFlight.filter(({ at }) => at > now)
    for (const { at, number, sentAt, bytes } of due) {
      this.#arrivals.add(number, at)
      this.#estimator.add(sentAt, bytes, at)
    }
  }

  #report (): void {
    if (this.#link.remb) { this.#estimate(); return }
    const feedback = this.#arrivals.take(1, 2)
    if (!feedback) return
    this.#clock.after(TRANSIT_MS, () => {
      this.#downlink.hear(feedback)
      this.#downlink.steer(this.outlets)
    })
  }

  #estimate (): void {
    const bitrate = this.#estimator.take(this.#lost, this.#clock.now())
    if (bitrate !== undefined) this.#clock.after(TRANSIT_MS, () => this.#downlink.hearBitrate(bitrate))
  }

  #playSound (n: number): void {
    this.#sound.write(RtpPacket.build({ payloadType: 111, marker: false, sequenceNumber: n & 0xffff, timestamp: n * 960 >>> 0, ssrc: 9 }, Buffer.alloc(SOUND_BYTES)))
  }

  #playFrame (n: number): void {
    const size = 0.7 + 0.6 * this.#chance()
    for (const layer of this.#picture.layers) {
      const keyframe = this.#keyframesDue.delete(layer)
      let sequenceNumber = this.#sequenceNumbers.get(layer) ?? 0
      let left = Math.round(layer.bitrate! * FRAME_MS / 8000 * size * (keyframe ? KEYFRAME_FACTOR : 1))
      for (let first = true; left > 0; first = false) {
        const payload = Buffer.alloc(Math.min(left, PACKET_BYTES))
        left -= payload.length
        payload[0] = first ? 0x10 : 0 // Start of a frame, in VP8's payload descriptor.
        if (payload.length > 1) payload[1] = keyframe ? 0 : 1
        layer.write(RtpPacket.build({ payloadType: 96, marker: left <= 0, sequenceNumber, timestamp: n * 3000 >>> 0, ssrc: layer.bitrate! }, payload))
        sequenceNumber = (sequenceNumber + 1) & 0xffff
      }
      this.#sequenceNumbers.set(layer, sequenceNumber)
    }
  }

  #crossTraffic (now: number): void {
    this.#crossOwed += (this.#link.cross?.(now) ?? 0) / 8000
    for (; this.#crossOwed >= PACKET_BYTES; this.#crossOwed -= PACKET_BYTES) this.#queue(PACKET_BYTES)
  }

  /** @returns when the packet has left the queue; undefined if there was no room for it */
  #queue (bytes: number): number | undefined {
    const now = this.#clock.now()
    const { capacity, queueMs = 400 } = this.#link
    const queued = Math.max(0, this.#linkFreeAt - now)
    if (queued > queueMs) return undefined
    return this.#linkFreeAt = now + queued + bytes * 8000 / capacity(now)
  }

  #carry (packet: RtpPacket): boolean {
    const isSound = packet.ssrc === AUDIO_SSRC
    const through = this.#queue(packet.bytes.length)
    const lost = through === undefined || this.#chance() < (this.#link.loss ?? 0)
    if (isSound) {
      this.#soundSent++
      if (lost) this.#soundLost++
      else this.#soundDelayMs = Math.max(this.#soundDelayMs, through - this.#clock.now())
    }
    if (lost) this.#lost++
    else this.#inFlight.push({ sentAt: this.#clock.now(), bytes: packet.bytes.length, at: through + TRANSIT_MS + this.#chance() * (this.#link.jitterMs ?? 0), number: packet.extension(NUMBER_ID)!.readUInt16BE(0) })
    return true
  }

  #note (): void {
    this.#downlink.steer(this.outlets)
    const { estimatedBitrate: estimate } = this.#downlink.link
    this.seconds.push({ layer: this.#picture.layers.indexOf(this.outlets[0]!.layer!), estimate, soundDelayMs: this.#soundDelayMs, soundLost: this.#soundLost, sound: this.#soundSent })
    this.#soundDelayMs = this.#soundLost = this.#soundSent = 0
  }
}
