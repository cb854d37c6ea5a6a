import type { MediaKind } from '../../media/codec.ts'
import type { Participant, Room, RoomWatcher } from '../../room/room.ts'
import type { Track } from '../../room/track.ts'

/** The picture and the sound of one participant: of each kind the track that was published first. */
export type Scene = { readonly [kind in MediaKind]: Track | undefined }

const trackOf = (participant: Participant | undefined, kind: MediaKind): Track | undefined => participant?.tracks.values().find(track => track.codec.kind === kind)

/** @param wanted identity or id; without, whoever publishes video, else whoever publishes. */
export function findSubject (room: Room, wanted: string | undefined): Participant | undefined {
  if (wanted !== undefined) return room.find(wanted)
  const publishers = [...room.participants.values()].filter(participant => participant.tracks.size > 0)
  return publishers.find(participant => trackOf(participant, 'video')) ?? publishers[0]
}

export const sceneOf = (participant: Participant | undefined): Scene => ({ audio: trackOf(participant, 'audio'), video: trackOf(participant, 'video') })

/**
 * Follows one participant through a room, by identity: one that leaves and returns is the same. A viewer who asked for nobody
 * in particular is shown whoever is there, and somebody else when that one leaves.
 */
export class Subject implements RoomWatcher, Disposable {
  readonly #room: Room
  readonly #wanted: string | undefined
  readonly #changed: (scene: Scene) => void
  readonly #watching: Disposable
  #participant: Participant | undefined

  /** @param changed called with what there is to show now, and each time that changes. */
  constructor (room: Room, wanted: string | undefined, changed: (scene: Scene) => void) {
    this.#room = room
    this.#wanted = wanted
    this.#changed = () => {} // Nobody needs to hear of the room's contents piece by piece.
    this.#participant = findSubject(room, wanted)
    this.#watching = room.watch(this)
    this.#changed = changed
    this.#tell()
  }

  get identity (): string | undefined { return this.#participant?.info.identity }

  participantJoined (participant: Participant): void {
    if (!this.#participant && this.#wanted !== undefined && this.#isWanted(participant)) this.#participant = participant
  }

  participantLeft (participant: Participant): void {
    if (participant !== this.#participant) return
    this.#participant = findSubject(this.#room, this.#wanted)
    this.#tell()
  }

  trackAdded (_track: Track, owner: Participant): void {
    if (!this.#participant && this.#wanted === undefined) this.#participant = owner
    if (owner === this.#participant) this.#tell()
  }

  trackRemoved (_track: Track, owner: Participant): void {
    if (owner === this.#participant) this.#tell()
  }

  [Symbol.dispose] (): void { this.#watching[Symbol.dispose]() }

  #isWanted ({ info }: Participant): boolean { return info.identity === this.#wanted || info.id === this.#wanted }
  #tell (): void { this.#changed(sceneOf(this.#participant)) }
}
