import type { Frame, RepeatablePacketizer } from '../media/frame.ts'
import { FrameBacklog } from '../media/frame-backlog.ts'
import type { Track } from './track.ts'

/**
 * Writes the frames of a publisher who cannot be asked for a keyframe to a track: as packets if somebody listens, and always
 * into the track's backlog, from which a newcomer gets the packets that were not made.
 */
export class FrameWriter {
  readonly #track: Track
  readonly #packetizer: RepeatablePacketizer
  readonly #backlog: FrameBacklog

  constructor (track: Track, packetizer: RepeatablePacketizer) {
    this.#track = track
    this.#packetizer = packetizer
    this.#backlog = new FrameBacklog(track.codec, packetizer)
    track.backlog = this.#backlog
  }

  /** The frame's bytes are copied: they are the caller's again when this returns. */
  write (frame: Frame): void {
    const track = this.#track
    this.#backlog.keep(frame)
    if (track.subscribers > 0) {
      track.writeAll(this.#packetizer.packetize(frame))
      return
    }
    const { packets, bytes } = this.#packetizer.skip(frame)
    track.packets += packets
    track.bytes += bytes
  }
}
