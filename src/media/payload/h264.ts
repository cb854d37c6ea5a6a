import { type Depacketizer, type Frame, MAX_PAYLOAD_BYTES, type RepeatablePacketizer } from '../frame.ts'
import { isFirstSlice, isPicture, NalType, nalTypeOf } from '../h264.ts'
import type { RtpPacket } from '../rtp-packet.ts'
import { HEADER_BYTES as DATA, RtpWriter, type StreamIds } from './rtp-writer.ts'

const STAP_A = 24
const FU_A = 28
const FU_HEADER_BYTES = 2
const MAX_UNITS_IN_FRAME = 1024
const MAX_FRAME_BYTES = 8 << 20

/**
 * H.264 in RTP, packetization mode 1 (RFC 6184): small units alone, neighbouring SPS and PPS together in a STAP-A (section
 * 5.7.1), large ones in FU-As (5.8). The marker stands on the last packet of the access unit.
 */
export class H264Packetizer implements RepeatablePacketizer {
  readonly #writer: RtpWriter

  constructor (ids: StreamIds) { this.#writer = new RtpWriter(ids) }

  get sequenceNumber (): number { return this.#writer.sequenceNumber }
  set sequenceNumber (next: number) { this.#writer.sequenceNumber = next }

  packetize ({ units, timestamp, compositionOffset }: Frame): RtpPacket[] {
    const packets: RtpPacket[] = []
    let last = units.length - 1
    while (last >= 0 && !travels(units[last]!)) last--
    for (let at = 0; at <= last;) {
      const unit = units[at]!
      if (!travels(unit)) { at++; continue }
      const together = parameterSetsFrom(units, at)
      const next = at + Math.max(together, 1)
      const marker = next > last
      if (together > 1) packets.push(this.#aggregate(units, at, next, timestamp, marker, compositionOffset))
      else if (unit.length <= MAX_PAYLOAD_BYTES) packets.push(this.#single(unit, timestamp, marker, compositionOffset))
      else this.#fragment(packets, unit, timestamp, marker, compositionOffset)
      at = next
    }
    return packets
  }

  skip ({ units }: Frame): { packets: number, bytes: number } {
    let packets = 0
    let bytes = 0
    for (let at = 0; at < units.length;) {
      const unit = units[at]!
      const together = Math.max(parameterSetsFrom(units, at), 1)
      if (together > 1) {
        packets++
        bytes += DATA + 1
        for (let set = at; set < at + together; set++) bytes += 2 + units[set]!.length
      } else if (travels(unit)) {
        const pieces = unit.length <= MAX_PAYLOAD_BYTES ? 1 : Math.ceil((unit.length - 1) / (MAX_PAYLOAD_BYTES - FU_HEADER_BYTES))
        packets += pieces
        bytes += pieces === 1 ? DATA + unit.length : pieces * (DATA + FU_HEADER_BYTES) + unit.length - 1
      }
      at += together
    }
    this.#writer.skip(packets)
    return { packets, bytes }
  }

  #single (unit: Buffer, timestamp: number, marker: boolean, compositionOffset: number): RtpPacket {
    const packet = this.#writer.packet(unit.length, timestamp, marker, compositionOffset)
    packet.bytes.set(unit, DATA)
    return packet
  }

  #aggregate (units: readonly Buffer[], from: number, to: number, timestamp: number, marker: boolean, compositionOffset: number): RtpPacket {
    let length = 1
    let importance = 0
    for (let at = from; at < to; at++) {
      length += 2 + units[at]!.length
      importance = Math.max(importance, units[at]![0]! & 0x60) // Section 5.3: nal_ref_idc is the highest of those inside.
    }
    const packet = this.#writer.packet(length, timestamp, marker, compositionOffset)
    packet.bytes[DATA] = importance | STAP_A
    let offset = DATA + 1
    for (let at = from; at < to; at++) {
      packet.bytes.writeUInt16BE(units[at]!.length, offset)
      packet.bytes.set(units[at]!, offset + 2)
      offset += 2 + units[at]!.length
    }
    return packet
  }

  #fragment (packets: RtpPacket[], unit: Buffer, timestamp: number, marker: boolean, compositionOffset: number): void {
    const room = MAX_PAYLOAD_BYTES - FU_HEADER_BYTES
    const indicator = (unit[0]! & 0xe0) | FU_A
    const type = unit[0]! & 0x1f
    for (let at = 1; at < unit.length; at += room) {
      const end = Math.min(at + room, unit.length)
      const isLast = end === unit.length
      const packet = this.#writer.packet(FU_HEADER_BYTES + end - at, timestamp, marker && isLast, compositionOffset)
      packet.bytes[DATA] = indicator
      packet.bytes[DATA + 1] = (at === 1 ? 0x80 : 0) | (isLast ? 0x40 : 0) | type
      unit.copy(packet.bytes, DATA + FU_HEADER_BYTES, at, end)
      packets.push(packet)
    }
  }
}

/** Types 0 and 24 to 31 mean something else in RTP than in H.264 (RFC 6184 table 1): such a unit would be misread. */
function travels (unit: Buffer): boolean {
  if (unit.length === 0) return false
  const type = nalTypeOf(unit)
  return type > 0 && type < STAP_A
}

/** How many parameter sets stand here in a row that fit one packet together. */
function parameterSetsFrom (units: readonly Buffer[], from: number): number {
  let length = 1
  let at = from
  for (; at < units.length; at++) {
    const unit = units[at]!
    const type = unit.length > 0 ? nalTypeOf(unit) : 0
    length += 2 + unit.length
    if ((type !== NalType.sps && type !== NalType.pps) || length > MAX_PAYLOAD_BYTES) break
  }
  return at - from
}

/**
 * The way back. An access unit ends with the marker, or where the timestamp changes; one that lacks a piece, for whatever
 * reason, is dropped whole.
 */
export class H264Depacketizer implements Depacketizer {
  #timestamp: number | undefined
  #compositionOffset = 0
  #units: Buffer[] = []
  #bytes = 0
  #fragments: Buffer[] | undefined
  #broken = false
  #afterLoss = true

  push (packet: RtpPacket): Frame[] {
    const frames: Frame[] = []
    const { timestamp } = packet
    if (timestamp !== this.#timestamp) {
      this.#finish(frames)
      this.#timestamp = timestamp
      this.#compositionOffset = packet.compositionOffset
    }
    if (!this.#broken && !this.#take(packet.payload)) this.#break()
    if (packet.marker) this.#finish(frames)
    return frames
  }

  reset (): void {
    if (this.#units.length > 0 || this.#fragments) this.#break()
    this.#afterLoss = true
  }

  /** @returns false when the access unit cannot be whole any more. */
  #take (payload: Buffer): boolean {
    if (payload.length === 0) return true // Padding only.
    const type = payload[0]! & 0x1f
    if (type === FU_A) return this.#takeFragment(payload)
    if (this.#fragments) return false // A fragmented unit whose end never came.
    if (type === STAP_A) return this.#takeAggregate(payload)
    return type === 0 || type > STAP_A || this.#add(payload) // Types of other packetization modes are not ours to read.
  }

  #takeFragment (payload: Buffer): boolean {
    if (payload.length <= FU_HEADER_BYTES) return false
    const header = payload[1]!
    const starts = (header & 0x80) !== 0
    if (starts === (this.#fragments !== undefined)) return false // A start within a unit, or a middle without a start.
    this.#fragments ??= [Buffer.from([(payload[0]! & 0xe0) | (header & 0x1f)])]
    this.#fragments.push(payload.subarray(FU_HEADER_BYTES))
    this.#bytes += payload.length
    if (this.#bytes > MAX_FRAME_BYTES) return false
    if ((header & 0x40) === 0) return true
    const unit = Buffer.concat(this.#fragments)
    this.#fragments = undefined
    return this.#add(unit)
  }

  #takeAggregate (payload: Buffer): boolean {
    for (let at = 1; at < payload.length;) {
      if (payload.length - at < 3) return false
      const length = payload.readUInt16BE(at)
      at += 2
      if (length === 0 || length > payload.length - at || !this.#add(payload.subarray(at, at + length))) return false
      at += length
    }
    return true
  }

  #add (unit: Buffer): boolean {
    // After a loss the first picture units may be among the lost: this one is only whole if it starts its picture.
    if (this.#afterLoss && isPicture(unit)) {
      if (!isFirstSlice(unit)) return false
      this.#afterLoss = false
    }
    this.#units.push(unit)
    this.#bytes += unit.length
    return this.#units.length <= MAX_UNITS_IN_FRAME && this.#bytes <= MAX_FRAME_BYTES
  }

  #finish (frames: Frame[]): void {
    if (this.#fragments) this.#break()
    const units = this.#units
    if (units.length > 0 && this.#timestamp !== undefined) {
      frames.push({ units, timestamp: this.#timestamp, compositionOffset: this.#compositionOffset, keyframe: units.some(startsPicture) })
    }
    this.#units = []
    this.#bytes = 0
    this.#broken = false
    this.#timestamp = undefined
  }

  #break (): void {
    this.#units = []
    this.#fragments = undefined
    this.#bytes = 0
    this.#broken = true
  }
}

/** As `startsKeyframe` sees it: an IDR, or an SPS, which stands where decoding may begin. */
const startsPicture = (unit: Buffer): boolean => { const type = nalTypeOf(unit); return type === NalType.idr || type === NalType.sps }
