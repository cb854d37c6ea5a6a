import type { Codec } from '../../media/codec.ts'
import { ExtensionUri, type OfferedSection, type SdpCodec } from './sdp-types.ts'

/** Feedback both sides of ours speak; `transport-cc` and `goog-remb` are added by whoever uses them. */
const spokenFeedback = new Set(['nack', 'nack pli', 'ccm fir'])

/** A codec to send or receive, with its retransmissions (RFC 4588) and its redundant form (RFC 2198) if both sides can. */
export type NegotiatedCodec = { readonly codec: SdpCodec, readonly rtx: SdpCodec | undefined, readonly red: SdpCodec | undefined }

/**
 * The offered payload type that carries a codec. For H.264 only packetization mode 1 will do, and among those the profile that is
 * nearest: decoders are asked for by profile, but decode more than they are asked for.
 * @returns undefined where the section offers none.
 */
export function findCodec (section: OfferedSection, wanted: Codec, feedback: ReadonlySet<string> = spokenFeedback): NegotiatedCodec | undefined {
  const name = wanted.name.toLowerCase()
  const candidates = section.codecs.filter(codec => codec.name === name && codec.clockRate === wanted.clockRate && fits(name, codec, wanted))
  const [best] = name === 'h264' ? candidates.toSorted((a, b) => h264Distance(a, wanted) - h264Distance(b, wanted)) : candidates
  if (!best) return undefined
  const codec = { ...best, feedback: oneEstimate(section, best.feedback.filter(kind => feedback.has(kind))) }
  const rtx = codec.feedback.includes('nack') ? section.codecs.find(c => c.name === 'rtx' && c.parameters.apt === String(best.payloadType)) : undefined
  return { codec, rtx: rtx && { ...rtx, feedback: [] }, red: name === 'opus' ? redOf(section, best) : undefined }
}

/**
 * Two would steer one sender: who can have arrivals reported (transport-cc) judges the path itself, from more than the receiver's
 * estimate (`goog-remb`) would tell it. Reports need packets that carry their numbers.
 */
export function oneEstimate ({ extensions }: Pick<OfferedSection, 'extensions'>, feedback: readonly string[]): string[] {
  const reports = feedback.includes('transport-cc') && extensions.some(({ uri }) => uri === ExtensionUri.transportCc)
  return feedback.filter(kind => kind !== (reports ? 'goog-remb' : 'transport-cc'))
}

/** The format parameters of RED are the payload types it may hold, `111/111` (RFC 2198 section 5): nothing but the codec will do. */
function redOf ({ codecs }: OfferedSection, { payloadType, clockRate, channels }: SdpCodec): SdpCodec | undefined {
  const red = codecs.find(offered => offered.name === 'red' && offered.clockRate === clockRate && offered.channels === channels &&
    Object.keys(offered.parameters).join().split('/').every(held => held === String(payloadType)))
  return red && { ...red, feedback: [] }
}

/** What an answer asks for, best first: libwebrtc sends RED where it stands before its codec. */
export const codecsToReceive = ({ codec, rtx, red }: NegotiatedCodec): SdpCodec[] => [red, codec, rtx].filter(part => part !== undefined)
/** What an answer announces. */
export const codecsToSend = ({ codec, rtx, red }: NegotiatedCodec): SdpCodec[] => [codec, rtx, red].filter(part => part !== undefined)

/**
 * An Opus decoder as it is described to a publisher (RFC 7587 section 6.1). What the offer says is the publisher's wish for its own
 * ears: of that, what it will send in is asked for in return. Lost packets are made up for from the next, wherever they are played.
 */
export function describeOpusDecoder (offered: SdpCodec): SdpCodec {
  const { minptime, ptime, usedtx, maxaveragebitrate, stereo, 'sprop-stereo': sendsStereo } = offered.parameters
  const wishes = { minptime, ptime, usedtx, maxaveragebitrate, stereo: stereo === '1' || sendsStereo === '1' ? '1' : undefined }
  const parameters = Object.fromEntries(Object.entries(wishes).filter((entry): entry is [string, string] => entry[1] !== undefined))
  return { ...offered, parameters: { ...parameters, useinbandfec: '1' } }
}

function fits (name: string, { parameters }: SdpCodec, wanted: Codec): boolean {
  if (name === 'h264') return parameters['packetization-mode'] === '1'
  if (name === 'h265') { // RFC 7798 section 7.1; in decoding order, so that packets carry no DON, and in one stream.
    const ordered = (parameters['sprop-max-don-diff'] ?? '0') === '0' && (parameters['tx-mode'] ?? 'SRST').toUpperCase() === 'SRST'
    return ordered && (parameters['profile-id'] ?? '1') === (wanted.parameters?.['profile-id'] ?? '1')
  }
  if (name === 'vp9' || name === 'av1') {
    const key = name === 'vp9' ? 'profile-id' : 'profile'
    return (parameters[key] ?? '0') === (wanted.parameters?.[key] ?? '0')
  }
  return true
}

/** profile_idc, RFC 6184 section 8.1: the first two hex digits. */
const profileOf = (parameters: Readonly<Record<string, string>> | undefined): string => (parameters?.['profile-level-id'] ?? '42e01f').slice(0, 2).toLowerCase()

/** High, Main, Baseline: of what can decode more, the least; otherwise the most there is. */
const h264Profiles = ['42', '4d', '64']

function h264Distance (offered: SdpCodec, wanted: Codec): number {
  const have = h264Profiles.indexOf(profileOf(offered.parameters))
  const want = h264Profiles.indexOf(profileOf(wanted.parameters))
  if (have < 0) return 100
  const constrained = /^42e0/i.test(offered.parameters['profile-level-id'] ?? '') ? 0 : 0.5
  return (have >= want ? have - want : 10 + want - have) + constrained
}
