import { type Depacketizer, type Frame, MAX_PAYLOAD_BYTES, type RepeatablePacketizer } from '../frame.ts'
import type { RtpPacket } from '../rtp-packet.ts'
import { HEADER_BYTES as DATA, RtpWriter, type StreamIds } from './rtp-writer.ts'

const MAX_UNITS_IN_FRAME = 1024
const MAX_FRAME_BYTES = 8 << 20

/** In what the RTP payloads of two codecs made of NAL units differ: H.264 (RFC 6184) and H.265 (RFC 7798). */
export type NalSyntax = {
  /** Of a unit; aggregates and fragments begin with as many. */
  readonly headerBytes: 1 | 2
  /** Types that a payload has instead of a unit's: several small units, each with its length before it; a piece of a large one. */
  readonly aggregate: number
  readonly fragment: number
  typeOf (unit: Buffer): number
  /** Whether units of this type mean in RTP what they mean outside: others would be misread. */
  travels (type: number): boolean
  isParameterSet (type: number): boolean
  /** Decoded into pixels; and the first such of its picture. */
  isPicture (unit: Buffer): boolean
  isFirstSlice (unit: Buffer): boolean
  /** Decoding may begin with the access unit that has it. */
  startsPicture (unit: Buffer): boolean
  /** Writes a unit's header with its type replaced. */
  printHeader (into: Buffer, at: number, like: Buffer, type: number): void
  /** Makes the aggregate's header, printed for its first unit, fit another one. */
  widenHeader (into: Buffer, at: number, unit: Buffer): void
}

/** Before the data of a fragment, behind its header: start bit, end bit, type of the unit. */
const FRAGMENT_START = 0x80
const FRAGMENT_END = 0x40
const FRAGMENT_TYPE = 0x3f
const LENGTH_BYTES = 2

/**
 * NAL units in RTP: small ones alone, neighbouring parameter sets together in an aggregate, large ones in fragments. The marker
 * stands on the last packet of the access unit.
 */
export class NalPacketizer implements RepeatablePacketizer {
  readonly #syntax: NalSyntax
  readonly #writer: RtpWriter

  constructor (syntax: NalSyntax, ids: StreamIds) {
    this.#syntax = syntax
    this.#writer = new RtpWriter(ids)
  }

