import { DominantSpeaker } from '../media/dominant-speaker.ts'
import type { Participant, Room, RoomWatcher } from './room.ts'
import type { Track } from './track.ts'

/**
 * Who speaks in a room, as far as publishers say how loud they are. It listens while somebody wants to know, and costs nothing
 * else. A participant whose loudness nobody tells counts as neither silent nor dominant.
 */
export class Speakers implements RoomWatcher {
  readonly #room: Room
  #speakers = new DominantSpeaker<Participant>()
  #listeners: readonly (() => void)[] = []
  #watching: Disposable | undefined

  constructor (room: Room) { this.#room = room }

  /** Whoever holds the floor; undefined while it is not known. */
  get dominant (): Participant | undefined { return this.#speakers.dominant }

  isSpeaking (participant: Participant): boolean { return this.#speakers.isSpeaking(participant) }
  /** When somebody spoke last (ms), -Infinity for never. */
  spokeAt (participant: Participant): number { return this.#speakers.spokeAt(participant) }

  /** Those who held the floor last come first; the others in the order given. */
  rank (participants: readonly Participant[]): Participant[] {
    return participants.toSorted((a, b) => {
      const [first, second] = [this.#speakers.dominatedAt(a), this.#speakers.dominatedAt(b)]
      return first === second ? 0 : second - first
    })
  }

  /** @param changed called when somebody else takes the floor, and when somebody begins or ceases to speak */
  follow (changed: () => void): Disposable {
    this.#listeners = [...this.#listeners, changed]
    this.#watching ??= this.#room.watch(this)
    return { [Symbol.dispose]: () => this.#unfollow(changed) }
  }

  trackAdded (track: Track, owner: Participant): void {
    if (track.codec.kind !== 'audio') return
    track.onAudioLevel = (level, now) => {
      if (this.#speakers.hear(owner, level, now)) for (const changed of this.#listeners) changed()
    }
  }

  trackRemoved (track: Track): void { track.onAudioLevel = undefined }
  participantLeft (participant: Participant): void { this.#speakers.forget(participant) }

  #unfollow (changed: () => void): void {
    this.#listeners = this.#listeners.filter(listener => listener !== changed)
    if (this.#listeners.length > 0 || !this.#watching) return
    this.#watching[Symbol.dispose]()
    this.#watching = undefined
    this.#speakers = new DominantSpeaker()
    for (const { tracks } of this.#room.participants.values()) for (const track of tracks.values()) track.onAudioLevel = undefined
  }
}
