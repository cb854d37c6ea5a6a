import { ByteWriter } from '../../src/lib/bytes.ts'

/** One encoded frame and its presentation time in ms. */
export type TimedFrame = { readonly time: number, readonly data: Buffer }

/** How a codec is written down: its Matroska name, rate, channels and what its decoder must have first. */
export type TrackEntry = { readonly codecId: string, readonly sampleRate: number, readonly channels: number, readonly codecPrivate?: Buffer }

/** OpusHead (RFC 7845 section 5.1) with no pre-skip: what is played when is said by the timestamps alone. */
export const opusTrack: TrackEntry = {
  codecId: 'A_OPUS', sampleRate: 48_000, channels: 2,
  codecPrivate: Buffer.concat([Buffer.from('OpusHead\x01\x02'), Buffer.from([0, 0, 0x80, 0xbb, 0, 0, 0, 0, 0])])
}

/** Blocks are counted in tenths of a millisecond. */
const TICK_NS = 100_000
const TICKS_PER_MS = 10

/** The least Matroska file that keeps exact times of one audio track, gaps included, so that ffmpeg can judge what we made. */
export function matroska (frames: readonly TimedFrame[], track: TrackEntry = opusTrack): Buffer {
  const frequency = Buffer.alloc(8)
  frequency.writeDoubleBE(track.sampleRate)
  const audio = element(0xe1, element(0xb5, frequency), element(0x9f, number(track.channels)))
  const entry = element(0xae, element(0xd7, number(1)), element(0x73c5, number(1)), element(0x83, number(2)),
    element(0x86, Buffer.from(track.codecId)), ...(track.codecPrivate ? [element(0x63a2, track.codecPrivate)] : []), audio)
  const head = element(0x1a45dfa3, element(0x4282, Buffer.from('matroska')))
  const info = element(0x1549a966, element(0x2ad7b1, number(TICK_NS)))
  return Buffer.concat([head, element(0x18538067, info, element(0x1654ae6b, entry), ...frames.map(cluster))])
}

function cluster ({ time, data }: TimedFrame): Buffer {
  const block = Buffer.concat([Buffer.from([0x81, 0, 0, 0x80]), data]) // Track 1, at the cluster's own time, a keyframe.
  return element(0x1f43b675, element(0xe7, number(Math.round(time * TICKS_PER_MS))), element(0xa3, block))
}

/** An EBML element: id, size in 8 bytes, content (RFC 8794). */
function element (id: number, ...content: Buffer[]): Buffer {
  const size = content.reduce((sum, part) => sum + part.length, 0)
  const head = new ByteWriter()
  if (id > 0xffffff) head.u32(id)
  else if (id > 0xffff) head.u24(id)
  else if (id > 0xff) head.u16(id)
  else head.u8(id)
  head.u64(0x0100000000000000n | BigInt(size))
  return Buffer.concat([head.done(), ...content])
}

function number (value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt(value))
  return bytes
}
