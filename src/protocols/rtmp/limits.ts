/**
 * What one RTMP connection may cost us. Honest encoders stay far below: OBS and ffmpeg use 4 chunk streams, chunks of 4 to 60
 * kilobytes, and a keyframe of 4K video has less than a megabyte.
 */
export const limits = {
  /** Bytes of a chunk, as announced by Set Chunk Size. */
  minChunkBytes: 128,
  maxChunkBytes: 65_536,
  /** Bytes of any message before the stream key is known to be right, and of every message that is not media. */
  maxCommandBytes: 64 << 10,
  maxAudioBytes: 256 << 10,
  /** Video, and aggregates that may hold it. */
  maxVideoBytes: 4 << 20,
  maxChunkStreams: 16,
  /** Bytes of messages that have begun and not ended, on all chunk streams together. */
  maxBufferedBytes: 8 << 20,
  /** Bytes of answers that the peer has not yet read. */
  maxUnreadBytes: 64 << 10,
  /** Encoders need 5 to 8. */
  maxCommandsBeforePublish: 64,
  /** NetStreams one connection may create. Encoders create one. */
  maxStreams: 8
} as const
