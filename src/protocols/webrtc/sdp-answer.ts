import { AppError } from '../../lib/errors.ts'
import { candidateLines, codecLines, randomSessionId, sourceLines, transportLines } from './sdp-lines.ts'
import { parseDescription } from './sdp-offer.ts'
import type { Candidate, HeaderExtension, Offer, OfferedSection, SdpCodec, SentStream, TransportParameters } from './sdp-types.ts'

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

export const isAccepted = (section: AnswerSection): section is AcceptedSection => !('rejected' in section)

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
    ...transportLines(transport),
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
    ...carriesCandidates ? candidateLines(candidates) : []
  ]
}

function rejectedLines (offered: OfferedSection): string[] {
  return [`m=${offered.kind} 0 ${offered.protocol} ${offered.formats}`, 'c=IN IP4 0.0.0.0', `a=mid:${offered.mid}`, 'a=inactive']
}

/** What a peer answered to an offer of ours; a section it turned down is undefined. The others stand as in the offer. */
export type PeerAnswer = Omit<Offer, 'sections'> & { readonly sections: readonly (OfferedSection | undefined)[] }

/**
 * Reads the answer to an offer of ours.
 * @param offered the kinds of the offer's sections, which an answer repeats one by one (RFC 3264 section 6)
 * @throws AppError `unprocessable_sdp` with what is wrong.
 */
export function parseAnswer (text: string, offered: readonly string[]): PeerAnswer {
  const { sections, ...rest } = parseDescription(text, 'answer')
  const same = sections.length === offered.length && sections.every(({ kind }, index) => kind === offered[index])
  if (!same) throw new AppError('unprocessable_sdp', `the answer has other media sections than the offer: ${sections.map(({ kind }) => kind).join(', ')} for ${offered.join(', ')}`)
  if (rest.transport.setup === 'actpass') throw new AppError('unprocessable_sdp', 'the answer leaves open who begins DTLS: “a=setup” must be “active” or “passive”')
  return { ...rest, sections: sections.map(section => section.rejected ? undefined : section) }
}
