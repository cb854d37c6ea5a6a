import { type MediaDescription, parse, parseParams, type SessionDescription } from 'sdp-transform'
import { AppError } from '../../lib/errors.ts'
import type { MediaKind } from '../../media/codec.ts'
import { parseCandidate } from './candidate.ts'
import { malformedIn } from './ice-credentials.ts'
import { candidateLines, codecLines, randomSessionId, sourceLines, transportLines } from './sdp-lines.ts'
import type { Candidate, Direction, DtlsSetup, HeaderExtension, Offer, OfferedSection, SdpCodec, SentStream, TransportParameters } from './sdp-types.ts'

/** An offer of a browser with every codec and 20 streams has some 60 KiB. */
export const MAX_SDP_BYTES = 128 * 1024
export const MAX_SECTIONS = 64
const MAX_PAYLOAD_TYPES = 128
const MAX_CANDIDATES = 64

const TOKEN = /^[!#$%&'*+\-.0-9A-Z^_`a-z{|}~]{1,64}$/
const FINGERPRINT = /^([0-9A-F]{2}:)+[0-9A-F]{2}$/
/** Bytes of each hash (RFC 8122 section 5). */
const HASHES = new Map([['sha-1', 20], ['sha-224', 28], ['sha-256', 32], ['sha-384', 48], ['sha-512', 64]])
/** What RFC 3551 says where SDP is silent. */
const staticPayloadTypes: Readonly<Record<number, { name: string, clockRate: number }>> = {
  0: { name: 'pcmu', clockRate: 8000 },
  8: { name: 'pcma', clockRate: 8000 },
  9: { name: 'g722', clockRate: 8000 }
}

/** @param field the line or attribute that is wrong, and in which section @param expected what would have been right */
const refuse = (what: string, field: string, expected: string): AppError => new AppError('unprocessable_sdp', what, { problems: [{ field, expected }] })

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
  const session = read(text, what)
  if (session.media.length === 0) throw refuse(`the ${what} has no media section`, 'm=', '“m=audio” or “m=video”')
  if (session.media.length > MAX_SECTIONS) throw refuse(`the ${what} has ${session.media.length} media sections; at most ${MAX_SECTIONS} are accepted`, 'm=', `at most ${MAX_SECTIONS} lines`)
  const sections = session.media.map((media, index) => ({ ...section(media, session, index), rejected: what === 'answer' && media.port === 0 }))
  checkMids(sections)
  const accepted = sections.filter(({ rejected }) => !rejected)
  if (accepted.length === 0) throw new AppError('no_common_codec', 'the answer turns down every media section: no codec is common to both sides')
  const tagged = checkBundle(session, accepted)
  const candidates = (tagged.candidates ?? []).slice(0, MAX_CANDIDATES).map(candidateOf).filter(candidate => candidate !== undefined)
  return { sections, transport: transport(session, tagged), candidates, extmapAllowMixed: session.extmapAllowMixed !== undefined }
}

function read (text: string, what: string): SessionDescription {
  try {
    return parse(text)
  } catch (error) {
    throw new AppError('unprocessable_sdp', `the ${what} cannot be read as SDP`, { cause: error })
  }
}

function section (media: MediaDescription, session: SessionDescription, index: number): OfferedSection {
  const formats = String(media.payloads ?? '').trim()
  const mid = String(media.mid ?? '')
  if (!TOKEN.test(mid)) throw refuse(`media section ${index} has no usable “a=mid”`, `section ${index}: a=mid`, 'a token of 1 to 64 characters')
  const readable = TOKEN.test(String(media.type)) && /^[A-Za-z/]{1,32}$/.test(String(media.protocol)) && /^[\w .-]{0,1024}$/.test(formats)
  if (!readable) throw refuse(`media section “${mid}” has a malformed “m=” line`, `section “${mid}”: m=`, '“m=<media> <port> <protocol> <formats>”')
  const codecs = media.type === 'audio' || media.type === 'video' ? codecsOf(media, formats, mid) : []
  const [msid] = media.msid ?? []
  return {
    kind: media.type,
    mid,
    direction: directionOf(media, session),
    protocol: media.protocol,
    formats,
    codecs,
    extensions: extensionsOf(media, session),
    sendRids: sendRidsOf(media),
    stream: msid ? { id: String(msid.id), track: String(msid.appdata ?? '') } : undefined
  }
}

const directionOf = (media: MediaDescription, session: SessionDescription): Direction => media.direction ?? session.direction ?? 'sendrecv'

