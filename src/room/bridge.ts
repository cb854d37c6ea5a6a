import { aborted, ChildController, within } from '../lib/abort.ts'
import { AppError, messageOf } from '../lib/errors.ts'
import type { Logger } from '../lib/log.ts'
import type { Leg, RoomEngine } from './leg.ts'
import { Room } from './room.ts'
import { type ConferenceInfo, type Journal, participantChange, Session, type SessionOptions } from './session.ts'

/** Rooms that live in this process alone need no engine; this one does nothing until told to stop. */
export const localEngine: RoomEngine = { kind: 'local', run: (_room, signal) => aborted(signal) }

const ROOM_NAME = /^[A-Za-z0-9][A-Za-z0-9._~-]{0,127}$/

export type AdmissionRequest = SessionOptions & {
  readonly room: string
  /** Who asks, if known: for the gatekeeper. */
  readonly identity?: string
}

/** Asked before a leg enters. Throws AppError to refuse. */
export interface Gatekeeper { authorize (kind: string, request: AdmissionRequest): Promise<void> }

/** Read at every admission: an object with getters may change its mind while the bridge runs. */
export type BridgeLimits = { readonly sessions: number, readonly rooms: number }

type OpenRoom = { readonly room: Room, users: number, readonly close: () => Promise<void> }

export type BridgeOptions = { engine: RoomEngine, journal: Journal, log: Logger, limits: BridgeLimits, gatekeeper?: Gatekeeper }

/** All rooms and sessions of this process: who may come in, and how everybody leaves. */
export class Bridge implements AsyncDisposable {
  readonly sessions = new Map<string, Session>()
  readonly #rooms = new Map<string, OpenRoom>()
  readonly #options: BridgeOptions
  readonly #controller = new AbortController()
  #draining = false

  constructor (options: BridgeOptions) { this.#options = options }

  get draining (): boolean { return this.#draining }
  get rooms (): Room[] { return [...this.#rooms.values()].map(entry => entry.room) }
  room (name: string): Room | undefined { return this.#rooms.get(name)?.room }
  sessionsIn (room: string): Session[] { return [...this.sessions.values()].filter(s => s.room.name === room) }

  /**
   * Lets a leg into a room, opening the room if it is the first. The leg is running when this returns.
   * @throws AppError `bad_request` (room name), `draining`, `overloaded`, or whatever the gatekeeper says.
   */
  async admit (leg: Leg, request: AdmissionRequest): Promise<Session> {
    this.#checkAdmission(request.room)
    await this.#options.gatekeeper?.authorize(leg.kind, request)
    this.#checkAdmission(request.room) // The gatekeeper may have taken its time.
    const entry = this.#rooms.get(request.room) ?? this.#open(request.room)
    entry.users++
    const { journal, log } = this.#options
    const session = new Session(leg, request, { room: entry.room, journal, log })
    this.sessions.set(session.id, session)
    void session.done.then(() => this.#left(session, entry))
    return session
  }

  /** Ends every session in a room; the room closes with the last of them. */
  async closeRoom (name: string, reason: string): Promise<void> {
    await Promise.all(this.sessionsIn(name).map(session => session.close(reason)))
  }

  /** Takes nothing new, waits for those sessions to leave that do so by themselves, and closes what is left then, or after `deadlineMs`. */
  async drain (deadlineMs: number): Promise<void> {
    this.#draining = true
    const leaving = [...this.sessions.values()].filter(({ leg }) => !leg.standing)
    await within(deadlineMs, Promise.all(leaving.map(session => session.done)))
    await Promise.all([...this.sessions.values()].map(session => session.close('shutdown')))
    await Promise.all([...this.#rooms.values()].map(entry => entry.close()))
  }

  async [Symbol.asyncDispose] (): Promise<void> {
    await this.drain(0)
    this.#controller.abort()
  }

  #checkAdmission (room: string): void {
    if (this.#draining) throw new AppError('draining')
    if (!ROOM_NAME.test(room)) {
      const expected = '1 to 128 letters, digits, dots, dashes, underscores or tildes, starting with a letter or digit'
      throw new AppError('bad_request', `room: expected ${expected}`, { problems: [{ field: 'room', expected }] })
    }
    const { limits } = this.#options
    if (this.sessions.size >= limits.sessions) throw new AppError('overloaded', `this bridge takes at most ${limits.sessions} sessions`)
    if (!this.#rooms.has(room) && this.#rooms.size >= limits.rooms) throw new AppError('overloaded', `this bridge takes at most ${limits.rooms} rooms`)
  }

  #open (name: string): OpenRoom {
    const { engine, journal, log } = this.#options
    const room = new Room(name)
    room.onWatcherError = error => log.error({ error, room: name }, 'a watcher of a room threw')
    const controller = new ChildController(this.#controller.signal)
    const watching = room.watch({
      participantJoined: participant => {
        journal.participantChanged(participantChange(participant, room))
        journal.roomChanged(describeRoom(room))
      },
      participantLeft: participant => {
        journal.participantChanged(participantChange(participant, room, new Date()))
        journal.roomChanged(describeRoom(room))
      }
    })
    const running = engine.run(room, controller.signal)
      .catch(error => log.error({ room: name, engine: engine.kind, error: messageOf(error) }, 'the room engine failed'))
    const close = async (): Promise<void> => {
      if (!this.#rooms.delete(name)) return
      using _controller = controller
      controller.abort()
      await running
      watching[Symbol.dispose]()
      journal.roomChanged(describeRoom(room, new Date()))
    }
    const entry = { room, users: 0, close }
    this.#rooms.set(name, entry)
    journal.roomChanged(describeRoom(room))
    return entry
  }

  async #left (session: Session, entry: OpenRoom): Promise<void> {
    this.sessions.delete(session.id)
    if (--entry.users === 0) await entry.close()
  }
}

export const describeRoom = (room: Room, endedAt?: Date): ConferenceInfo =>
  ({ id: room.id, room: room.name, participants: room.participants.size, openedAt: room.openedAt, endedAt })
