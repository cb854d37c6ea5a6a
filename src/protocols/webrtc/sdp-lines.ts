import { printCandidate } from './candidate.ts'
import type { Candidate, SdpCodec, SentStream, TransportParameters } from './sdp-types.ts'

// Lines that offers and answers have in common.

/** The same in all we say of one session (RFC 9725 section 4.3.3). */
export const ICE_OPTIONS = 'a=ice-options:ice2 trickle'

export const transportLines = ({ ufrag, pwd, fingerprint, setup }: TransportParameters): string[] => [
  `a=ice-ufrag:${ufrag}`,
  `a=ice-pwd:${pwd}`,
  ICE_OPTIONS,
  `a=fingerprint:${fingerprint.algorithm} ${fingerprint.value}`,
  `a=setup:${setup}`
]

/** All of them: nothing trickles. */
export const candidateLines = (candidates: readonly Candidate[]): string[] =>
  [...candidates.map(candidate => `a=${printCandidate(candidate)}`), 'a=end-of-candidates']

export function codecLines ({ payloadType, name, clockRate, channels, parameters, feedback }: SdpCodec): string[] {
  const config = Object.entries(parameters).map(([key, value]) => value === '' ? key : `${key}=${value}`).join(';')
  return [
    `a=rtpmap:${payloadType} ${printedName(name)}/${clockRate}${channels > 1 ? `/${channels}` : ''}`,
    ...feedback.map(kind => `a=rtcp-fb:${payloadType} ${kind}`),
    ...config === '' ? [] : [`a=fmtp:${payloadType} ${config}`]
  ]
}

/** Encoding names are compared without case, but some clients compare with. */
const printedName = (name: string): string => /^(h26[45]|vp[89]|av1|pcm[ua]|g722)$/.test(name) ? name.toUpperCase() : name

export function sourceLines ({ ssrc, rtxSsrc, cname, streamId, trackId }: SentStream): string[] {
  const both = rtxSsrc === undefined ? [ssrc] : [ssrc, rtxSsrc]
  return [
    ...rtxSsrc === undefined ? [] : [`a=ssrc-group:FID ${ssrc} ${rtxSsrc}`],
    ...both.flatMap(id => [`a=ssrc:${id} cname:${cname}`, `a=ssrc:${id} msid:${streamId} ${trackId}`])
  ]
}

/** 62 random bits, so that it fits the signed 64-bit integer some parsers keep (RFC 9429 section 5.2.1). */
export const randomSessionId = (): bigint => BigInt(Math.floor(Math.random() * 2 ** 31)) << 31n | BigInt(Math.floor(Math.random() * 2 ** 31))
