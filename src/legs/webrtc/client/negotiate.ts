import { randomInt } from 'node:crypto'
import { AppError } from '../../../lib/errors.ts'
import { type Codec, codec, type CodecName, codecTable, type MediaKind, opus } from '../../../media/codec.ts'
import type { PeerAnswer } from '../../../protocols/webrtc/sdp-answer.ts'
import { findCodec, oneEstimate } from '../../../protocols/webrtc/sdp-codecs.ts'
import type { SectionToOffer } from '../../../protocols/webrtc/sdp-offer.ts'
import { ExtensionUri, type HeaderExtension, type OfferedSection, type SdpCodec } from '../../../protocols/webrtc/sdp-types.ts'
import type { Advice } from '../../../room/leg.ts'
import type { PublishedSection, Publishing } from '../publishing.ts'
import type { Scene } from '../stage.ts'
import type { ViewedSection, Viewing } from '../viewing.ts'
import { audioCodecsFor, everyAudioCodec, everyVideoCodec, videoCodecsFor } from './offered-codecs.ts'

const kinds: readonly MediaKind[] = ['audio', 'video']
const feedback: ReadonlySet<string> = new Set(['nack', 'nack pli', 'ccm fir', 'transport-cc', 'goog-remb'])
const transportCc: HeaderExtension = { id: 3, uri: ExtensionUri.transportCc }
const absoluteSendTime: HeaderExtension = { id: 2, uri: ExtensionUri.absoluteSendTime }
/** With AV1. */
const descriptors: HeaderExtension = { id: 4, uri: ExtensionUri.dependencyDescriptor }
const among = (...extensions: HeaderExtension[]) => ({ uri }: HeaderExtension): boolean => extensions.some(one => one.uri === uri)

/** What a room's scene offers to a WHIP server: its picture as it is, its sound as it is or as Opus. */
export function offerOf (scene: Scene, cname: string): SectionToOffer[] {
  return kinds.flatMap(kind => {
    const [part] = scene[kind]
    if (!part) return []
    const codecs = kind === 'video' ? videoCodecsFor(part.track.codec) : audioCodecsFor(part.track.codec)
    const rtxSsrc = codecs.some(({ name }) => name === 'rtx') ? randomSsrc() : undefined
    return { kind, mid: kind, direction: 'sendonly' as const, codecs, extensions: extensionsWith(codecs), stream: { streamId: cname, trackId: `${cname}-${kind}`, cname, ssrc: randomSsrc(), rtxSsrc } }
  })
}

const extensionsWith = (codecs: readonly SdpCodec[]): HeaderExtension[] => codecs.some(({ name }) => name === 'av1') ? [transportCc, descriptors] : [transportCc]
const randomSsrc = (): number => randomInt(1, 2 ** 32)

/** What will be sent, and what a person should know of the rest. @throws AppError `no_common_codec` when nothing will. */
export function agreeToSend (offered: readonly SectionToOffer[], answer: PeerAnswer, scene: Scene): { viewing: Viewing, advice: readonly Advice[] } {
  const viewed: ViewedSection[] = []
  const advice: Advice[] = []
  for (const [index, { kind, mid, stream }] of offered.entries()) {
    const published = scene[kind][0]!.track.codec
    const section = answer.sections[index]
    const found = section && receives(section) ? chosen(section, kind === 'video' ? [published] : [published, opus]) : undefined
    const extensions = section?.extensions.filter(among(transportCc, descriptors)) ?? []
    if (found) viewed.push({ kind, index, mid, place: 0, ...found, stream: stream!, extensions, transcoded: found.codec.name !== published.name })
    else advice.push(notTaken(kind, published))
  }
  if (viewed.length === 0) throw new AppError('no_common_codec', advice.map(({ message }) => message).join(' '))
  return { viewing: { viewed }, advice }
}

function chosen (section: OfferedSection, choices: readonly Codec[]): Pick<ViewedSection, 'codec' | 'negotiated'> | undefined {
  for (const choice of choices) {
    const negotiated = findCodec(section, choice, feedback)
    if (negotiated) return { codec: choice, negotiated }
  }
  return undefined
}

const notTaken = (kind: MediaKind, { name }: Codec): Advice => kind === 'video'
  ? { code: 'no_common_codec', message: `The server takes no ${name}: it gets no picture.`, remedy: 'Publish H264, which every WebRTC server takes; pictures are not transcoded.' }
  : { code: 'no_common_codec', message: `The server takes neither ${name} nor opus: it gets no sound.`, remedy: 'Have the server accept opus.' }

/** What is taken from a WHEP server: one audio and one video, in whatever codec it has. */
export const offerToReceive: readonly SectionToOffer[] = kinds.map(kind => {
  const codecs = kind === 'video' ? everyVideoCodec : everyAudioCodec
  return { kind, mid: kind, direction: 'recvonly', codecs, extensions: kind === 'video' ? [...extensionsWith(codecs), absoluteSendTime] : extensionsWith(codecs) }
})

/**
 * What will come. A server that lists several codecs may send any of them, so each is listened for.
 * @throws AppError `no_common_codec` when nothing will.
 */
export function agreeToReceive (answer: PeerAnswer): Publishing {
  const published = answer.sections.flatMap((section): PublishedSection[] => {
    const kind = section?.kind
    if (!section || !sends(section) || (kind !== 'audio' && kind !== 'video')) return []
    const extensions = section.extensions.filter(among(transportCc, absoluteSendTime, descriptors))
    return section.codecs.flatMap(sdp => {
      const known = codecOf(sdp, kind)
      if (!known) return []
      const rtx = section.codecs.find(({ name, parameters }) => name === 'rtx' && parameters.apt === String(sdp.payloadType))
      const negotiated = { codec: { ...sdp, feedback: oneEstimate(section, sdp.feedback.filter(one => feedback.has(one))) }, rtx, red: undefined }
      return { kind, mid: `${section.mid}-${sdp.payloadType}`, codec: known, negotiated, extensions, rids: [] }
    })
  })
  if (published.length === 0) throw new AppError('no_common_codec', 'The server sends neither audio nor video in a codec that is known here.')
  return { published }
}

const names = new Map((Object.keys(codecTable) as CodecName[]).map(name => [name.toLowerCase(), name]))

/** Undefined for retransmissions, comfort noise and their like. */
function codecOf ({ name, channels, clockRate, parameters }: SdpCodec, kind: MediaKind): Codec | undefined {
  const known = names.get(name)
  if (known === undefined || codecTable[known].kind !== kind || codecTable[known].clockRate !== clockRate) return undefined
  return codec(known, { parameters, ...kind === 'audio' ? { channels } : {} })
}

const receives = ({ direction }: OfferedSection): boolean => direction === 'recvonly' || direction === 'sendrecv'
const sends = ({ direction }: OfferedSection): boolean => direction === 'sendonly' || direction === 'sendrecv'
