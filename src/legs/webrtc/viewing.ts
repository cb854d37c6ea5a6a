import { randomInt } from 'node:crypto'
import { AppError } from '../../lib/errors.ts'
import { type Codec, codec, type MediaKind, opus } from '../../media/codec.ts'
import type { AnswerSection, SentStream } from '../../protocols/webrtc/sdp-answer.ts'
import { findCodec, type NegotiatedCodec } from '../../protocols/webrtc/sdp-codecs.ts'
import { ExtensionUri, type HeaderExtension, type Offer, type OfferedSection } from '../../protocols/webrtc/sdp-types.ts'
import type { Scene } from './subject.ts'

/** One section of the answer that will carry something. */
export type ViewedSection = {
  readonly codec: Codec
  readonly negotiated: NegotiatedCodec
  readonly stream: SentStream
  readonly extensions: readonly HeaderExtension[]
  /** Whether somebody's sound is transcoded to get here. */
  readonly transcoded: boolean
}

export type Viewing = { readonly sections: readonly AnswerSection[], readonly viewed: { readonly [kind in MediaKind]?: ViewedSection } }

const sentExtensions: Readonly<Record<MediaKind, ReadonlySet<string>>> = { 
  audio: new Set([ExtensionUri.transportCc]),
  video: new Set([ExtensionUri.transportCc, ExtensionUri.playoutDelay])
}
const feedback: ReadonlySet<string> = new Set(['nack', 'nack pli', 'ccm fir', 'transport-cc'])

/** Where nothing is published yet: what most publishers send and every browser decodes. */
const presumedVideo = codec('H264')

/**
 * Decides what each section of a viewer's offer will carry: one audio and one video (draft-ietf-wish-whep section 4.3), in the
 * publisher's own codec where the viewer takes it; sound else as Opus. The rest is turned down.
 * @throws AppError `unprocessable_sdp`, `no_common_codec`
 */
export function negotiateViewing (offer: Offer, scene: Scene, cname: string): Viewing {
  const viewed: { [kind in MediaKind]?: ViewedSection } = {}
  const sections = offer.sections.map((offered): AnswerSection => {
    const kind = offered.kind === 'audio' || offered.kind === 'video' ? offered.kind : undefined
    const section = kind && !viewed[kind] && receives(offered) ? view(offered, kind, scene, cname) : undefined
    if (!section) return { offered, rejected: true }
    viewed[kind!] = section
    const { negotiated: { codec: chosen, rtx }, stream, extensions } = section
    return { offered, direction: 'sendonly', codecs: rtx ? [chosen, rtx] : [chosen], extensions, stream }
  })
  if (!viewed.audio && !viewed.video) throw nothingToSend(offer, scene)
  return { sections, viewed }
}

const receives = ({ direction }: OfferedSection): boolean => direction === 'recvonly' || direction === 'sendrecv'

function view (offered: OfferedSection, kind: MediaKind, scene: Scene, cname: string): ViewedSection | undefined {
  const published = scene[kind]?.codec
  const choices = kind === 'audio' ? [published, opus] : [published ?? presumedVideo]
  for (const choice of choices) {
    const negotiated = choice && findCodec(offered, choice, feedback)
    if (!negotiated) continue
    const stream = { streamId: cname, trackId: `${cname}-${kind}`, cname, ssrc: randomSsrc(), rtxSsrc: negotiated.rtx && randomSsrc() }
    const reports = negotiated.codec.feedback.includes('transport-cc')
    const extensions = offered.extensions.filter(({ uri }) => sentExtensions[kind].has(uri) && (reports || uri !== ExtensionUri.transportCc))
    return { codec: choice, negotiated, stream, extensions, transcoded: published !== undefined && choice !== published }
  }
  return undefined
}

const randomSsrc = (): number => randomInt(1, 2 ** 32)

function nothingToSend (offer: Offer, scene: Scene): AppError {
  const media = offer.sections.filter(({ kind }) => kind === 'audio' || kind === 'video')
  if (media.length === 0) return new AppError('unprocessable_sdp', 'The offer has neither audio nor video: there is nothing to watch with.')
  if (!media.some(receives)) return new AppError('unprocessable_sdp', 'No media section of the offer receives: a viewer offers “a=recvonly”.')
  const offered = [...new Set(media.flatMap(section => section.codecs.map(({ name }) => name)))].slice(0, 16).join(', ')
  const published = [scene.video, scene.audio].filter(track => track !== undefined).map(track => track.codec.name).join(', ')
  const needed = `${published || 'H264'}${scene.audio ? ' or, for the sound, opus' : ''}`
  return new AppError('no_common_codec', `The offer has ${offered || 'no codec that is known'}; needed are ${needed}.`)
}
