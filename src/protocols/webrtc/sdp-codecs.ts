import type { Codec } from '../../media/codec.ts'
import type { OfferedSection, SdpCodec } from './sdp-types.ts'

/** Feedback both sides of ours speak; `transport-cc` and `goog-remb` are added by whoever uses them. */
const spokenFeedback = new Set(['nack', 'nack pli', 'ccm fir'])

/** A codec to send or receive, with its retransmissions if both sides can. */
export type NegotiatedCodec = { readonly codec: SdpCodec, readonly rtx: SdpCodec | undefined }

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
  const codec = { ...best, feedback: best.feedback.filter(kind => feedback.has(kind)) }
  const rtx = codec.feedback.includes('nack') ? section.codecs.find(c => c.name === 'rtx' && c.parameters.apt === String(best.payloadType)) : undefined
  return { codec, rtx: rtx && { ...rtx, feedback: [] } }
}

function fits (name: string, { parameters }: SdpCodec, wanted: Codec): boolean {
  if (name === 'h264') return parameters['packetization-mode'] === '1'
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
