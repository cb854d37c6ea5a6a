import { AppError } from '../../lib/errors.ts'
import type { MediaKind } from '../../media/codec.ts'
import { parseCandidate } from './candidate.ts'
import { malformedIn } from './ice-credentials.ts'
import { capabilitiesOf, noCapabilities, refuse, TOKEN } from './sdp-capabilities.ts'
import { candidateLines, codecLines, randomSessionId, sourceLines, transportLines } from './sdp-lines.ts'
import { type MediaPart, readSdp, type SdpPart, type SdpText } from './sdp-text.ts'
import type { Candidate, Direction, DtlsSetup, HeaderExtension, Offer, OfferedSection, SdpCodec, SentStream, TransportParameters } from './sdp-types.ts'

/** An offer of a browser with every codec and 20 streams has some 60 KiB. */
export const MAX_SDP_BYTES = 128 * 1024
export const MAX_SECTIONS = 64
const MAX_CANDIDATES = 64
/** Of the payload types of one section, in characters. */
const MAX_FORMATS_LENGTH = 1024

const FINGERPRINT = /^([0-9A-F]{2}:)+[0-9A-F]{2}$/
/** Bytes of each hash (RFC 8122 section 5). */
const HASHES = new Map([['sha-1', 20], ['sha-224', 28], ['sha-256', 32], ['sha-384', 48], ['sha-512', 64]])
/** One section of an offer of ours. */
export type SectionToOffer = {
  readonly kind: MediaKind
  readonly mid: string
  readonly direction: 'sendonly' | 'recvonly'
  readonly codecs: readonly SdpCodec[]
  readonly extensions: readonly HeaderExtension[]
  readonly stream?: SentStream | undefined
}
export type OfferToPrint = {
  readonly sections: readonly SectionToOffer[]
  readonly transport: TransportParameters
  /** All of them: nothing trickles. */
  readonly candidates: readonly Candidate[]
}

/** Prints an offer by the rules of JSEP (RFC 9429 section 5.2.1), everything in one bundle. */
export function printOffer ({ sections, transport, candidates }: OfferToPrint, sessionId: bigint = randomSessionId()): string {
  const lines = [
    'v=0',
    `o=- ${sessionId} 1 IN IP4 127.0.0.1`,
    's=-',
    't=0 0',
    `a=group:BUNDLE ${sections.map(({ mid }) => mid).join(' ')}`,
    'a=extmap-allow-mixed',
    'a=msid-semantic: WMS *'
  ]
  for (const [index, { kind, mid, direction, codecs, extensions, stream }] of sections.entries()) {
    lines.push(
      `m=${kind} 9 UDP/TLS/RTP/SAVPF ${codecs.map(({ payloadType }) => payloadType).join(' ')}`,
      'c=IN IP4 0.0.0.0',
      'a=rtcp:9 IN IP4 0.0.0.0',
      ...transportLines(transport),
      `a=mid:${mid}`,
      ...extensions.map(({ id, uri }) => `a=extmap:${id} ${uri}`),
      `a=${direction}`,
      ...stream ? [`a=msid:${stream.streamId} ${stream.trackId}`] : [],
      'a=rtcp-mux',
      'a=rtcp-rsize',
      ...codecs.flatMap(codecLines),
      ...stream ? sourceLines(stream) : [],
      ...index === 0 ? candidateLines(candidates) : []
    )
  }
  return `${lines.join('\r\n')}\r\n`
}

/**
 * Reads an offer of the kind WHIP and WHEP allow: one BUNDLE group over all media (RFC 9143), RTP and RTCP on one port, DTLS-SRTP.
 * @throws AppError `unprocessable_sdp` with what is wrong.
 */
export const parseOffer = (text: string): Offer => parseDescription(text, 'offer')

/** In an answer, a section with port 0 is turned down (RFC 3264 section 6) and need not hold anything else. */
export type DescribedSection = OfferedSection & { readonly rejected: boolean }

/** What offers and answers have in common. @throws AppError `unprocessable_sdp` */
export function parseDescription (text: string, what: 'offer' | 'answer'): Omit<Offer, 'sections'> & { sections: DescribedSection[] } {
  if (Buffer.byteLength(text) > MAX_SDP_BYTES) throw refuse(`the ${what} is larger than ${MAX_SDP_BYTES} bytes`, '', `at most ${MAX_SDP_BYTES} bytes`)
  if (!/^v=0\r?$/m.test(text.slice(0, 8))) throw refuse(`the ${what} does not begin with “v=0”`, 'v=', '0, on the first line')
  const { session, media } = readSdp(text)
  if (media.length === 0) throw refuse(`the ${what} has no media section`, 'm=', '“m=audio” or “m=video”')
  if (media.length > MAX_SECTIONS) throw refuse(`the ${what} has ${media.length} media sections; at most ${MAX_SECTIONS} are accepted`, 'm=', `at most ${MAX_SECTIONS} lines`)
  const sections = media.map((part, index) => ({ ...section(part, session, index), rejected: what === 'answer' && part.port === '0' }))
  checkMids(sections)
  const accepted = sections.filter(({ rejected }) => !rejected)
  if (accepted.length === 0) throw new AppError('no_common_codec', 'the answer turns down every media section: no codec is common to both sides')
  const tagged = checkBundle({ session, media }, accepted)
  return { sections, transport: transport(session, tagged), get candidates () { return candidatesOf(tagged) }, extmapAllowMixed: session.has('extmap-allow-mixed') }
}

