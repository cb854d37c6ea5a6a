import { ProtocolError } from '../lib/errors.ts'
import type { CodecName } from './codec.ts'
import { type DependencyStructure, type LayerIds, parseDependencyDescriptor } from './dependency-descriptor.ts'
import { parseVp9Descriptor } from './payload/vp9-descriptor.ts'
import { RtpPacket } from './rtp-packet.ts'

export type Size = { readonly width: number, readonly height: number }

/** The layers that one stream is made of (W3C “Scalable Video Coding”): more than one of a kind, and parts of it can be shown alone. */
export type Scalability = {
  readonly spatialLayers: number
  readonly temporalLayers: number
  /** Pixels, lowest spatial layer first; as far as they are said. */
  readonly sizes: readonly Size[]
}

/** Where a packet is among the layers. A frame is one spatial layer of a picture. */
export type Place = LayerIds & {
  readonly endsFrame: boolean
  /** The highest spatial layer that needs it, its own or one that is predicted from it. */
  readonly neededUpTo: number
}

/** A part of a stream that can be decoded alone: these layers, and what they need of the lower ones. */
export type OperatingPoint = LayerIds & {
  /** `s0`, `s1`, … by size; by frame rate, where there is one size, `t0`, `t1`, … */
  readonly name: string
}

const ALL_TEMPORAL = 7
const MAX_SPATIAL_ID = 7
const none: Scalability = { spatialLayers: 1, temporalLayers: 1, sizes: [] }

/**
 * What there is to choose from, lowest first; nothing where there is one layer. Sizes differ more than frame rates do, and cost
 * nothing that moves: only pictures that have one size are thinned out.
 */
export function operatingPoints ({ spatialLayers, temporalLayers }: Scalability): OperatingPoint[] {
  if (spatialLayers > 1) return Array.from({ length: spatialLayers }, (_, spatialId) => ({ name: `s${spatialId}`, spatialId, temporalId: ALL_TEMPORAL }))
  if (temporalLayers > 1) return Array.from({ length: temporalLayers }, (_, temporalId) => ({ name: `t${temporalId}`, spatialId: 0, temporalId }))
  return []
}

/** Whether a packet belongs to an operating point. */
export const isPart = ({ spatialId, temporalId, neededUpTo }: Place, point: OperatingPoint): boolean =>
  spatialId <= point.spatialId && point.spatialId <= neededUpTo && temporalId <= point.temporalId

/**
 * What an operating point has in place of a packet of the stream: the packet, or an empty one with its number, which leaves no gap
 * (`Rewriter`). The last packet it has of a picture is marked (RFC 9628 section 4.1). A packet nobody could place is of no use.
 */
export function partOf (packet: RtpPacket, place: Place | undefined, point: OperatingPoint): RtpPacket {
  if (!place || !isPart(place, point)) return emptied(packet)
  const endsPicture = place.endsFrame && place.spatialId === point.spatialId
  return endsPicture && !packet.marker ? packet.rewrite({ marker: true }) : packet
}

const nothing = Buffer.alloc(0)
const emptied = ({ payloadType, sequenceNumber, timestamp, ssrc }: RtpPacket): RtpPacket =>
  RtpPacket.build({ payloadType, marker: false, sequenceNumber, timestamp, ssrc }, nothing)

/** Finds out what layers a stream has, packet by packet. Layers that stop are still layers: they may come again. */
export abstract class LayerReader {
  scalability: Scalability = none
  /** Whether layers always need all lower ones. If not, they do in key pictures only (`L3T3_KEY`), or never (`S3T3`). */
  nested = true

  /** @returns undefined for a packet that cannot be placed: malformed, or come before what explains it */
  abstract read (packet: RtpPacket): Place | undefined

  protected grow (spatialLayers: number, temporalLayers: number, sizes: readonly Size[] = []): void {
    const known = this.scalability
    const grows = spatialLayers > known.spatialLayers || temporalLayers > known.temporalLayers
    if (!grows && sizes.every(({ width, height }, id) => width === known.sizes[id]?.width && height === known.sizes[id].height)) return
    this.scalability = {
      spatialLayers: Math.max(spatialLayers, known.spatialLayers),
      temporalLayers: Math.max(temporalLayers, known.temporalLayers),
      sizes: [...sizes, ...known.sizes.slice(sizes.length)]
    }
  }
}

/** Which codecs say in each packet what layer it is of. */
export function layerReaderFor (codec: CodecName): LayerReader | undefined {
  if (codec === 'VP9') return new Vp9LayerReader()
  return codec === 'AV1' ? new Av1LayerReader() : undefined
}

class Vp9LayerReader extends LayerReader {
  /** Whether the pictures between key pictures were seen to be predicted within their layers alone. */
  #apart = false
  /** As the last key picture says: a layer above it, if there ever was one, has stopped. */
  #highestLayer = 0

  read ({ payload }: RtpPacket): Place | undefined {
    const descriptor = attempt(() => parseVp9Descriptor(payload))
    if (!descriptor) return undefined
    const { spatialId, temporalId, interPicture, interLayer, endsFrame, structure } = descriptor
    if (structure) {
      this.grow(structure.spatialLayers, (structure.highestTemporalId ?? 0) + 1, structure.sizes)
      this.#highestLayer = structure.spatialLayers - 1
    }
    this.grow(spatialId + 1, temporalId + 1)
    if (spatialId > 0 && interPicture) [this.nested, this.#apart] = [interLayer, !interLayer]
    return { spatialId, temporalId, endsFrame, neededUpTo: this.#apart && interPicture && spatialId < this.#highestLayer ? spatialId : MAX_SPATIAL_ID }
  }
}

/** AV1 says it in a header extension, if at all. */
class Av1LayerReader extends LayerReader {
  #structure: DependencyStructure | undefined
  /** The highest spatial layer that is sent. */
  #highestLayer = 0

  read ({ descriptor: bytes }: RtpPacket): Place | undefined {
    const descriptor = bytes && attempt(() => parseDependencyDescriptor(bytes, this.#structure))
    if (!descriptor) return undefined
    if (descriptor.attached) this.#begin(descriptor.attached)
    const { spatialId, temporalId, endsFrame, targets, activeTargets } = descriptor
    if (activeTargets !== undefined) this.#highestLayer = this.#highestOf(target => (activeTargets >>> target & 1) === 1)
    const neededUpTo = spatialId < this.#highestLayer ? this.#highestOf(target => targets[target] !== 'absent') : MAX_SPATIAL_ID
    return { spatialId, temporalId, endsFrame, neededUpTo: Math.max(spatialId, neededUpTo) }
  }

  /** The highest spatial layer in any of the decode targets. */
  #highestOf (isMeant: (target: number) => boolean): number {
    return Math.max(0, ...this.#structure!.decodeTargets.map(({ spatialId }, target) => isMeant(target) ? spatialId : 0))
  }

  #begin (structure: DependencyStructure): void {
    this.#structure = structure
    this.nested = structure.decodeTargets.every((target, index) => structure.templates.every(template =>
      template.spatialId > target.spatialId || template.temporalId > target.temporalId || template.targets[index] !== 'absent'))
    const highest = (of: (ids: LayerIds) => number): number => Math.max(...structure.templates.map(of))
    this.#highestLayer = highest(({ spatialId }) => spatialId)
    this.grow(this.#highestLayer + 1, highest(({ temporalId }) => temporalId) + 1, structure.sizes)
  }
}

function attempt<Read> (read: () => Read): Read | undefined {
  try {
    return read()
  } catch (error) {
    if (error instanceof ProtocolError) return undefined
    throw error
  }
}
