import { AppError } from '../lib/errors.ts'
import { newId } from '../lib/ids.ts'
import type { Codec } from '../media/codec.ts'
import { Speakers } from './speakers.ts'
import { Track } from './track.ts'

/** More tracks than any honest participant has: camera, screen, microphone, and layers of each. */
const MAX_TRACKS_PER_PARTICIPANT = 16

export type ParticipantInfo = {
  /** One stay in one room: never used again. */
  readonly id: string
  /** Who it is: the same person or encoder has the same identity when it comes back. */
  readonly identity: string
  readonly name: string
  /** The kind of leg or engine it came through: `rtmp`, `whip`, `sip`, `livekit`, … */
  readonly source: string
  readonly auraId?: string
  /** The session that brought it; a participant mirrored from elsewhere has none. Ending the session is how it is shown the door. */
  readonly sessionId?: string
  readonly joinedAt: Date
}

export type JoinRequest = { identity: string, name?: string, source: string, auraId?: string, sessionId?: string }

/** Told of all that is in a room and all that comes and goes. A watcher that throws breaks its own leg, nobody else's. */
export interface RoomWatcher {
  participantJoined? (participant: Participant): void
  participantLeft? (participant: Participant): void
  trackAdded? (track: Track, owner: Participant): void
  trackRemoved? (track: Track, owner: Participant): void
}

export class Participant implements Disposable {
  readonly info: ParticipantInfo
  readonly tracks = new Map<string, Track>()
  readonly #room: Room

  constructor (room: Room, info: ParticipantInfo) {
    this.#room = room
    this.info = info
  }

  publish (codec: Codec): Track {
    if (this.tracks.size >= MAX_TRACKS_PER_PARTICIPANT) throw new AppError('overloaded', `a participant may publish at most ${MAX_TRACKS_PER_PARTICIPANT} tracks`)
    const track = new Track(codec)
    this.tracks.set(track.id, track)
    this.#room.announce(watcher => watcher.trackAdded?.(track, this))
    return track
  }

  unpublish (track: Track): void {
    if (this.tracks.delete(track.id)) this.#room.announce(watcher => watcher.trackRemoved?.(track, this))
  }

  [Symbol.dispose] (): void {
    for (const track of this.tracks.values()) this.unpublish(track)
    this.#room.leave(this)
  }
}

/** A hub of participants and their encoded tracks. It knows no protocol and no conference server. */
export class Room {
  /** One opening of the room; the next conference of the same name has another id. */
  readonly id = newId('conference')
  readonly name: string
  readonly openedAt = new Date()
  readonly participants = new Map<string, Participant>()
  readonly speakers = new Speakers(this)
  /** Set by the bridge: where a watcher's mistake is reported. */
  onWatcherError: (error: unknown) => void = error => { throw error }
  #watchers: readonly RoomWatcher[] = []

  constructor (name: string) { this.name = name }

  /** @throws AppError `identity_taken` while a participant of this identity is here. */
  join ({ identity, name = identity, source, auraId, sessionId }: JoinRequest): Participant {
    if (this.find(identity)) throw new AppError('identity_taken', `“${identity}” is already in room ${this.name}`)
    const info = {
      id: newId('participant'), identity, name, source, joinedAt: new Date(),
      ...(auraId === undefined ? {} : { auraId }), ...(sessionId === undefined ? {} : { sessionId })
    }
    const participant = new Participant(this, info)
    this.participants.set(info.id, participant)
    this.announce(watcher => watcher.participantJoined?.(participant))
    return participant
  }

  /** By identity or by id. */
  find (who: string): Participant | undefined {
    return this.participants.get(who) ?? this.participants.values().find(p => p.info.identity === who)
  }

  /** Tells the watcher of everything already here, then of everything to come: no gap between a list and a listen. */
  watch (watcher: RoomWatcher): Disposable {
    this.#watchers = [...this.#watchers, watcher]
    for (const participant of this.participants.values()) {
      watcher.participantJoined?.(participant)
      for (const track of participant.tracks.values()) watcher.trackAdded?.(track, participant)
    }
    return { [Symbol.dispose]: () => { this.#watchers = this.#watchers.filter(w => w !== watcher) } }
  }

  announce (tell: (watcher: RoomWatcher) => void): void {
    for (const watcher of this.#watchers) {
      try {
        tell(watcher)
      } catch (error) {
        this.onWatcherError(error)
      }
    }
  }

  leave (participant: Participant): void {
    if (this.participants.delete(participant.info.id)) this.announce(watcher => watcher.participantLeft?.(participant))
  }
}
