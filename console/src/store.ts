import { computed, signal } from '@preact/signals'
import { Api } from './api.ts'
import type { Conference, Ingress, IngressWithKey, Participant, Readiness, Recording, ServiceEvent, Session, Status } from './api-types.ts'
import { RateMeters } from './lib/rates.ts'

export type RoomView = { readonly conference: Conference, readonly participants: readonly Participant[] }

export type Reach = { readonly limit: number, readonly more: boolean }

/** Whether the service knows us. `unknown` until the first answer. */
export const auth = signal<'unknown' | 'in' | 'out'>('unknown')

export const api = new Api({ onUnauthorized: () => loggedOut() })

/** What the service said last. Undefined: not asked yet. */
export const rooms = signal<readonly RoomView[]>()
export const sessions = signal<readonly Session[]>()
/** Those that are over, newest first; read only while somebody wants to see them. */
export const pastSessions = signal<readonly Session[]>([])
export const pastWanted = signal(false)
export const recordings = signal<readonly Recording[]>()
/** How much of each list is asked for, and whether there is more. */
export const pastReach = signal<Reach>({ limit: 50, more: false })
export const recordingsReach = signal<Reach>({ limit: 50, more: false })
export const ingresses = signal<readonly Ingress[]>()
/** The ingress whose settings are shown. */
export const chosen = signal<IngressWithKey>()
export const events = signal<readonly ServiceEvent[]>()
export const status = signal<Status>()
export const readiness = signal<Readiness>()
/** The paths of the service's OpenAPI document: what this build of it can do. */
export const paths = signal<readonly string[]>([])

/** Why what is on the screen may be old: the service does not answer, or not as it should. */
export const trouble = signal<string>()

/** Bits per second, by track id. Read anew with `rooms`. */
export const trackRates = new RateMeters()
/** … of all tracks of a participant together, by participant id. */
export const participantRates = new RateMeters()
/** … of what a session sent and received, by session id. Read anew with `sessions`. */
export const sessionRates = new RateMeters()

/** Neither completed nor failed yet. */
export const isRunning = ({ state }: Recording): boolean => state === 'starting' || state === 'active' || state === 'stopping'

export const liveRecordings = computed(() => (recordings.value ?? []).filter(isRunning))
export const participantCount = computed(() => (rooms.value ?? []).reduce((sum, room) => sum + room.participants.length, 0))

/** The rooms of the pictures that play on this page, one entry a picture: they are sessions too, but nobody's audience. */
export const previews = signal<readonly string[]>([])

/** Sessions that only watch, in this room or in all, without the pictures on this page. */
export function viewersOf (room?: string): number {
  const isOfRoom = (name: string): boolean => room === undefined || room === name
  const watching = (sessions.value ?? []).filter(s => s.type === 'whep' && s.state === 'active' && isOfRoom(s.room)).length
  return Math.max(0, watching - previews.value.filter(isOfRoom).length)
}

/** The recording that runs of this participant, if one does. */
export const recordingOf = (room: string, identity: string): Recording | undefined =>
  liveRecordings.value.find(r => r.room === room && (r.participant === identity || r.participant === null))

/** Who logs out, or is logged out, leaves nothing behind on the page. */
export function loggedOut (): void {
  auth.value = 'out'
  rooms.value = sessions.value = recordings.value = ingresses.value = events.value = undefined
  status.value = chosen.value = trouble.value = undefined
  pastSessions.value = []
}
