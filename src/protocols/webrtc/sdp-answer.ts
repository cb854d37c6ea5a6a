import { printCandidate } from './candidate.ts'
import type { Candidate, HeaderExtension, OfferedSection, SdpCodec, TransportParameters } from './sdp-types.ts'

/** One stream that will be sent in a section. */
export type SentStream = {
  /** Tracks of one stream are played together, in step. */
  readonly streamId: string
  readonly trackId: string
  readonly cname: string
  readonly ssrc: number
  readonly rtxSsrc?: number | undefined
}

export type AcceptedSection = {
  readonly offered: OfferedSection
  readonly direction: 'sendonly' | 'recvonly' | 'inactive'
  /** Payload types as the offerer numbered them. */
  readonly codecs: readonly SdpCodec[]
  readonly extensions: readonly HeaderExtension[]
  readonly stream?: SentStream | undefined
  /** RIDs we will receive. */
  readonly receiveRids?: readonly string[]
}

/** A section turned down has port 0 and repeats the offer's formats (RFC 3264 section 6). */
export type AnswerSection = AcceptedSection | { readonly offered: OfferedSection, readonly rejected: true }

export type Answer = {
  readonly sections: readonly AnswerSection[]
  readonly transport: TransportParameters
  /** All of them: the answer is complete, nothing trickles. */
  readonly candidates: readonly Candidate[]
  readonly extmapAllowMixed: boolean
}

const isAccepted = (section: AnswerSection): section is AcceptedSection => !('rejected' in section)

/** Prints an answer by the rules of JSEP (RFC 9429 section 5.3.1). */
export function printAnswer (answer: Answer, sessionId: bigint = randomSessionId()): string {
  const bundled = answer.sections.filter(isAccepted)
  const lines = [
    'v=0',
    `o=- ${sessionId} 1 IN IP4 127.0.0.1`,
    's=-',
    't=0 0',
    `a=group:BUNDLE ${bundled.map(section => section.offered.mid).join(' ')}`,
    ...answer.extmapAllowMixed ? ['a=extmap-allow-mixed'] : [],
    'a=msid-semantic: WMS *'
  ]
  for (const section of answer.sections) {
    if (isAccepted(section)) lines.push(...acceptedLines(section, answer, section === bundled[0]))
    else lines.push(...rejectedLines(section.offered))
  }
  return `${lines.join('\r\n')}\r\n`
}

function acceptedLines (section: AcceptedSection, { transport, candidates }: Answer, carriesCandidates: boolean): string[] {
  const { offered, codecs, direction, extensions, stream, receiveRids = [] } = section
  return [
    `m=${offered.kind} 9 ${offered.protocol} ${codecs.map(codec => codec.payloadType).join(' ')}`,
    'c=IN IP4 0.0.0.0',
    'a=rtcp:9 IN IP4 0.0.0.0',
    `a=ice-ufrag:${transport.ufrag}`,
    `a=ice-pwd:${transport.pwd}`,
    'a=ice-options:ice2 trickle',
    `a=fingerprint:${transport.fingerprint.algorithm} ${transport.fingerprint.value}`,
    `a=setup:${transport.setup}`,
    `a=mid:${offered.mid}`,
    ...extensions.map(({ id, uri }) => `a=extmap:${id} ${uri}`),
    `a=${direction}`,
    ...stream ? [`a=msid:${stream.streamId} ${stream.trackId}`] : [],
    'a=rtcp-mux',
    'a=rtcp-rsize',
    ...codecs.flatMap(codecLines),
    ...receiveRids.map(rid => `a=rid:${rid} recv`),
    ...receiveRids.length > 0 ? [`a=simulcast:recv ${receiveRids.join(';')}`] : [],
    ...stream ? sourceLines(stream) : [],
    ...carriesCandidates ? [...candidates.map(candidate => `a=${printCandidate(candidate)}`), 'a=end-of-candidates'] : []
  ]
}

function codecLines ({ payloadType, name, clockRate, channels, parameters, feedback }: SdpCodec): string[] {
  const config = Object.entries(parameters).map(([key, value]) => value === 'undefined' || value === '' ? key : `${key}=${value}`).join(';')
  return [
    `a=rtpmap:${payloadType} ${printedName(name)}/${clockRate}${channels > 1 ? `/${channels}` : ''}`,
    ...feedback.map(kind => `a=rtcp-fb:${payloadType} ${kind}`),
    ...config === '' ? [] : [`a=fmtp:${payloadType} ${config}`]
  ]
}

/** Encoding names are compared without case, but some clients compare with. */
const printedName = (name: string): string => /^(h26[45]|vp[89]|av1|pcm[ua]|g722)$/.test(name) ? name.toUpperCase() : name

function sourceLines ({ ssrc, rtxSsrc, cname, streamId, trackId }: SentStream): string[] {
  const both = rtxSsrc === undefined ? [ssrc] : [ssrc, rtxSsrc]
  return [
    ...rtxSsrc === undefined ? [] : [`a=ssrc-group:FID ${ssrc} ${rtxSsrc}`],
    ...both.flatMap(id => [`a=ssrc:${id} cname:${cname}`, `a=ssrc:${id} msid:${streamId} ${trackId}`])
  ]
}

function rejectedLines (offered: OfferedSection): string[] {
  return [`m=${offered.kind} 0 ${offered.protocol} ${offered.formats}`, 'c=IN IP4 0.0.0.0', `a=mid:${offered.mid}`, 'a=inactive']
}

/** 62 random bits, so that it fits the signed 64-bit integer some parsers keep (RFC 9429 section 5.2.1). */
const randomSessionId = (): bigint => BigInt(Math.floor(Math.random() * 2 ** 31)) << 31n | BigInt(Math.floor(Math.random() * 2 ** 31))