/** Read where they are asked for: whoever answers an offer waits for the peer's checks instead. */
const candidatesOf = (media: MediaPart): Candidate[] =>
  media.all('candidate').slice(0, MAX_CANDIDATES).map(parseCandidate).filter(candidate => candidate !== undefined)

function section (media: MediaPart, session: SdpPart, index: number): OfferedSection {
  const { type: kind, protocol, formats, mid } = media
  if (!TOKEN.test(mid)) throw refuse(`media section ${index} has no usable “a=mid”`, `section ${index}: a=mid`, 'a token of 1 to 64 characters')
  const readable = TOKEN.test(kind) && /^[A-Za-z/]{1,32}$/.test(protocol) && formats.length <= MAX_FORMATS_LENGTH && /^[\w .-]*$/.test(formats)
  if (!readable) throw refuse(`media section “${mid}” has a malformed “m=” line`, `section “${mid}”: m=`, '“m=<media> <port> <protocol> <formats>”')
  const [, id, track = ''] = /^([\w-]+)(?: ([\w-]+))?/.exec(media.all('msid')[0] ?? '') ?? []
  return {
    kind,
    mid,
    direction: directionOf(media) ?? directionOf(session) ?? 'sendrecv',
    protocol,
    formats,
    ...kind === 'audio' || kind === 'video' ? capabilitiesOf(session, media) : noCapabilities,
    sendRids: sendRidsOf(media),
    stream: id === undefined ? undefined : { id, track }
  }
}

const directions: readonly Direction[] = ['sendrecv', 'sendonly', 'recvonly', 'inactive']
const directionOf = (part: SdpPart): Direction | undefined => directions.find(direction => part.has(direction))

/** RFC 8853: `a=simulcast:send` orders the layers; alternatives and the pause mark are read past. */
function sendRidsOf (media: MediaPart): string[] {
  if (!media.has('rid')) return []
  const declared = media.all('rid').map(rid => rid.split(' ')).filter(([, direction]) => direction === 'send').map(([id = '']) => id)
  const [, list = ''] = /\bsend ([\w~;,-]+)/.exec(media.value('simulcast') ?? '') ?? []
  const ordered = list.split(/[;,]/).map(rid => rid.replace(/^~/, '')).filter(rid => declared.includes(rid))
  return [...new Set([...ordered, ...declared])].filter(rid => /^[A-Za-z0-9_-]{1,16}$/.test(rid)).slice(0, 8)
}

function checkMids (sections: readonly OfferedSection[]): void {
  const seen = new Set<string>()
  for (const { mid } of sections) {
    if (seen.has(mid)) throw refuse(`two media sections have the same “a=mid:${mid}”`, `a=mid:${mid}`, 'another one in each section')
    seen.add(mid)
  }
}

/** @returns the section that carries the transport: the first one of the group (RFC 9143 section 7.2.1). */
function checkBundle ({ session, media }: SdpText, sections: readonly OfferedSection[]): MediaPart {
  const [, ...group] = session.all('group').map(value => value.split(/ +/)).find(([semantics]) => semantics === 'BUNDLE') ?? []
  const outside = sections.find(({ mid }) => !group.includes(mid))
  if (outside && sections.length > 1) {
    throw refuse(`media section “${outside.mid}” is not in the BUNDLE group: all media must share one transport (bundlePolicy “max-bundle”)`, 'a=group:BUNDLE', sections.map(({ mid }) => mid).join(' '))
  }
  const bundled = media.filter(({ mid }) => sections.some(taken => taken.mid === mid))
  if (bundled.some(part => part.type !== 'application' && !part.has('rtcp-mux'))) throw refuse('RTP and RTCP must share one port: “a=rtcp-mux” is missing', 'a=rtcp-mux', 'in each section of RTP')
  return bundled.find(({ mid }) => mid === group[0]) ?? bundled[0]!
}

function transport (session: SdpPart, media: MediaPart): TransportParameters {
  const value = (name: string): string => (media.value(name) ?? session.value(name) ?? '').trim()
  const [ufrag, pwd] = [value('ice-ufrag'), value('ice-pwd')]
  const malformed = malformedIn({ ufrag, pwd })
  if (malformed) throw refuse('“a=ice-ufrag” or “a=ice-pwd” is missing or malformed', malformed.field, malformed.expected)
  const [algorithm = '', hash = ''] = value('fingerprint').split(' ')
  const fingerprint = { algorithm: algorithm.toLowerCase(), value: copyOf(hash).toUpperCase() }
  const bytes = HASHES.get(fingerprint.algorithm)
  if (bytes === undefined || hash.length !== bytes * 3 - 1 || !FINGERPRINT.test(fingerprint.value)) throw refuse('“a=fingerprint” is missing or malformed: only DTLS-SRTP is accepted', 'a=fingerprint', `one of ${[...HASHES.keys()].join(', ')}, and its value in hex with colons`)
  const setup = value('setup') || 'actpass'
  if (setup !== 'actpass' && setup !== 'active' && setup !== 'passive') throw refuse(`“a=setup:${setup.slice(0, 16)}” cannot be answered`, 'a=setup', 'actpass, active or passive')
  return { ufrag, pwd: copyOf(pwd), fingerprint, setup: setup satisfies DtlsSetup }
}

/** A longer part of a text keeps the whole of it in memory: here an offer, for the life of a session. */
const copyOf = (part: string): string => Buffer.from(part, 'latin1').toString('latin1')
