import type { MediaKind } from '../../media/codec.ts'
import type { Participant, Room, RoomWatcher } from '../../room/room.ts'
import type { Track } from '../../room/track.ts'

/** Somebody's picture or sound, in one section of a viewer's session. */
export type Part = { readonly owner: Participant, readonly track: Track }

/** What a viewer's sections carry, each kind in the order of its sections. */
export type Scene = { readonly [kind in MediaKind]: readonly (Part | undefined)[] }

export type Audience = {
  /** Identity or id of the one to be shown; without, whoever is there. */
  readonly wanted?: string | undefined
  /** Sections there are for each kind. */
  readonly places: { readonly [kind in MediaKind]: number }
}

const emptyScene: Scene = { audio: [], video: [] }
const kinds = ['video', 'audio'] as const

export const isEmpty = (scene: Scene): boolean => !kinds.some(kind => scene[kind].some(part => part !== undefined))

/** Who is shown to an audience, given who was. Whoever stays keeps the section. */
export function cast (room: Room, audience: Audience, before: Scene = emptyScene): Scene {
  const video = seat(candidates(room, 'video', audience), before.video, audience.places.video)
  const sounds = candidates(room, 'audio', audience)
  const [seen] = video
  // One sound for one picture: the voice that belongs to it.
  const audible = audience.places.audio === 1 && seen ? sounds.toSorted((a, b) => Number(b.owner === seen.owner) - Number(a.owner === seen.owner)) : sounds
  return { video, audio: seat(audible, before.audio, audience.places.audio) }
}

/** Of each participant the track of a kind that was published first, those to be preferred first. */
function candidates (room: Room, kind: MediaKind, { wanted }: Audience): Part[] {
  const one = wanted === undefined ? undefined : room.find(wanted)
  const owners = wanted === undefined ? [...room.participants.values()] : one ? [one] : []
  return owners.map(owner => ({ owner, track: owner.tracks.values().find(track => track.codec.kind === kind) })).filter(hasTrack)
}

const hasTrack = (part: { owner: Participant, track: Track | undefined }): part is Part => part.track !== undefined

function seat (ranked: readonly Part[], before: readonly (Part | undefined)[], places: number): (Part | undefined)[] {
  const chosen = ranked.slice(0, places)
  const staying = (part: Part | undefined): Part | undefined => part && chosen.find(({ owner }) => owner.info.identity === part.owner.info.identity)
  const seats = Array.from({ length: places }, (_, place) => staying(before[place]))
  const newcomers = chosen.filter(part => !seats.includes(part))
  return seats.map(part => part ?? newcomers.shift())
}

/**
 * Decides for one viewer who is shown in which section, as people come and go. One that leaves and returns is the same, by
 * identity.
 */
export class Stage implements RoomWatcher, Disposable {
  readonly #room: Room
  readonly #audience: Audience
  readonly #changed: (scene: Scene) => void
  readonly #watching: Disposable
  #scene: Scene

  /** @param changed called with what there is to show now, and each time that changes. */
  constructor (room: Room, audience: Audience, changed: (scene: Scene) => void) {
    this.#room = room
    this.#audience = audience
    this.#changed = () => {} // Nobody needs to hear of the room's contents piece by piece.
    this.#scene = cast(room, audience)
    this.#watching = room.watch(this)
    this.#changed = changed
    changed(this.#scene)
  }

  get scene (): Scene { return this.#scene }

  trackAdded (): void { this.#recast() }
  trackRemoved (): void { this.#recast() }

  [Symbol.dispose] (): void { this.#watching[Symbol.dispose]() }

  #recast (): void {
    const before = this.#scene
    this.#scene = cast(this.#room, this.#audience, before)
    const same = kinds.every(kind => this.#scene[kind].every((part, place) => part?.track === before[kind][place]?.track))
    if (!same) this.#changed(this.#scene)
  }
}
