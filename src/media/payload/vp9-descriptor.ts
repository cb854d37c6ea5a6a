import { ProtocolError } from '../../lib/errors.ts'

/** What is said of the stream as a whole (RFC 9628 section 4.2.1): with key pictures, and when it changes. */
export type Vp9Structure = {
  readonly spatialLayers: number
  /** Pixels, lowest layer first; empty where they are not said. */
  readonly sizes: readonly { readonly width: number, readonly height: number }[]
  /** Highest temporal id in a group of pictures; undefined where no group is described. */
  readonly highestTemporalId: number | undefined
}

/** The payload descriptor that stands before the VP9 data of each packet (RFC 9628 section 4.2). A frame is one spatial layer of a picture. */
export type Vp9Descriptor = {
  /** 7 or 15 bits; the same for all layers of a picture. */
  readonly pictureId: number | undefined
  /** P: predicted from an earlier picture. */
  readonly interPicture: boolean
  /** B, E: the packet begins, or ends, a frame. */
  readonly startsFrame: boolean
  readonly endsFrame: boolean
  readonly temporalId: number
  readonly spatialId: number
  /** U: from here on, frames of higher temporal layers can be decoded as well. */
  readonly switchesUp: boolean
  /** D: predicted from the next lower spatial layer of the same picture. */
  readonly interLayer: boolean
  readonly structure: Vp9Structure | undefined
  /** Bytes. */
  readonly length: number
}

const [I, P, L, F, B, E, V] = [0x80, 0x40, 0x20, 0x10, 0x08, 0x04, 0x02] as const
/** Bit that makes a picture id longer, and the one that says that another reference follows. */
const LONG_PICTURE_ID = 0x80
const MORE_REFERENCES = 0x01
const MAX_REFERENCES = 3

/** @throws ProtocolError for one that ends too early, or refers to more than RFC 9628 allows. */
export function parseVp9Descriptor (payload: Buffer): Vp9Descriptor {
  const reader = new Bytes(payload)
  const flags = reader.next()
  const pictureId = (flags & I) === 0 ? undefined : pictureIdIn(reader)
  const layers = (flags & L) === 0 ? 0 : reader.next()
  if ((flags & L) !== 0 && (flags & F) === 0) reader.next() // TL0PICIDX.
  if ((flags & F) !== 0 && (flags & P) !== 0) skipReferences(reader)
  const structure = (flags & V) === 0 ? undefined : structureIn(reader)
  return {
    pictureId,
    interPicture: (flags & P) !== 0,
    startsFrame: (flags & B) !== 0,
    endsFrame: (flags & E) !== 0,
    temporalId: layers >> 5,
    switchesUp: (layers & 0x10) !== 0,
    spatialId: layers >> 1 & 7,
    interLayer: (layers & 1) !== 0,
    structure,
    length: reader.at
  }
}

/** Whether a decoder that knows nothing can begin here: with the lowest layer of a picture that is predicted from no other one. */
export function startsVp9KeyPicture (payload: Buffer): boolean {
  const flags = payload[0] ?? P
  if ((flags & (P | B)) !== B) return false
  if ((flags & L) === 0) return true
  let at = 1
  if ((flags & I) !== 0) at += ((payload[at] ?? 0) & LONG_PICTURE_ID) === 0 ? 1 : 2
  return ((payload[at] ?? 0xff) & 0x0f) === 0 // Neither a higher spatial layer nor predicted from one.
}

function pictureIdIn (reader: Bytes): number {
  const first = reader.next()
  return (first & LONG_PICTURE_ID) === 0 ? first : (first & 0x7f) << 8 | reader.next()
}

function skipReferences (reader: Bytes): void {
  for (let references = 1; (reader.next() & MORE_REFERENCES) !== 0; references++) {
    if (references === MAX_REFERENCES) throw new ProtocolError('a VP9 picture refers to more than three others', reader.at)
  }
}

function structureIn (reader: Bytes): Vp9Structure {
  const flags = reader.next()
  const spatialLayers = (flags >> 5) + 1
  const sizes = (flags & 0x10) === 0 ? [] : Array.from({ length: spatialLayers }, () => ({ width: reader.next16(), height: reader.next16() }))
  return { spatialLayers, sizes, highestTemporalId: (flags & 0x08) === 0 ? undefined : highestTemporalIdIn(reader) }
}

/** Of a group of pictures: a byte for each, and a byte for each of up to three references. */
function highestTemporalIdIn (reader: Bytes): number {
  let highest = 0
  for (let left = reader.next(); left > 0; left--) {
    const picture = reader.next()
    highest = Math.max(highest, picture >> 5)
    for (let references = picture >> 2 & 3; references > 0; references--) reader.next()
  }
  return highest
}

class Bytes {
  at = 0
  readonly #bytes: Buffer

  constructor (bytes: Buffer) { this.#bytes = bytes }

  next (): number {
    if (this.at >= this.#bytes.length) throw new ProtocolError('a VP9 payload ends inside its descriptor', this.at)
    return this.#bytes[this.at++]!
  }

  next16 (): number { return this.next() << 8 | this.next() }
}
