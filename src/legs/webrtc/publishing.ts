import { AppError } from '../../lib/errors.ts'
import { type Codec, codec, type CodecName, codecTable, type MediaKind } from '../../media/codec.ts'
import type { AnswerSection } from '../../protocols/webrtc/sdp-answer.ts'
import { codecsToReceive, describeOpusDecoder, findCodec, type NegotiatedCodec } from '../../protocols/webrtc/sdp-codecs.ts'
import { ExtensionUri, type HeaderExtension, type Offer, type OfferedSection } from '../../protocols/webrtc/sdp-types.ts'
import { orderLayers } from './layers.ts'

/** No client encodes a picture more often. */
const MAX_LAYERS = 4
/** What is asked of publishers first: what every viewer, recorder and phone behind the room can take without transcoding. */
const preferred: Readonly<Record<MediaKind, readonly CodecName[]>> = { video: ['H264', 'VP8', 'VP9', 'AV1', 'H265'], audio: ['opus', 'PCMU', 'PCMA', 'G722'] }
const feedback: ReadonlySet<string> = new Set(['nack', 'nack pli', 'ccm fir', 'transport-cc', 'goog-remb'])
const wantedExtensions: ReadonlySet<string> = new Set([
  ExtensionUri.mid, ExtensionUri.rid, ExtensionUri.repairedRid, ExtensionUri.transportCc, ExtensionUri.absoluteSendTime, ExtensionUri.audioLevel
])

/** One section of the answer in which something will come. */
export type PublishedSection = {
  readonly kind: MediaKind
  readonly mid: string
  readonly codec: Codec
  readonly negotiated: NegotiatedCodec
  readonly extensions: readonly HeaderExtension[]
  /** Simulcast layers (RFC 8853), lowest first; empty for a single stream. */
  readonly rids: readonly string[]
}
export type Publishing = { readonly published: readonly PublishedSection[] }
export type NegotiatedPublishing = Publishing & { readonly sections: readonly AnswerSection[] }

/**
 * Decides what a publisher shall send: one codec for each of at most one audio and one video section (RFC 9725 section 4.4.2).
 * @throws AppError `unprocessable_sdp`, `no_common_codec`: a session with half of what was offered would mislead (section 4.4.3).
 */
export function negotiatePublishing (offer: Offer): NegotiatedPublishing {
  const published: PublishedSection[] = []
  const sections = offer.sections.map((offered): AnswerSection => {
    const { kind, mid } = offered
    if (kind !== 'audio' && kind !== 'video') return { offered, rejected: true }
    const sends = offered.direction === 'sendonly' || offered.direction === 'sendrecv'
    if (!sends) throw wrong(`Media section “${mid}” does not send: a publisher offers “a=sendonly”.`, `section “${mid}”: a=${offered.direction}`, 'a=sendonly')
    const isSecond = published.some(section => section.kind === kind)
    if (isSecond) throw wrong(`The offer has two ${kind} sections; one participant publishes one of each.`, `section “${mid}”: m=${kind}`, `one section of ${kind}`)
    const section = receive(offered, kind)
    if (!section) throw noCodecIn(mid, kind)
    published.push(section)
    const { negotiated, extensions, rids } = section
    const receiveRids = offered.sendRids.filter(rid => rids.includes(rid))
    return { offered, direction: 'recvonly', codecs: codecsToReceive(negotiated), extensions, receiveRids }
  })
  if (published.length === 0) throw wrong('The offer has neither audio nor video: there is nothing to publish.', 'm=', '“m=audio” or “m=video”')
  return { sections, published }
}

const wrong = (what: string, field: string, expected: string): AppError => new AppError('unprocessable_sdp', what, { problems: [{ field, expected }] })

function noCodecIn (mid: string, kind: MediaKind): AppError {
  const expected = preferred[kind].join(', ')
  return new AppError('no_common_codec', `None of the ${kind} codecs offered is accepted here: ${expected}.`, { problems: [{ field: `section “${mid}”: a=rtpmap`, expected: `one of ${expected}` }] })
}

function receive (offered: OfferedSection, kind: MediaKind): PublishedSection | undefined {
  for (const name of preferred[kind]) {
    const found = findCodec(offered, codec(name), feedback)
    if (!found) continue
    const negotiated = name === 'opus' ? { ...found, codec: describeOpusDecoder(found.codec) } : found
    const { codec: { parameters, channels } } = negotiated
    const known = codec(name, { clockRate: codecTable[name].clockRate, parameters, ...kind === 'audio' ? { channels } : {} })
    const estimated = negotiated.codec.feedback.includes('goog-remb')
    const isWanted = ({ uri }: HeaderExtension): boolean => {
      if (uri === ExtensionUri.absoluteSendTime) return estimated
      if (uri === ExtensionUri.dependencyDescriptor) return name === 'AV1' // VP9 says it in its payload.
      return wantedExtensions.has(uri)
    }
    const extensions = offered.extensions.filter(isWanted)
    const tellsLayers = kind === 'video' && extensions.some(({ uri }) => uri === ExtensionUri.rid)
    const rids = tellsLayers ? orderLayers(offered.sendRids.slice(0, MAX_LAYERS)) : []
    return { kind, mid: offered.mid, codec: known, negotiated, extensions, rids }
  }
  return undefined
}
