import { isFirstSlice, isPicture, NalType, nalTypeOf } from '../h264.ts'
import { NalDepacketizer, NalPacketizer, type NalSyntax } from './nal.ts'
import type { StreamIds } from './rtp-writer.ts'

const STAP_A = 24
const FU_A = 28
const TYPE = 0x1f
const IMPORTANCE = 0x60

/** H.264 in RTP, packetization mode 1 (RFC 6184): STAP-A (section 5.7.1) and FU-A (section 5.8). */
const h264: NalSyntax = {
  headerBytes: 1,
  aggregate: STAP_A,
  fragment: FU_A,
  typeOf: nalTypeOf,
  travels: type => type > 0 && type < STAP_A, // Table 1.
  isParameterSet: type => type === NalType.sps || type === NalType.pps,
  isPicture,
  isFirstSlice,
  startsPicture (unit) {
    const type = nalTypeOf(unit)
    return type === NalType.idr || type === NalType.sps
  },
  printHeader (into, at, like, type) { into[at] = (like[0]! & ~TYPE) | (type & TYPE) },
  widenHeader (into, at, unit) { // Section 5.3: nal_ref_idc is the highest of those inside.
    into[at] = (into[at]! & ~IMPORTANCE) | Math.max(into[at]! & IMPORTANCE, unit[0]! & IMPORTANCE)
  }
}

export class H264Packetizer extends NalPacketizer { constructor (ids: StreamIds) { super(h264, ids) } }
export class H264Depacketizer extends NalDepacketizer { constructor () { super(h264) } }
