import type { SessionInfo } from '../../room/session.ts'

export type Decision = { readonly what: string, readonly decided: string }

type Media = { kind?: unknown, participant?: unknown, codec?: unknown, negotiated?: unknown, flowing?: unknown, transcoded?: unknown, retransmission?: unknown, layerSwitches?: unknown, layers?: unknown }

/** What was decided of a session's media, and why, in words. */
export function decisionsOf ({ kind, stats: { detail } }: SessionInfo): Decision[] {
  const { sections, video, audio } = detail
  const all: unknown[] = Array.isArray(sections) ? sections : [withKind(video, 'video'), withKind(audio, 'audio')]
  return all.filter(isMedia).map(media => ({ what: nameOf(media), decided: sentence(kind, media) }))
}

const withKind = (media: unknown, kind: string): unknown => isMedia(media) ? { ...media, kind } : undefined

function nameOf ({ kind, participant }: Media): string {
  const what = kind === 'audio' ? 'Sound' : 'Picture'
  return typeof participant === 'string' ? `${what} of ${participant}` : what
}

const isMedia = (value: unknown): value is Media => typeof value === 'object' && value !== null

function sentence (kind: string, { codec, flowing, transcoded, retransmission, layerSwitches, layers }: Media): string {
  const name = typeof codec === 'string' ? codec : 'an unknown codec'
  if (flowing === false) return `${name} was agreed on; nothing came.`
  const parts = [transcoded === true
    ? `Transcoded to ${name}: the receiver takes no codec that it is published in.`
    : kind === 'whep' ? `${name}, passed through untouched: the viewer takes what is published.` : `${name}, taken as it comes and passed on untouched.`]
  if (Array.isArray(layers) && layers.length > 1) parts.push(`Published in ${layers.length} qualities (simulcast).`)
  if (retransmission === 'rtx') parts.push('What is lost is sent again as RTX (RFC 4588).')
  if (retransmission === 'plain') parts.push('What is lost is sent again as it was: the viewer offers no RTX.')
  if (typeof layerSwitches === 'number') parts.push(`Its quality followed the path: ${layerSwitches} ${layerSwitches === 1 ? 'change' : 'changes'}.`)
  return parts.join(' ')
}
