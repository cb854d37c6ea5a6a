import type { Depacketizer, Frame, Packetizer } from '../frame.ts'
import type { RtpPacket } from '../rtp-packet.ts'
import { HEADER_BYTES as DATA, RtpWriter, type StreamIds } from './rtp-writer.ts'

/**
 * Sound whose RTP payload is the encoder's frame and nothing else: Opus (RFC 7587 section 4.2), and as many samples as one likes of
 * PCMU, PCMA and G.722 (RFC 3551 section 4.5), 20 ms here. G.722 has 16,000 samples a second and a clock that counts half of them,
 * so that a byte is a tick of the clock in all three.
 */
export class WholeFramePacketizer implements Packetizer {
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
export class WholeFrameDepacketizer implements Depacketizer {
  push (packet: RtpPacket): Frame[] {
    const { payload } = packet
    return payload.length === 0 ? [] : [{ units: [payload], timestamp: packet.timestamp, compositionOffset: 0, keyframe: true }]
  }

  reset (): void {}
}
