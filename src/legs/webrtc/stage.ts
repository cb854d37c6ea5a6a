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
  /** The viewer's own identity, where it is known: nobody watches or hears themselves. */
  readonly self?: string | undefined
  /** Sections there are for each kind. */
  readonly places: { readonly [kind in MediaKind]: number }
}

const emptyScene: Scene = { audio: [], video: [] }
/** How the call page names a screen: `Ann~x1y2~screen` is that of `Ann~x1y2`. */
const SCREEN_MARK = '~screen'
const isScreen = (participant: Participant): boolean => participant.info.identity.endsWith(SCREEN_MARK)
const kinds = ['video', 'audio'] as const

export const isEmpty = (scene: Scene): boolean => !kinds.some(kind => scene[kind].some(part => part !== undefined))

/** Who is shown to an audience, given who was: screens before people, who held the floor last before the rest. Whoever stays keeps the section. */
export function cast (room: Room, audience: Audience, before: Scene = emptyScene): Scene {
  const { places } = audience
  const people = room.speakers.rank(ownersFor(room, audience))
  const screens = people.filter(isScreen).toReversed() // The latest first.
  const video = seat(partsOf([...screens, ...people.filter(owner => !isScreen(owner))], 'video'), before.video, places.video)
  const sounds = partsOf(people, 'audio')
  const ranked = places.audio > 1 ? rankVoices(room, sounds, before.audio) : rankOne(room, sounds, video[0])
  return { video, audio: seat(ranked, before.audio, places.audio) }
}

function ownersFor (room: Room, { wanted, self }: Audience): Participant[] {
  if (wanted !== undefined) return [room.find(wanted)].filter(owner => owner !== undefined)
  const isSelf = ({ info: { identity } }: Participant): boolean => self !== undefined && (identity === self || identity === self + SCREEN_MARK)
  return [...room.participants.values()].filter(owner => !isSelf(owner))
}

/** Of each participant the track of a kind that was published first. */
const partsOf = (owners: readonly Participant[], kind: MediaKind): Part[] =>
  owners.map(owner => ({ owner, track: owner.tracks.values().find(track => track.codec.kind === kind) })).filter(hasTrack)

/** The one sound there is room for: of who holds the floor; while nobody is known to, the voice that belongs to the picture. */
function rankOne ({ speakers }: Room, sounds: readonly Part[], seen: Part | undefined): readonly Part[] {
  if (speakers.dominant || !seen) return sounds
  return sounds.toSorted((a, b) => Number(b.owner === seen.owner) - Number(a.owner === seen.owner))
}

/**
 * Who speaks is heard: in the place of whoever has been silent longest, never of another speaker. A publisher that does not say
 * how loud it is may always be speaking.
 */
function rankVoices ({ speakers }: Room, sounds: readonly Part[], before: readonly (Part | undefined)[]): readonly Part[] {
  const claimOf = ({ owner, track }: Part): number => {
    const mayBeSpeaking = track.audioLevel === undefined || speakers.isSpeaking(owner)
    return (mayBeSpeaking ? 2 : 0) + (before.some(part => part?.owner === owner) ? 1 : 0)
  }
  return sounds.toSorted((a, b) => claimOf(b) - claimOf(a) || speakers.spokeAt(b.owner) - speakers.spokeAt(a.owner) || 0)
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
 * Decides for one viewer who is shown in which section, as people come, speak and go. One that leaves and returns is the same, by
 * identity.
 */
export class Stage implements RoomWatcher, Disposable {
  readonly #room: Room
  readonly #audience: Audience
  readonly #changed: (scene: Scene) => void
  readonly #stack: Disposable
  #scene: Scene

  /** @param changed called with what there is to show now, and each time that changes. */
  constructor (room: Room, audience: Audience, changed: (scene: Scene) => void) {
    this.#room = room
    this.#audience = audience
    this.#changed = () => {} // Nobody needs to hear of the room's contents piece by piece.
    using stack = new DisposableStack()
    if (audience.wanted === undefined) stack.use(room.speakers.follow(() => this.#recast()))
    this.#scene = cast(room, audience)
    stack.use(room.watch(this))
    this.#stack = stack.move()
    this.#changed = changed
    changed(this.#scene)
  }

  get scene (): Scene { return this.#scene }

  trackAdded (): void { this.#recast() }
  trackRemoved (): void { this.#recast() }

  [Symbol.dispose] (): void { this.#stack[Symbol.dispose]() }

  #recast (): void {
    const before = this.#scene
    this.#scene = cast(this.#room, this.#audience, before)
    const same = kinds.every(kind => this.#scene[kind].every((part, place) => part?.track === before[kind][place]?.track))
    if (!same) this.#changed(this.#scene)
  }
}
