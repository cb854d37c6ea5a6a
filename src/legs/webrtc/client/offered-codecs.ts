import type { Codec, CodecName } from '../../../media/codec.ts'
import type { SdpCodec } from '../../../protocols/webrtc/sdp-types.ts'

/** The last for servers that cannot report arrivals: they estimate instead. */
const videoFeedback = ['nack', 'nack pli', 'ccm fir', 'transport-cc', 'goog-remb']
const audioFeedback = ['transport-cc']

/** Payload types as most browsers number them: some servers know nothing else. */
const OPUS = 111
const staticPayloadTypes: Partial<Record<CodecName, number>> = { PCMU: 0, PCMA: 8, G722: 9 }

/** Every profile a sender may have needs a payload type of its own (RFC 6184 section 8.2.2): Constrained Baseline, Main, High. */
const h264Profiles = ['42e01f', '4d001f', '640032']
const h264 = (profile: string): Record<string, string> => ({ 'level-asymmetry-allowed': '1', 'packetization-mode': '1', 'profile-level-id': profile })

/** A video codec, and behind it its retransmissions (RFC 4588). */
function video (payloadType: number, name: string, parameters: Readonly<Record<string, string>> = {}): SdpCodec[] {
  const common = { clockRate: 90_000, channels: 1 }
  return [
    { payloadType, name, ...common, parameters, feedback: videoFeedback },
    { payloadType: payloadType + 1, name: 'rtx', ...common, parameters: { apt: String(payloadType) }, feedback: [] }
  ]
}

function audio (name: CodecName): SdpCodec {
  if (name === 'opus') return { payloadType: OPUS, name, clockRate: 48_000, channels: 2, parameters: { minptime: '10', useinbandfec: '1', stereo: '1', 'sprop-stereo': '1' }, feedback: audioFeedback }
  return { payloadType: staticPayloadTypes[name]!, name: name.toLowerCase(), clockRate: 8_000, channels: 1, parameters: {}, feedback: audioFeedback }
}

/** Everything a room can pass on, what most viewers and recorders take first. */
export const everyVideoCodec: readonly SdpCodec[] = [
  ...h264Profiles.flatMap((profile, index) => video(102 + 2 * index, 'h264', h264(profile))),
  ...video(96, 'vp8'), ...video(98, 'vp9', { 'profile-id': '0' }), ...video(45, 'av1'), ...video(47, 'h265')
]
export const everyAudioCodec: readonly SdpCodec[] = [audio('opus'), audio('PCMU'), audio('PCMA'), audio('G722')]

/** A picture goes out as it is or not at all. Servers that compare H.264 profiles word by word nearly all know the common one. */
export function videoCodecsFor ({ name, parameters }: Codec): SdpCodec[] {
  if (name !== 'H264') return video(96, name.toLowerCase(), parameters)
  const [common = ''] = h264Profiles
  const own = parameters?.['profile-level-id']?.toLowerCase() ?? common
  return [...video(96, 'h264', h264(own)), ...own === common ? [] : video(98, 'h264', h264(common))]
}

/** Sound in its own codec where WebRTC knows it, and as Opus, which every WebRTC endpoint takes (RFC 7874 section 3). */
export function audioCodecsFor ({ name }: Codec): SdpCodec[] {
  return [...staticPayloadTypes[name] === undefined ? [] : [audio(name)], audio('opus')]
}
