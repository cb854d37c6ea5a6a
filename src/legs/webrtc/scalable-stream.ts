import type { CodecName } from '../../media/codec.ts'
import { type RtpPacket, sequenceDistance } from '../../media/rtp-packet.ts'
import { isPart, type LayerReader, type OperatingPoint, operatingPoints, partOf, type Place, type Scalability } from '../../media/scalability.ts'
import type { Track } from '../../room/track.ts'
import type { PublishedLayers } from './layers.ts'

/** An operating point, how much came of it, and of that how much in the layer that no lower one has. */
type Part = { readonly point: OperatingPoint, readonly track: Track, bytes: number, ownBytes: number }

/**
 * A stream that may hold several qualities in one (SVC): each becomes a layer of its track, as if the publisher had sent them apart.
 * Only those are made that somebody takes.
 */
export class ScalableStream {
  readonly #layers: PublishedLayers
  readonly #codec: CodecName
  readonly #reader: LayerReader
  #known: Scalability
  /** Lowest first; empty as long as there is one layer. */
  #parts: Part[] = []
  /** The highest sequence number so far. */
  #newest: number | undefined
  #kept: { readonly packet: RtpPacket, readonly place: Place } | undefined

  constructor (layers: PublishedLayers, codec: CodecName, reader: LayerReader) {
    this.#layers = layers
    this.#codec = codec
    this.#reader = reader
    this.#known = reader.scalability
  }

  get scalability (): Scalability { return this.#reader.scalability }

  /** Whether it holds several qualities: `write` takes them apart. Else its packets go as they are. */
  get isDivided (): boolean { return this.#parts.length > 0 }

  /** Reads what a packet says of layers, which may change what the stream holds. */
  read (packet: RtpPacket, best: Track): Place | undefined {
    const place = this.#reader.read(packet)
    if (this.#reader.scalability !== this.#known) this.#split(best)
    return place
  }

  /**
   * Encoders that leave out a layer of a picture forget to mark the end of what is left, and receivers wait for it. So the end of a
   * lower layer is kept until the next packet says whether the picture goes on: it comes at once if it does.
   * @param place what `read` returned for it @param best the track of the stream
   */
  write (packet: RtpPacket, place: Place | undefined, best: Track): void {
    best.nested = this.#reader.nested
    this.#passKept(packet, best)
    if (place && this.#isNewest(packet) && this.#mayBeLast(packet, place)) this.#kept = { packet, place }
    else this.#pass(packet, place, best)
  }

  /** Not one that was lost, and comes again. */
  #isNewest ({ sequenceNumber }: RtpPacket): boolean {
    const newest = this.#newest === undefined || sequenceDistance(sequenceNumber, this.#newest) > 0
    if (newest) this.#newest = sequenceNumber
    return newest
  }

  #mayBeLast ({ marker }: RtpPacket, { endsFrame, spatialId, neededUpTo }: Place): boolean {
    return endsFrame && !marker && neededUpTo > spatialId && this.#known.spatialLayers > 1
  }

  #passKept (next: RtpPacket, best: Track): void {
    if (!this.#kept) return
    const { packet, place } = this.#kept
    this.#kept = undefined
    const isLast = next.timestamp !== packet.timestamp && sequenceDistance(next.sequenceNumber, packet.sequenceNumber) === 1
    this.#pass(isLast ? packet.rewrite({ marker: true }) : packet, place, best)
  }

  #pass (packet: RtpPacket, place: Place | undefined, best: Track): void {
    if (place) this.#count(packet, place)
    for (const { point, track } of this.#parts) {
      if (track === best || track.subscribers > 0) track.write(partOf(packet, place, point))
    }
  }

  #split (best: Track): void {
    this.#known = this.#reader.scalability
    const points = operatingPoints(this.#known)
    if (points.map(({ name }) => name).join() === this.#parts.map(({ point }) => point.name).join()) return
    const tracks = this.#layers.split(points.map(({ name }) => name))
    this.#parts = points.map((point, index) => ({ point, track: tracks[index]!, bytes: 0, ownBytes: 0 }))
    for (const [index, track] of tracks.entries()) {
      track.timeReference = best.timeReference
      // A picture of several frames: without descriptors, receivers take the last of them for all of it.
      track.needsDescriptors = this.#codec === 'AV1' && points[index]!.spatialId > 0
      if (track !== best) track.onKeyframeWanted = () => best.onKeyframeWanted()
    }
  }

  #count ({ bytes }: RtpPacket, place: Place): void {
    let isLowest = true
    for (const part of this.#parts) {
      if (!isPart(place, part.point)) continue
      part.bytes += bytes.length
      if (isLowest) part.ownBytes += bytes.length
      isLowest = false
    }
  }

  /** Tells each track how much came of it in so many milliseconds. A layer of which nothing came has stopped, whatever the lower ones do. */
  measure (ms: number): void {
    for (const part of this.#parts) {
      part.track.bitrate = part.ownBytes === 0 ? 0 : Math.round(part.bytes * 8000 / ms)
      part.bytes = part.ownBytes = 0
    }
  }
}
