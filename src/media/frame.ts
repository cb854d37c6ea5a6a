import type { RtpPacket } from './rtp-packet.ts'

/** One access unit of video, or one frame of audio, as its encoder made it. */
export type Frame = {
  /** H.264, H.265: NAL units without start codes or lengths. Every other codec: one buffer. */
  readonly units: readonly Buffer[]
  /** Presentation time in ticks of the track's RTP clock, 32 bits, wrapping. */
  readonly timestamp: number
  /** Presentation minus decoding time, in the same ticks; 0 where frames are not reordered. */
  readonly compositionOffset: number
  /** Decoding can begin here. Always true for audio. */
  readonly keyframe: boolean
}

/** Turns frames into RTP packets of one track: numbers them, splits them to fit, marks the last of an access unit. */
export interface Packetizer { packetize (frame: Frame): RtpPacket[] }

/** One whose packets depend on nothing but the frame and the number of the first. */
export interface RepeatablePacketizer extends Packetizer {
  /** Of the next packet. */
  sequenceNumber: number
  /** Numbers the frame's packets without making them. @returns how many they would be, and their bytes */
  skip (frame: Frame): { packets: number, bytes: number }
}

/** Turns packets, in sequence order, back into frames. */
export interface Depacketizer {
  /** @returns the frames this packet completes: usually none or one; several where one packet aggregates audio frames. */
  push (packet: RtpPacket): Frame[]
  /** Packets are missing before the next one: a frame begun is dropped. */
  reset (): void
}

/** Bytes of RTP payload that fit any path: 1,500 of Ethernet less IPv6, UDP, TURN, SRTP and header extensions. */
export const MAX_PAYLOAD_BYTES = 1200
