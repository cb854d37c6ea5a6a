import { isFirstSliceSegment, isIrap, isParameterSet, isPicture, nalTypeOf } from '../h265.ts'
import { NalDepacketizer, NalPacketizer, type NalSyntax } from './nal.ts'
import type { StreamIds } from './rtp-writer.ts'

const AP = 48
const FU = 49
/** Forbidden bit and the highest bit of the layer id, around the type. */
const AROUND_TYPE = 0x81

/** H.265 in RTP (RFC 7798): AP (section 4.4.2) and FU (section 4.4.3), in decoding order, so that nothing carries a DON. */
const h265: NalSyntax = {
  headerBytes: 2,
  aggregate: AP,
  fragment: FU,
  typeOf: nalTypeOf,
  travels: type => type < AP,
  isParameterSet,
  isPicture: unit => isPicture(nalTypeOf(unit)),
  isFirstSlice: isFirstSliceSegment,
  startsPicture: unit => isIrap(nalTypeOf(unit)),
  printHeader (into, at, like, type) {
    into[at] = (like[0]! & AROUND_TYPE) | type << 1
    into[at + 1] = like[1]!
  },
  widenHeader (into, at, unit) { // Section 4.4.2: the lowest layer and the lowest temporal id of those inside.
    const lowest = Math.min(into[at + 1]! & 7, unit[1]! & 7)
    const layer = Math.min(layerOf(into, at), layerOf(unit, 0))
    into[at] = (into[at]! & 0xfe) | layer >> 5
    into[at + 1] = (layer & 0x1f) << 3 | lowest
  }
}

const layerOf = (unit: Buffer, at: number): number => (unit[at]! & 1) << 5 | unit[at + 1]! >> 3

export class H265Packetizer extends NalPacketizer { constructor (ids: StreamIds) { super(h265, ids) } }
export class H265Depacketizer extends NalDepacketizer { constructor () { super(h265) } }
