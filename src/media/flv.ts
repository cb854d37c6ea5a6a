import { ByteReader } from '../lib/bytes.ts'
import { ProtocolError } from '../lib/errors.ts'

/**
 * The bodies of FLV tags, which are the bodies of RTMP's audio and video messages (Adobe FLV specification version 10.1, sections
 * E.4.2, E.4.3; Enhanced RTMP version 2).
 *
 *  video: |frame type 4|codec 4|  AVC:      |packet type 8|composition time, signed 24| data
 *  video: |1|frame type 3|packet type 4|    |FourCC 32|[composition time, signed 24] data
 *  audio: |format 4|rate 2|size 1|stereo 1| AAC:      |packet type 8| data
 *  audio: |9, 4 bits|packet type 4|         |FourCC 32| data
 */
const ENHANCED_VIDEO = 0x80
const ENHANCED_AUDIO = 9
const AVC = 7
const AAC = 10
/** Nested ModEx prefixes in one tag. One is defined so far. */
const MAX_MOD_EX = 8

/** Names of legacy codec ids, for people. */
const videoCodecs: Readonly<Record<number, string>> = {
  2: 'Sorenson H.263', 3: 'Screen video', 4: 'VP6', 5: 'VP6 with alpha', 6: 'Screen video 2', 12: 'HEVC (codec id 12)', 13: 'AV1 (codec id 13)'
}
const audioCodecs: Readonly<Record<number, string>> = {
  0: 'PCM', 1: 'ADPCM', 2: 'MP3', 3: 'PCM', 4: 'Nellymoser 16 kHz', 5: 'Nellymoser 8 kHz', 6: 'Nellymoser',
  7: 'G.711 A-law', 8: 'G.711 mu-law', 11: 'Speex', 13: 'Opus (codec id 13)', 14: 'MP3 8 kHz'
}
/** Enhanced RTMP FourCCs, for people; `avc1` and `mp4a` are the codecs that also have a legacy form. */
const fourCcNames: Readonly<Record<string, string>> = {
  avc1: 'H.264', hvc1: 'HEVC', vvc1: 'VVC', av01: 'AV1', vp08: 'VP8', vp09: 'VP9',
  mp4a: 'AAC', Opus: 'Opus', fLaC: 'FLAC', 'ac-3': 'AC-3', 'ec-3': 'E-AC-3', '.mp3': 'MP3'
}

/** `config`: what a decoder needs before the first frame. `other`: sequence ends, metadata, seek commands. */
export type TagKind = 'config' | 'frame' | 'other'

export type VideoTag = {
  /** `H.264`, or the name of what we do not carry. */
  readonly codec: string
  readonly kind: TagKind
  /** What the encoder says; not every encoder is right. */
  readonly keyframe: boolean
  /** Presentation minus decoding time in milliseconds; negative values occur. */
  readonly compositionTime: number
  /** H.264: an AVCDecoderConfigurationRecord, or NAL units with their lengths before them. A view. */
  readonly data: Buffer
}

export type AudioTag = {
  /** `AAC`, or the name of what we do not carry. */
  readonly codec: string
  readonly kind: TagKind
  /** AAC: an AudioSpecificConfig, or one raw frame. A view. */
  readonly data: Buffer
}

const NOTHING = Buffer.alloc(0)
const nothingOf = (codec: string, keyframe: boolean): VideoTag => ({ codec, kind: 'other', keyframe, compositionTime: 0, data: NOTHING })
const SEEK_COMMAND = 5

/** @throws ProtocolError for a body that ends inside its header. */
export function parseVideoTag (body: Buffer): VideoTag {
  if (body.length === 0) return nothingOf('H.264', false)
  const first = body[0]!
  if ((first & ENHANCED_VIDEO) !== 0) return parseEnhancedVideo(body)
  const frameType = first >> 4
  const codecId = first & 0x0f
  const keyframe = frameType === 1
  if (codecId !== AVC) {
    return { codec: videoCodecs[codecId] ?? `codec id ${codecId}`, kind: 'frame', keyframe, compositionTime: 0, data: body.subarray(1) }
  }
  if (frameType === SEEK_COMMAND) return nothingOf('H.264', keyframe)
  if (body.length < 5) throw new ProtocolError(`a video tag of ${body.length} bytes`)
  const kind = body[1] === 0 ? 'config' : body[1] === 1 ? 'frame' : 'other'
  return { codec: 'H.264', kind, keyframe, compositionTime: body.readIntBE(2, 3), data: body.subarray(5) }
}