  get sequenceNumber (): number { return this.#writer.sequenceNumber }
  set sequenceNumber (next: number) { this.#writer.sequenceNumber = next }

  packetize ({ units, timestamp, compositionOffset }: Frame): RtpPacket[] {
    const packets: RtpPacket[] = []
    let last = units.length - 1
    while (last >= 0 && !this.#travels(units[last]!)) last--
    for (let at = 0; at <= last;) {
      const unit = units[at]!
      if (!this.#travels(unit)) { at++; continue }
      const together = this.#parameterSetsFrom(units, at)
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
    const { headerBytes } = this.#syntax
    let packets = 0
    let bytes = 0
    for (let at = 0; at < units.length;) {
      const unit = units[at]!
      const together = Math.max(this.#parameterSetsFrom(units, at), 1)
      if (together > 1) {
        packets++
        bytes += DATA + headerBytes
        for (let set = at; set < at + together; set++) bytes += LENGTH_BYTES + units[set]!.length
      } else if (this.#travels(unit)) {
        const pieces = unit.length <= MAX_PAYLOAD_BYTES ? 1 : Math.ceil((unit.length - headerBytes) / this.#fragmentRoom)
        packets += pieces
        bytes += pieces === 1 ? DATA + unit.length : pieces * (DATA + headerBytes + 1) + unit.length - headerBytes
      }
      at += together
    }
    this.#writer.skip(packets)
    return { packets, bytes }
  }

  get #fragmentRoom (): number { return MAX_PAYLOAD_BYTES - this.#syntax.headerBytes - 1 }

  #travels (unit: Buffer): boolean { return unit.length >= this.#syntax.headerBytes && this.#syntax.travels(this.#syntax.typeOf(unit)) }

  /** How many parameter sets stand here in a row that fit one packet together. */
  #parameterSetsFrom (units: readonly Buffer[], from: number): number {
    const { headerBytes, typeOf, isParameterSet } = this.#syntax
    let length: number = headerBytes
    let at = from
    for (; at < units.length; at++) {
      const unit = units[at]!
      length += LENGTH_BYTES + unit.length
      if (unit.length < headerBytes || !isParameterSet(typeOf(unit)) || length > MAX_PAYLOAD_BYTES) break
    }
    return at - from
  }

  #single (unit: Buffer, timestamp: number, marker: boolean, compositionOffset: number): RtpPacket {
    const packet = this.#writer.packet(unit.length, timestamp, marker, compositionOffset)
    packet.bytes.set(unit, DATA)
    return packet
  }

  #aggregate (units: readonly Buffer[], from: number, to: number, timestamp: number, marker: boolean, compositionOffset: number): RtpPacket {
    const { headerBytes, aggregate, printHeader, widenHeader } = this.#syntax
    let length: number = headerBytes
    for (let at = from; at < to; at++) length += LENGTH_BYTES + units[at]!.length
    const packet = this.#writer.packet(length, timestamp, marker, compositionOffset)
    printHeader(packet.bytes, DATA, units[from]!, aggregate)
    let offset = DATA + headerBytes
    for (let at = from; at < to; at++) {
      const unit = units[at]!
      widenHeader(packet.bytes, DATA, unit)
      packet.bytes.writeUInt16BE(unit.length, offset)
      packet.bytes.set(unit, offset + LENGTH_BYTES)
      offset += LENGTH_BYTES + unit.length
    }
    return packet
  }

  #fragment (packets: RtpPacket[], unit: Buffer, timestamp: number, marker: boolean, compositionOffset: number): void {
    const { headerBytes, fragment, typeOf, printHeader } = this.#syntax
    const room = this.#fragmentRoom
    const type = typeOf(unit)
    for (let at: number = headerBytes; at < unit.length; at += room) {
      const end = Math.min(at + room, unit.length)
      const isLast = end === unit.length
      const packet = this.#writer.packet(headerBytes + 1 + end - at, timestamp, marker && isLast, compositionOffset)
      printHeader(packet.bytes, DATA, unit, fragment)
      packet.bytes[DATA + headerBytes] = (at === headerBytes ? FRAGMENT_START : 0) | (isLast ? FRAGMENT_END : 0) | type
      unit.copy(packet.bytes, DATA + headerBytes + 1, at, end)
      packets.push(packet)
    }
  }
}

/**
 * The way back. An access unit ends with the marker, or where the timestamp changes; one that lacks a piece, for whatever
 * reason, is dropped whole.
 */
export class NalDepacketizer implements Depacketizer {
  readonly #syntax: NalSyntax
  #timestamp: number | undefined
  #compositionOffset = 0
  #units: Buffer[] = []
  #bytes = 0
  #fragments: Buffer[] | undefined
  #broken = false
  #afterLoss = true

  constructor (syntax: NalSyntax) { this.#syntax = syntax }

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
    const { headerBytes, aggregate, fragment, typeOf, travels } = this.#syntax
    if (payload.length < headerBytes) return false
    const type = typeOf(payload)
    if (type === fragment) return this.#takeFragment(payload)
    if (this.#fragments) return false // A fragmented unit whose end never came.
    if (type === aggregate) return this.#takeAggregate(payload)
    return !travels(type) || this.#add(payload) // Types of other packetization modes are not ours to read.
  }

  #takeFragment (payload: Buffer): boolean {
    const { headerBytes, printHeader } = this.#syntax
    if (payload.length <= headerBytes + 1) return false
    const header = payload[headerBytes]!
    const starts = (header & FRAGMENT_START) !== 0
    if (starts === (this.#fragments !== undefined)) return false // A start within a unit, or a middle without a start.
    if (!this.#fragments) {
      const begun = Buffer.alloc(headerBytes)
      printHeader(begun, 0, payload, header & FRAGMENT_TYPE)
      this.#fragments = [begun]
    }
    this.#fragments.push(payload.subarray(headerBytes + 1))
    this.#bytes += payload.length
    if (this.#bytes > MAX_FRAME_BYTES) return false
    if ((header & FRAGMENT_END) === 0) return true
    const unit = Buffer.concat(this.#fragments)
    this.#fragments = undefined
    return this.#add(unit)
  }

  #takeAggregate (payload: Buffer): boolean {
    for (let at: number = this.#syntax.headerBytes; at < payload.length;) {
      if (payload.length - at < LENGTH_BYTES + 1) return false
      const length = payload.readUInt16BE(at)
      at += LENGTH_BYTES
      if (length < this.#syntax.headerBytes || length > payload.length - at || !this.#add(payload.subarray(at, at + length))) return false
      at += length
    }
    return true
  }

  #add (unit: Buffer): boolean {
    // After a loss the first picture units may be among the lost: this one is only whole if it starts its picture.
    if (this.#afterLoss && this.#syntax.isPicture(unit)) {
      if (!this.#syntax.isFirstSlice(unit)) return false
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
      frames.push({ units, timestamp: this.#timestamp, compositionOffset: this.#compositionOffset, keyframe: units.some(this.#syntax.startsPicture) })
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