function codecsOf (media: MediaDescription, formats: string, mid: string): SdpCodec[] {
  const payloadTypes = formats.split(/\s+/).filter(Boolean).map(Number)
  if (payloadTypes.length === 0 || payloadTypes.length > MAX_PAYLOAD_TYPES) throw refuse(`media section “${mid}” offers ${payloadTypes.length} payload types`, `section “${mid}”: m=`, `1 to ${MAX_PAYLOAD_TYPES} payload types`)
  const codecs: SdpCodec[] = []
  for (const payloadType of payloadTypes) {
    if (!Number.isInteger(payloadType) || payloadType < 0 || payloadType > 127) throw refuse(`media section “${mid}” has a payload type that is not a number from 0 to 127`, `section “${mid}”: m=`, 'payload types from 0 to 127')
    const map = media.rtp?.find(rtp => rtp.payload === payloadType)
    const known = map ? { name: String(map.codec).toLowerCase(), clockRate: Number(map.rate) } : staticPayloadTypes[payloadType]
    if (!known || !TOKEN.test(known.name) || !Number.isInteger(known.clockRate)) continue // An unmapped type cannot be chosen.
    const config = media.fmtp?.find(fmtp => fmtp.payload === payloadType)?.config
    const feedback = (media.rtcpFb ?? []).filter(fb => fb.payload === payloadType || fb.payload === '*')
      .map(fb => fb.subtype ? `${fb.type} ${fb.subtype}` : fb.type)
    codecs.push({ payloadType, ...known, channels: Number(map?.encoding ?? 1), parameters: config === undefined ? {} : parametersOf(config), feedback })
  }
  return codecs
}

function parametersOf (config: unknown): Record<string, string> {
  const parameters = parseParams(String(config)) as Record<string, unknown>
  return Object.fromEntries(Object.entries(parameters).map(([name, value]) => [name.toLowerCase(), String(value)]))
}

function extensionsOf (media: MediaDescription, session: SessionDescription): HeaderExtension[] {
  return [...session.ext ?? [], ...media.ext ?? []].map(({ value, uri }) => ({ id: value, uri }))
    .filter(({ id, uri }) => Number.isInteger(id) && id >= 1 && id <= 255 && /^[\x21-\x7e]{1,256}$/.test(uri))
}

/** RFC 8853: `a=simulcast:send` orders the layers; alternatives and the pause mark are read past. */
function sendRidsOf (media: MediaDescription): string[] {
  const declared = (media.rids ?? []).filter(rid => rid.direction === 'send').map(rid => String(rid.id))
  const { simulcast } = media
  const list = simulcast?.dir1 === 'send' ? simulcast.list1 : simulcast?.dir2 === 'send' ? simulcast.list2 : undefined
  const ordered = (list ?? '').split(/[;,]/).map(rid => rid.replace(/^~/, '')).filter(rid => declared.includes(rid))
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
function checkBundle (session: SessionDescription, sections: readonly OfferedSection[]): MediaDescription {
  const group = String(session.groups?.find(g => g.type === 'BUNDLE')?.mids ?? '').split(' ').filter(Boolean)
  const outside = sections.find(({ mid }) => !group.includes(mid))
  if (outside && sections.length > 1) {
    throw refuse(`media section “${outside.mid}” is not in the BUNDLE group: all media must share one transport (bundlePolicy “max-bundle”)`, 'a=group:BUNDLE', sections.map(({ mid }) => mid).join(' '))
  }
  const media = session.media.filter(({ mid }) => sections.some(section => section.mid === String(mid)))
  if (media.some(m => m.type !== 'application' && m.rtcpMux === undefined)) throw refuse('RTP and RTCP must share one port: “a=rtcp-mux” is missing', 'a=rtcp-mux', 'in each section of RTP')
  return media.find(m => String(m.mid) === group[0]) ?? media[0]!
}

function transport (session: SessionDescription, media: MediaDescription): TransportParameters {
  const ufrag = String(media.iceUfrag ?? session.iceUfrag ?? '')
  const pwd = String(media.icePwd ?? session.icePwd ?? '')
  const malformed = malformedIn({ ufrag, pwd })
  if (malformed) throw refuse('“a=ice-ufrag” or “a=ice-pwd” is missing or malformed', malformed.field, malformed.expected)
  const fingerprint = media.fingerprint ?? session.fingerprint
  const algorithm = String(fingerprint?.type ?? '').toLowerCase()
  const value = String(fingerprint?.hash ?? '').toUpperCase()
  const bytes = HASHES.get(algorithm)
  if (bytes === undefined || value.length !== bytes * 3 - 1 || !FINGERPRINT.test(value)) throw refuse('“a=fingerprint” is missing or malformed: only DTLS-SRTP is accepted', 'a=fingerprint', `one of ${[...HASHES.keys()].join(', ')}, and its value in hex with colons`)
  const setup = String(media.setup ?? session.setup ?? 'actpass')
  if (setup !== 'actpass' && setup !== 'active' && setup !== 'passive') throw refuse(`“a=setup:${setup.slice(0, 16)}” cannot be answered`, 'a=setup', 'actpass, active or passive')
  return { ufrag, pwd, fingerprint: { algorithm, value }, setup: setup satisfies DtlsSetup }
}

function candidateOf (candidate: NonNullable<MediaDescription['candidates']>[number]): Candidate | undefined {
  const { foundation, component, transport: protocol, priority, ip, port, type, tcptype } = candidate
  return parseCandidate(`${foundation} ${component} ${protocol} ${priority} ${ip} ${port} typ ${type}${tcptype ? ` tcptype ${tcptype}` : ''}`)
}