export function printVideoTag ({ kind, keyframe, compositionTime, data }: Omit<VideoTag, 'codec'>): Buffer {
  const body = Buffer.allocUnsafe(5 + data.length)
  body[0] = (keyframe ? 1 : 2) << 4 | AVC
  body[1] = kind === 'config' ? 0 : kind === 'frame' ? 1 : 2
  body.writeIntBE(compositionTime, 2, 3)
  body.set(data, 5)
  return body
}

/** @throws ProtocolError for a body that ends inside its header. */
export function parseAudioTag (body: Buffer): AudioTag {
  if (body.length === 0) return { codec: 'AAC', kind: 'other', data: NOTHING }
  const format = body[0]! >> 4
  if (format === ENHANCED_AUDIO) return parseEnhancedAudio(body)
  if (format !== AAC) return { codec: audioCodecs[format] ?? `format ${format}`, kind: 'frame', data: body.subarray(1) }
  if (body.length < 2) throw new ProtocolError(`an audio tag of ${body.length} bytes`)
  return { codec: 'AAC', kind: body[1] === 0 ? 'config' : body[1] === 1 ? 'frame' : 'other', data: body.subarray(2) }
}

/** The four low bits say 44 kHz, 16 bit, stereo, whatever the sound is (section E.4.2.1): the AudioSpecificConfig counts. */
export function printAudioTag ({ kind, data }: Omit<AudioTag, 'codec'>): Buffer {
  const body = Buffer.allocUnsafe(2 + data.length)
  body[0] = AAC << 4 | 0x0f
  body[1] = kind === 'config' ? 0 : 1
  body.set(data, 2)
  return body
}

/** Packet types of Enhanced RTMP; 0, 1 and 2 mean the same for audio. */
const PacketType = {
  sequenceStart: 0, codedFrames: 1, sequenceEnd: 2, codedFramesX: 3, metadata: 4, videoMultitrack: 6, audioMultitrack: 5, modEx: 7
} as const

const kinds: Readonly<Record<number, TagKind>> = {
  [PacketType.sequenceStart]: 'config', [PacketType.codedFrames]: 'frame', [PacketType.codedFramesX]: 'frame'
}

function parseEnhancedVideo (body: Buffer): VideoTag {
  const frameType = body[0]! >> 4 & 7
  const { packetType, reader } = enhancedHeader(body)
  const keyframe = frameType === 1
  if (packetType === PacketType.videoMultitrack) return { codec: 'multitrack video', kind: 'frame', keyframe, compositionTime: 0, data: NOTHING }
  if (frameType === SEEK_COMMAND && packetType !== PacketType.metadata) return nothingOf('H.264', keyframe)
  const codec = readFourCc(reader)
  // Composition time is there for the two codecs that have one; the X form saves its three zeros.
  const timed = packetType === PacketType.codedFrames && (codec === 'H.264' || codec === 'HEVC' || codec === 'VVC')
  const compositionTime = timed ? reader.i24() : 0
  const kind = kinds[packetType] ?? 'other'
  return { codec, kind, keyframe, compositionTime, data: reader.rest() }
}

function parseEnhancedAudio (body: Buffer): AudioTag {
  const { packetType, reader } = enhancedHeader(body)
  if (packetType === PacketType.audioMultitrack) return { codec: 'multitrack audio', kind: 'frame', data: NOTHING }
  const codec = readFourCc(reader)
  const kind = packetType === PacketType.codedFramesX ? 'other' : kinds[packetType] ?? 'other'
  return { codec, kind, data: reader.rest() }
}

/** The packet type, behind any ModEx prefixes (Enhanced RTMP version 2, "ModEx"): size, data, kind of modifier, packet type. */
function enhancedHeader (body: Buffer): { packetType: number, reader: ByteReader } {
  const reader = new ByteReader(body, 1)
  let packetType = body[0]! & 0x0f
  for (let prefix = 0; packetType === PacketType.modEx; prefix++) {
    if (prefix === MAX_MOD_EX) throw new ProtocolError('too many ModEx prefixes')
    const size = reader.u8() + 1
    reader.skip(size === 256 ? reader.u16() + 1 : size)
    packetType = reader.u8() & 0x0f
  }
  return { packetType, reader }
}

function readFourCc (reader: ByteReader): string {
  const fourCc = reader.view(4).toString('latin1')
  return fourCcNames[fourCc] ?? `FourCC 0x${Buffer.from(fourCc, 'latin1').toString('hex')}` // Never text from the wire.
}
