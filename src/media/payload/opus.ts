import type { Depacketizer, Frame, Packetizer } from '../frame.ts'
import type { RtpPacket } from '../rtp-packet.ts'
import { HEADER_BYTES as DATA, RtpWriter, type StreamIds } from './rtp-writer.ts'

/** Opus in RTP (RFC 7587): the payload is the Opus packet. */
export class OpusPacketizer implements Packetizer {
  readonly #writer: RtpWriter

  constructor (ids: StreamIds) { this.#writer = new RtpWriter(ids) }

  packetize ({ units, timestamp }: Frame): RtpPacket[] {
    const unit = units[0]
    if (!unit || unit.length === 0) return []
    const packet = this.#writer.packet(unit.length, timestamp, false, 0)
    packet.bytes.set(unit, DATA)
    return [packet]
  }
}

/** The way back. A packet without payload is a bandwidth probe, not a frame. */
export class OpusDepacketizer implements Depacketizer {
  push (packet: RtpPacket): Frame[] {
    const { payload } = packet
    return payload.length === 0 ? [] : [{ units: [payload], timestamp: packet.timestamp, compositionOffset: 0, keyframe: true }]
  }

  reset (): void {}
}
