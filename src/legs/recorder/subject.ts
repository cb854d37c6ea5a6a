import type { Participant, Room, RoomWatcher } from '../../room/room.ts'
import type { Track } from '../../room/track.ts'

export type SubjectHandlers = {
  /** The one to record is known. */
  found (participant: Participant): void
  /** It is here, with these tracks: at first, or back again. */
  here (tracks: readonly Track[]): void
  trackAdded (track: Track): void
  /** @param left the tracks that remain: one of them may take its place */
  trackRemoved (track: Track, left: readonly Track[]): void
  away (): void
}

/**
 * Follows the one participant of a room that is recorded: the one asked for, by identity or id; else the first who publishes
 * video; else the first who publishes at all. It stays the same identity for good, however often it leaves and returns.
 */
export class Subject implements RoomWatcher, Disposable {
  readonly #wanted: string | undefined
  readonly #handlers: SubjectHandlers
  readonly #watching: Disposable
  #identity: string | undefined
  /** Of its present stay in the room. */
  #participantId: string | undefined
  #looking = true

  constructor (room: Room, wanted: string | undefined, handlers: SubjectHandlers) {
    this.#wanted = wanted
    this.#handlers = handlers
    const present = wanted === undefined ? firstPublisher(room) : room.find(wanted)
    if (present) this.#arrived(present)
    this.#watching = room.watch(this)
    this.#looking = false
  }

  get here (): boolean { return this.#participantId !== undefined }

  participantJoined (participant: Participant): void {
    if (!this.#looking && this.#isIt(participant)) this.#arrived(participant)
  }

  participantLeft ({ info }: Participant): void {
    if (info.id !== this.#participantId) return
    this.#participantId = undefined
    this.#handlers.away()
  }

  trackAdded (track: Track, owner: Participant): void {
    if (this.#looking) return // What was here already has been looked at, all at once.
    if (owner.info.id === this.#participantId) this.#handlers.trackAdded(track)
    else if (this.#identity === undefined && this.#wanted === undefined) this.#arrived(owner)
  }

  trackRemoved (track: Track, owner: Participant): void {
    if (owner.info.id === this.#participantId) this.#handlers.trackRemoved(track, [...owner.tracks.values()])
  }

  [Symbol.dispose] (): void { this.#watching[Symbol.dispose]() }

  #isIt ({ info }: Participant): boolean {
    return this.#identity === undefined ? info.identity === this.#wanted || info.id === this.#wanted : info.identity === this.#identity
  }

  #arrived (participant: Participant): void {
    const isFirst = this.#identity === undefined
    this.#identity = participant.info.identity
    this.#participantId = participant.info.id
    if (isFirst) this.#handlers.found(participant)
    this.#handlers.here([...participant.tracks.values()])
  }
}

function firstPublisher (room: Room): Participant | undefined {
  const publishers = [...room.participants.values()].filter(participant => participant.tracks.size > 0)
  return publishers.find(({ tracks }) => tracks.values().some(track => track.codec.kind === 'video')) ?? publishers[0]
}
