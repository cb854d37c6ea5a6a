import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { parseAacConfig } from '../../src/media/aac.ts'
import { type Codec, codec, opus } from '../../src/media/codec.ts'
import type { Frame } from '../../src/media/frame.ts'
import { type AvcConfig, NalType, nalTypeOf, parseAvcConfig, splitAvcc } from '../../src/media/h264.ts'
import { packetizerFor } from '../../src/media/payload/index.ts'
import type { RtpPacket } from '../../src/media/rtp-packet.ts'
import { type ClipOptions, ffmpeg, testClip } from './ffmpeg.ts'

/** The frames of a real clip, with exact times: pictures 1/fps apart in the video clock, sounds back to back. */
export type Encoded = { readonly video: Frame[], readonly videoCodec: Codec, readonly avc: AvcConfig, readonly audio: Frame[], readonly audioCodec: Codec, readonly fps: number }

const FLV_HEADER_BYTES = 13
const TAG_HEADER_BYTES = 11
const AUDIO_TAG = 8
const VIDEO_TAG = 9
const VIDEO_CLOCK = 90_000

/** What ffmpeg makes of `testClip`, taken out of its FLV file. Keyframes carry SPS and PPS, as our publishers send them. */
export async function encodedClip (seconds: number, options: ClipOptions = {}): Promise<Encoded> {
  const file = await readFile(await testClip(seconds, options))
  const fps = options.fps ?? 30
  const video: Frame[] = []
  const sounds: Buffer[] = []
  let avc: AvcConfig | undefined
  let aac: Buffer | undefined
  for (let at = FLV_HEADER_BYTES; at + TAG_HEADER_BYTES < file.length;) {
    const size = file.readUIntBE(at + 1, 3)
    const data = file.subarray(at + TAG_HEADER_BYTES, at + TAG_HEADER_BYTES + size)
    if (file[at] === VIDEO_TAG && data[1] === 0) avc = parseAvcConfig(data.subarray(5))
    if (file[at] === VIDEO_TAG && data[1] === 1) video.push(picture(data, avc!, video.length, fps))
    if (file[at] === AUDIO_TAG && data[1] === 0) aac = data.subarray(2)
    if (file[at] === AUDIO_TAG && data[1] === 1) sounds.push(data.subarray(2))
    at += TAG_HEADER_BYTES + size + 4
  }
  const { samplingRate, channels, frameLength } = parseAacConfig(aac!)
  const audio = sounds.map((unit, index) => frame(unit, index * frameLength))
  return { video, videoCodec: codec('H264'), avc: avc!, audio, audioCodec: codec('AAC', { clockRate: samplingRate, channels, config: aac! }), fps }
}

function picture (tag: Buffer, avc: AvcConfig, index: number, fps: number): Frame {
  const frameTicks = VIDEO_CLOCK / fps
  const compositionOffset = Math.round(tag.readIntBE(2, 3) * VIDEO_CLOCK / 1000 / frameTicks) * frameTicks
  const units = splitAvcc(tag.subarray(5), avc.lengthSize)
  const keyframe = units.some(unit => nalTypeOf(unit) === NalType.idr)
  return { units: keyframe ? [...avc.sps, ...avc.pps, ...units] : units, timestamp: index * frameTicks + compositionOffset, compositionOffset, keyframe }
}

const frame = (unit: Buffer, timestamp: number): Frame => ({ units: [unit], timestamp, compositionOffset: 0, keyframe: true })

/** Opus frames of 20 ms made by a real encoder: a tone. */
export async function encodedOpus (seconds: number, hz = 440): Promise<{ audio: Frame[], audioCodec: Codec }> {
  const folder = await mkdtemp(path.join(tmpdir(), 'auralink-opus-'))
  await using _cleanup = { [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) }
  const tone = path.join(folder, 'tone.opus')
  await ffmpeg('-f', 'lavfi', '-i', `sine=frequency=${hz}:sample_rate=48000:duration=${seconds}`, '-c:a', 'libopus', '-b:a', '48k', '-ac', '2', tone).succeeded()
  const file = await readFile(tone)
  const packets: Buffer[] = []
  let begun: Buffer[] = []
  for (let at = 0; at < file.length;) { // Ogg pages (RFC 3533 section 6).
    const segments = file.subarray(at + 27, at + 27 + file[at + 26]!)
    at += 27 + segments.length
    for (const length of segments) {
      begun.push(file.subarray(at, at + length))
      at += length
      if (length === 255) continue
      packets.push(Buffer.concat(begun))
      begun = []
    }
  }
  return { audio: packets.slice(2).map((unit, index) => frame(unit, index * 960)), audioCodec: opus }
}

/** Frames as packets, as a publisher would write them to its track. */
export function packetsOf (of: Codec, frames: readonly Frame[], { shiftTicks = 0, ssrc = 1 } = {}): RtpPacket[][] {
  const packetizer = packetizerFor(of, { ssrc, payloadType: 96 })
  return frames.map(f => packetizer.packetize({ ...f, timestamp: (f.timestamp + shiftTicks) >>> 0 }))
}
