import type { Room } from '../../room/room.ts'
import type { Track } from '../../room/track.ts'
import type { Scene } from './stage.ts'
import type { ViewedSection } from './viewing.ts'

/**
 * What a viewer can be told while it watches. The first four are of draft-ietf-wish-whep; `sections` says whom each section shows,
 * `dominantspeaker` who holds the floor.
 */
export const viewerEvents = ['active', 'inactive', 'layers', 'viewercount', 'sections', 'dominantspeaker'] as const
export type ViewerEvent = typeof viewerEvents[number]

/** Bitrates change all the time; a change by less than this part is no news. */
const BITRATE_STEP = 1.5

/** What there is to tell of one viewer's session, now. */
export type ViewerState = {
  readonly viewed: readonly ViewedSection[]
  readonly scene: Scene
  readonly room: Room
  readonly viewers: number
}

/** The state of things, by event: the data to be told, and what of it makes it worth telling again. */
export type Telling = { readonly event: ViewerEvent, readonly data: unknown, readonly news: unknown }

/** What is true now, each with the event that says so. */
export function tellingsOf ({ viewed, scene, room, viewers }: ViewerState): Telling[] {
  const parts = viewed.map(section => ({ section, part: scene[section.kind][section.place] }))
  const isActive = parts.some(({ part }) => part !== undefined)
  const layers = Object.fromEntries(parts.filter(({ section }) => section.kind === 'video').map(({ section: { index }, part }) => [index, layersOf(part?.track)]))
  const sections = Object.fromEntries(parts.map(({ section: { index, mid, kind }, part }) => [index, {
    mid, kind, participant: part?.owner.info.identity ?? null, name: part?.owner.info.name ?? null, speaking: part !== undefined && room.speakers.isSpeaking(part.owner)
  }]))
  const speaker = { participant: room.speakers.dominant?.info.identity ?? null }
  return [
    { event: isActive ? 'active' : 'inactive', data: {}, news: isActive },
    told('sections', sections),
    told('dominantspeaker', speaker),
    { event: 'layers', data: layers, news: Object.values(layers).map(all => all.map(({ rid, bitrate }) => [rid, scaleOf(bitrate)])) },
    told('viewercount', { viewercount: viewers })
  ]
}

const told = (event: ViewerEvent, data: unknown): Telling => ({ event, data, news: data })

/** `encodingId` is what earlier drafts called the rid, and many players still do. Best first. */
const layersOf = (track: Track | undefined): { rid: string, encodingId: string, bitrate: number }[] =>
  (track?.layers ?? []).toReversed().map(({ rid = '', bitrate = 0 }) => ({ rid, encodingId: rid, bitrate }))

const scaleOf = (bitrate: number): number => bitrate === 0 ? -1 : Math.round(Math.log(bitrate) / Math.log(BITRATE_STEP))
