import { ProtocolError } from '../lib/errors.ts'
import { BitReader } from './bit-reader.ts'
import { sequenceDistance } from './rtp-packet.ts'

/** What a frame is to a decode target (AV1 RTP specification, section A.8.3.3 and table A.1), as two bits say it. */
export const indications = ['absent', 'discardable', 'switch', 'required'] as const
export type Indication = typeof indications[number]

export type LayerIds = { readonly spatialId: number, readonly temporalId: number }
type Template = LayerIds & { readonly targets: readonly Indication[] }

/** What the descriptors of a coded video sequence refer to; comes with its first frame. */
export type DependencyStructure = {
  /** The id of the first template. */
  readonly offset: number
  readonly templates: readonly Template[]
  /** Of each decode target the highest layers in it. */
  readonly decodeTargets: readonly LayerIds[]
  readonly chains: number
  /** Pixels, lowest spatial layer first; empty where they are not said. */
  readonly sizes: readonly { readonly width: number, readonly height: number }[]
}

/** One packet's descriptor. A frame is one spatial layer of a picture. */
export type DependencyDescriptor = LayerIds & {
  readonly startsFrame: boolean
  readonly endsFrame: boolean
  /** Counts frames, 16 bits. */
  readonly frameNumber: number
  /** What the frame is to each decode target. */
  readonly targets: readonly Indication[]
  /** Of the decode targets that the sender still feeds, lowest bit first; undefined where that has not changed. */
  readonly activeTargets: number | undefined
  /** The structure that came with this packet. */
  readonly attached: DependencyStructure | undefined
}

const MANDATORY_BYTES = 3
/** Where the 16 bits stand that number the frame. */
export const FRAME_NUMBER_AT = 1
const TEMPLATE_IDS = 64
const NEXT_TEMPORAL = 1
const NEXT_SPATIAL = 2
const LAST_TEMPLATE = 3
const MAX_TEMPORAL_ID = 7
const MAX_SPATIAL_ID = 3

/** Whether it can be passed on at all: the fields that every descriptor has are there. */
export const isDescriptor = (bytes: Buffer | undefined): bytes is Buffer => bytes !== undefined && bytes.length >= MANDATORY_BYTES

/**
 * Reads the dependency descriptor, a header extension (AV1 RTP specification, appendix A).
 * @param known the structure that came last
 * @throws ProtocolError for one that ends too early, or belongs to another structure than the one known
 */
export function parseDependencyDescriptor (bytes: Buffer, known: DependencyStructure | undefined): DependencyDescriptor {
  const reader = new BitReader(bytes)
  const [startsFrame, endsFrame] = [reader.flag(), reader.flag()]
  const templateId = reader.bits(6)
  const frameNumber = reader.bits(16)
  const extended = bytes.length > MANDATORY_BYTES
  const [hasStructure, hasActiveTargets, hasTargets] = extended ? [reader.flag(), reader.flag(), reader.flag()] : [false, false, false]
  if (extended) reader.skip(2) // Whether it has references and chains of its own: the last fields, read by nobody here.
  const attached = hasStructure ? structureIn(reader) : undefined
  const structure = attached ?? known
  if (!structure) throw new ProtocolError('a dependency descriptor came before its structure')
  const activeTargets = hasActiveTargets ? reader.bits(structure.decodeTargets.length) : undefined
  const template = structure.templates[(templateId + TEMPLATE_IDS - structure.offset) % TEMPLATE_IDS]
  if (!template) throw new ProtocolError(`there is no template ${templateId}`)
  const targets = hasTargets ? indicationsIn(reader, structure.decodeTargets.length) : template.targets
  return { startsFrame, endsFrame, frameNumber, spatialId: template.spatialId, temporalId: template.temporalId, targets, activeTargets, attached }
}

function structureIn (reader: BitReader): DependencyStructure {
  const offset = reader.bits(6)
  const targets = reader.bits(5) + 1
  const layers = templateLayersIn(reader)
  const templates = layers.map((ids): Template => ({ ...ids, targets: indicationsIn(reader, targets) }))
  for (const _template of templates) while (reader.flag()) reader.skip(4) // The frames it refers to.
  const chains = nonSymmetric(reader, targets + 1)
  if (chains > 0) {
    for (let target = 0; target < targets; target++) nonSymmetric(reader, chains) // The chain that protects it.
    reader.skip(4 * chains * templates.length)
  }
  const spatialLayers = layers.at(-1)!.spatialId + 1
  const sizes = reader.flag() ? Array.from({ length: spatialLayers }, () => ({ width: reader.bits(16) + 1, height: reader.bits(16) + 1 })) : []
  return { offset, templates, decodeTargets: Array.from({ length: targets }, (_, target) => highestIn(templates, target)), chains, sizes }
}

/** Two bits after each template say how the next one's layers differ. */
function templateLayersIn (reader: BitReader): LayerIds[] {
  const layers: LayerIds[] = []
  let [spatialId, temporalId] = [0, 0]
  for (;;) {
    layers.push({ spatialId, temporalId })
    if (layers.length > TEMPLATE_IDS) throw new ProtocolError('a dependency structure has too many templates')
    const next = reader.bits(2)
    if (next === LAST_TEMPLATE) return layers
    if (next === NEXT_TEMPORAL) temporalId++
    if (next === NEXT_SPATIAL) [spatialId, temporalId] = [spatialId + 1, 0]
    if (temporalId > MAX_TEMPORAL_ID || spatialId > MAX_SPATIAL_ID) throw new ProtocolError('a dependency structure has too many layers')
  }
}

const indicationsIn = (reader: BitReader, targets: number): Indication[] => Array.from({ length: targets }, () => indications[reader.bits(2)]!)

/** The layers of a decode target are those of the frames that are in it (section A.8.3.4). */
function highestIn (templates: readonly Template[], target: number): LayerIds {
  const present = templates.filter(({ targets }) => targets[target] !== 'absent')
  return { spatialId: Math.max(0, ...present.map(({ spatialId }) => spatialId)), temporalId: Math.max(0, ...present.map(({ temporalId }) => temporalId)) }
}

/** ns(n): a number below `values`, in as few bits as there can be (AV1 specification, section 4.10.7). */
function nonSymmetric (reader: BitReader, values: number): number {
  const width = Math.floor(Math.log2(values)) + 1
  const short = 2 ** width - values
  const value = reader.bits(width - 1)
  return value < short ? value : value * 2 - short + reader.bits(1)
}

/**
 * Numbers the frames of one source after another as one stream: a receiver takes a frame with a lower number for an old one. What
 * the descriptors say of other frames is relative, and stays true.
 */
export class FrameNumbers {
  #source: number | undefined
  #offset = 0
  #highest = 0xffff

  /** @param descriptor of a packet to be sent @param source changes with the source @returns its frame's number in the stream */
  next (descriptor: Buffer, source: number): number {
    const frameNumber = descriptor.readUInt16BE(FRAME_NUMBER_AT)
    if (source !== this.#source) this.#offset = this.#highest + 1 - frameNumber
    this.#source = source
    const outgoing = (frameNumber + this.#offset) & 0xffff
    if (sequenceDistance(outgoing, this.#highest) > 0) this.#highest = outgoing
    return outgoing
  }
}
