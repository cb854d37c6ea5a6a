import { randomInt } from 'node:crypto'
import { AppError } from '../../lib/errors.ts'
import { type Codec, codec, type MediaKind, opus, telephoneCodecs } from '../../media/codec.ts'
import type { AnswerSection } from '../../protocols/webrtc/sdp-answer.ts'
import { codecsToSend, findCodec, type NegotiatedCodec } from '../../protocols/webrtc/sdp-codecs.ts'
import { ExtensionUri, type HeaderExtension, type Offer, type OfferedSection, type SentStream } from '../../protocols/webrtc/sdp-types.ts'
import type { Audience, Scene } from './stage.ts'

/** One section of the answer that will carry something. */
export type ViewedSection = {
  readonly kind: MediaKind
  /** Its index among the media sections of the offer, and its name. */
  readonly index: number
  readonly mid: string
  /** Which of the scene's places of its kind it shows. */
  readonly place: number
  readonly codec: Codec
  readonly negotiated: NegotiatedCodec
  readonly stream: SentStream
  readonly extensions: readonly HeaderExtension[]
  /** Whether somebody's sound is transcoded to get here. */
  readonly transcoded: boolean
}

export type Viewing = { readonly viewed: readonly ViewedSection[] }
export type NegotiatedViewing = Viewing & { readonly sections: readonly AnswerSection[] }

const sentExtensions: Readonly<Record<MediaKind, ReadonlySet<string>>> = {
  audio: new Set([ExtensionUri.transportCc]),
  video: new Set([ExtensionUri.transportCc, ExtensionUri.playoutDelay])
}
const feedback: ReadonlySet<string> = new Set(['nack', 'nack pli', 'ccm fir', 'transport-cc', 'goog-remb'])

/** Where nothing is published yet: what most publishers send and every browser decodes. */
const presumedVideo = codec('H264')

/** No viewer is sent more pictures, or more sounds, at once. */
const MAX_PLACES: Audience['places'] = { video: 25, audio: 10 }

/**
 * How many pictures and sounds an offer has room for: of one participant, one of each (draft-ietf-wish-whep section 4.3).
 * @throws AppError `unprocessable_sdp` if for none.
 */
export function placesIn (offer: Offer, wanted: string | undefined): Audience['places'] {
  const placesOf = (kind: MediaKind): number =>
    Math.min(offer.sections.filter(section => section.kind === kind && receives(section)).length, wanted === undefined ? MAX_PLACES[kind] : 1)
  const places = { video: placesOf('video'), audio: placesOf('audio') }
  if (places.video + places.audio === 0) throw nothingToWatchWith(offer)
  return places
}

/**
 * Decides what each section of a viewer's offer will carry: as many pictures and sounds as the scene has places for, each in its
 * publisher's own codec where the viewer takes it; sound else as Opus, or as telephones have it. The rest is turned down.
 * @throws AppError `unprocessable_sdp`, `no_common_codec`
 */
export function negotiateViewing (offer: Offer, scene: Scene, cname: string): NegotiatedViewing {
  const viewed: ViewedSection[] = []
  const sections = offer.sections.map((offered, index): AnswerSection => {
    const kind = offered.kind === 'audio' || offered.kind === 'video' ? offered.kind : undefined
    const place = viewed.filter(section => section.kind === kind).length
    const view = kind && place < scene[kind].length && receives(offered) ? viewOf(offered, { kind, index, place }, scene, cname) : undefined
    if (!view) return { offered, rejected: true }
    viewed.push(view)
    const { negotiated, stream, extensions } = view
    return { offered, direction: 'sendonly', codecs: codecsToSend(negotiated), extensions, stream }
  })
  if (viewed.length === 0) throw nothingToSend(offer, scene)
  return { sections, viewed }
}

const receives = ({ direction }: OfferedSection): boolean => direction === 'recvonly' || direction === 'sendrecv'

function viewOf (offered: OfferedSection, where: Pick<ViewedSection, 'kind' | 'index' | 'place'>, scene: Scene, cname: string): ViewedSection | undefined {
  const { kind, index, place } = where
  const part = scene[kind][place]
  const published = part?.track.codec
  const choices = kind === 'audio' ? [published, opus, ...telephoneCodecs] : [published ?? presumedVideo]
  for (const choice of choices) {
    const negotiated = choice && findCodec(offered, choice, feedback)
    if (!negotiated) continue
    // Named for the participant, whose picture and sound are played in step; later changes are told by events.
    const streamId = part?.owner.info.id ?? `${cname}-${index}`
    const stream = { streamId, trackId: `${streamId}-${kind}`, cname, ssrc: randomSsrc(), rtxSsrc: negotiated.rtx && randomSsrc() }
    const reports = negotiated.codec.feedback.includes('transport-cc')
    const sends = ({ uri }: HeaderExtension): boolean => sentExtensions[kind].has(uri) || (choice.name === 'AV1' && uri === ExtensionUri.dependencyDescriptor)
    const extensions = offered.extensions.filter(extension => sends(extension) && (reports || extension.uri !== ExtensionUri.transportCc))
    return { ...where, mid: offered.mid, codec: choice, negotiated, stream, extensions, transcoded: published !== undefined && choice !== published }
  }
  return undefined
}

const randomSsrc = (): number => randomInt(1, 2 ** 32)

const mediaIn = (offer: Offer): OfferedSection[] => offer.sections.filter(({ kind }) => kind === 'audio' || kind === 'video')

const nothingToWatchWith = (offer: Offer): AppError => mediaIn(offer).length === 0
  ? wrong('The offer has neither audio nor video: there is nothing to watch with.', 'm=', '“m=audio” or “m=video”')
  : wrong('No media section of the offer receives: a viewer offers “a=recvonly”.', `section “${mediaIn(offer)[0]!.mid}”: a=${mediaIn(offer)[0]!.direction}`, 'a=recvonly')

const wrong = (what: string, field: string, expected: string): AppError => new AppError('unprocessable_sdp', what, { problems: [{ field, expected }] })

function nothingToSend (offer: Offer, scene: Scene): AppError {
  const offered = [...new Set(mediaIn(offer).flatMap(section => section.codecs.map(({ name }) => name)))].slice(0, 16).join(', ')
  const published = [...new Set([...scene.video, ...scene.audio].filter(part => part !== undefined).map(({ track }) => track.codec.name))].join(', ')
  const needed = `${published || 'H264'}${scene.audio.some(part => part !== undefined) ? ' or, for the sound, opus, G722, PCMU or PCMA' : ''}`
  return new AppError('no_common_codec', `The offer has ${offered || 'no codec that is known'}; needed are ${needed}.`, { problems: [{ field: 'a=rtpmap', expected: needed }] })
}
