import { AppError } from '../lib/errors.ts'
import { newId } from '../lib/ids.ts'
import type { Codec } from '../media/codec.ts'
import type { RtpPacket } from '../media/rtp-packet.ts'
import type { TimeReference } from '../media/time-reference.ts'

/** Takes the packets of one track. write() may not wait; a sink that is slow queues or drops on its own side. */
export interface PacketSink {
  write (packet: RtpPacket): void
  /** Called once if write() threw; the subscription is already gone. */
  fail (error: unknown): void
}

/** The packets a newcomer begins with, oldest first: video from a keyframe on, or none; sound of the last seconds. */
export interface Backlog { packets (): RtpPacket[] }

/** Starts turning `from` into `to`; disposing stops it. Throws AppError `transcoding_unavailable` where nothing can. */
export type Transcode = (from: Track, to: Track) => Disposable

/** One encoded stream of one participant, and its fan-out. */
export class Track {
  readonly id: string
  readonly codec: Codec
  /** The track this one is a transcoded twin of. */
  readonly twinOf: Track | undefined
  /** Set by the publisher: a subscriber needs a picture it can start from. */
  onKeyframeWanted: () => void = () => {}
  /** Set by the publisher: the first subscriber came (true) or the last one left (false). */
  onDemand: (wanted: boolean) => void = () => {}
  /** Set by the publisher as soon as it is known, and kept up to date; the same wall clock for all of a participant's tracks. */
  timeReference: TimeReference | undefined
  /** Set by a publisher that cannot be asked for a keyframe: what a newcomer begins with. */
  backlog: Backlog | undefined
  /** Set by a publisher that sends this picture in several qualities (simulcast): those that came so far, lowest first. */
  layers: readonly Track[] = []
  /** Whether its layers are parts of one stream (SVC), and number packets as that does. */
  scalable = false
  /** Whether each of its layers has all packets of the lower ones: whoever has one can go on with a lower one at any picture. */
  nested = false
  /** Of a layer: whether only a receiver that reads its packets' dependency descriptors can put its pictures together. */
  needsDescriptors = false
  /** Of a layer: the publisher's name for it (RFC 8852). */
  rid: string | undefined
  /** bit/s lately, where the publisher measures it. */
  bitrate: number | undefined
  /** How loud the packet written last is, in -dBov (RFC 6464): 127 is silence. Undefined where the publisher does not say. */
  audioLevel: number | undefined
  /** Told of each packet's level, by whoever follows who speaks. */
  onAudioLevel: ((level: number, now: number) => void) | undefined
  /** Plain counters, read at scrape time. */
  packets = 0
  bytes = 0
  #sinks: readonly PacketSink[] = []
  readonly #twins = new Map<string, Track>()

  constructor (codec: Codec, id: string = newId('track'), twinOf?: Track) {
    this.id = id
    this.codec = codec
    this.twinOf = twinOf
  }

  get subscribers (): number { return this.#sinks.length }

  write (packet: RtpPacket): void { this.writeAll([packet]) }

  /**
   * Packets that came together, in their order. Each sink gets all of them before the next one gets any: what it keeps of itself is
   * then still in the processor's cache, and what goes to one receiver leaves in one burst.
   */
  writeAll (packets: readonly RtpPacket[]): void {
    this.packets += packets.length
    for (const { bytes } of packets) this.bytes += bytes.length
    for (const sink of this.#sinks) {
      try {
        for (const packet of packets) {
          if (packet !== packets[0] && !this.#sinks.includes(sink)) break // It has had enough with one of them.
          sink.write(packet)
        }
      } catch (error) {
        this.#remove(sink) // One broken reader must not cost the others a packet.
        sink.fail(error)
      }
    }
  }

  /** The publisher says how loud the packet is that it writes next. @param now milliseconds */
  hear (level: number, now: number): void {
    this.audioLevel = level
    this.onAudioLevel?.(level, now)
  }

  /**
   * From now on the sink gets every packet. A video publisher is asked for a keyframe, unless it keeps a backlog: read
   * `track.backlog.packets()` right before or after subscribing, in the same tick, and nothing is missing or doubled.
   * @param begins whether the sink knows nothing yet, and needs a keyframe
   */
  subscribe (sink: PacketSink, begins = true): Disposable {
    this.#sinks = [...this.#sinks, sink] // A new array, so that write() may be walking the old one.
    if (this.#sinks.length === 1) this.#demandOrUndo(sink)
    if (begins && this.codec.kind === 'video' && !this.backlog) this.onKeyframeWanted()
    return { [Symbol.dispose]: () => this.#remove(sink) }
  }

  /** This track if its codec is accepted, else its transcoded twin, shared by everyone who asks for that codec. */
  as (accepts: readonly Codec[], transcode: Transcode): Track {
    if (accepts.some(codec => codec.name === this.codec.name)) return this
    const codec = accepts.find(c => c.kind === this.codec.kind)
    if (!codec) throw new AppError('no_common_codec', `no ${this.codec.kind} codec among those accepted`)
    return this.#twins.get(codec.name) ?? this.#twin(codec, transcode)
  }

  #twin (codec: Codec, transcode: Transcode): Track {
    const twin = new Track(codec, `${this.id}/${codec.name}`, this)
    twin.onKeyframeWanted = () => this.onKeyframeWanted()
    let running: Disposable | undefined
    twin.onDemand = wanted => {
      if (wanted) running = transcode(this, twin)
      else {
        running?.[Symbol.dispose]()
        running = undefined
      }
    }
    this.#twins.set(codec.name, twin)
    return twin
  }

  /** A publisher (or transcoder) that cannot start makes the subscription fail, and leaves no half of it behind. */
  #demandOrUndo (sink: PacketSink): void {
    try {
      this.onDemand(true)
    } catch (error) {
      this.#sinks = this.#sinks.filter(s => s !== sink)
      throw error
    }
  }

  #remove (sink: PacketSink): void {
    const left = this.#sinks.filter(s => s !== sink)
    if (left.length === this.#sinks.length) return
    this.#sinks = left
    if (left.length === 0) this.onDemand(false)
  }
}
