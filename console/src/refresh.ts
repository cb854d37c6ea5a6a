import type { Signal } from '@preact/signals'
import { ApiError } from './api.ts'
import type { Page } from './api-types.ts'
import { messageOf } from './lib/errors.ts'
import { backoff, sleep } from './lib/wait.ts'
import * as store from './store.ts'

const { api } = store

/** Counters become rates and clocks run: often enough to look alive, seldom enough to cost nothing. */
const LIVE_MS = 1_500
/** What changes rarely. */
const SLOW_MS = 10_000
/** A burst of events is one refresh. */
const NUDGE_MS = 120

let slowAt = 0
let nudged = false
let wake = (): void => {}

/** Asks for everything now instead of at the next turn: after an action, or when an event says that something changed. */
export function refreshSoon (): void {
  slowAt = 0
  nudged = true // For a refresh that is under way, and may have asked too early.
  wake()
}

/** Keeps the store like the service until the signal is aborted. Rests while nobody looks. */
export async function keepFresh (signal: AbortSignal): Promise<void> {
  let failures = 0
  slowAt = 0
  while (!signal.aborted) {
    await whenVisible(signal)
    nudged = false
    const ok = await refresh()
    failures = ok ? 0 : failures + 1
    if (!nudged) await rest(ok ? LIVE_MS : backoff(failures, { firstMs: LIVE_MS }), signal)
    await sleep(nudged ? NUDGE_MS : 0, signal)
  }
}

/** Until the time is over, or somebody nudges. */
async function rest (ms: number, signal: AbortSignal): Promise<void> {
  const turn = new AbortController()
  wake = () => turn.abort()
  await sleep(ms, AbortSignal.any([turn.signal, signal]))
}

/** Asks for everything at once; what one part cannot answer does not keep the others from the screen. @returns whether all went well. */
async function refresh (): Promise<boolean> {
  const slow = performance.now() >= slowAt
  if (slow) slowAt = performance.now() + SLOW_MS
  const asked = [refreshRooms(), refreshSessions(), refreshRecordings(), refreshReadiness(), ...(slow ? [refreshSlow()] : [])]
  const failed = (await Promise.allSettled(asked)).filter(result => result.status === 'rejected').map(({ reason }) => reason as unknown)
  store.trouble.value = failed.map(troubleOf).find(text => text !== undefined)
  return failed.length === 0
}

/** 401 is the login view's business. */
const troubleOf = (error: unknown): string | undefined => error instanceof ApiError && error.status === 401 ? undefined : messageOf(error)

async function refreshRooms (): Promise<void> {
  const conferences = await api.conferences()
  const views = await Promise.all(conferences.map(async conference =>
    ({ conference, participants: await orNone(api.participants(conference.id)) })))
  measure(views)
  store.rooms.value = views
  if (store.auth.value === 'unknown') store.auth.value = 'in'
}

async function refreshSessions (): Promise<void> {
  const list = await api.sessions()
  store.sessionRates.update(performance.now(), list.map(s => [s.id, s.stats.bytesIn + s.stats.bytesOut] as const))
  store.sessions.value = list
}

async function refreshRecordings (): Promise<void> {
  store.recordings.value = await orNone(reaching(store.recordingsReach, limit => api.recordings(limit)))
}

/** As far into a list as somebody wanted to see. */
async function reaching<T> (reach: Signal<store.Reach>, ask: (limit: number) => Promise<Page<T>>): Promise<readonly T[]> {
  const { items, next } = await ask(reach.peek().limit)
  reach.value = { ...reach.peek(), more: next !== null }
  return items
}

async function refreshReadiness (): Promise<void> { store.readiness.value = await api.ready() }

async function refreshSlow (): Promise<void> {
  if (store.paths.value.length === 0) store.paths.value = await api.paths()
  if (store.pastWanted.value) store.pastSessions.value = await reaching(store.pastReach, limit => api.pastSessions(limit))
  store.status.value = await api.status()
  store.ingresses.value = await orNone(api.ingresses())
}

/** What is not there is empty, not an error: a room that has just closed, a part this build does not have. */
const orNone = <T,>(list: Promise<readonly T[]>): Promise<readonly T[]> => list.catch(error => {
  if (error instanceof ApiError && error.status === 404) return []
  throw error
})

function measure (views: readonly store.RoomView[]): void {
  const at = performance.now()
  const everyone = views.flatMap(view => view.participants)
  store.trackRates.update(at, everyone.flatMap(p => p.tracks.map(t => [t.id, t.bytes] as const)))
  store.participantRates.update(at, everyone.map(p => [p.id, p.tracks.reduce((sum, t) => sum + t.bytes, 0)] as const))
}

function whenVisible (signal: AbortSignal): Promise<void> {
  if (!document.hidden) return Promise.resolve()
  return new Promise(resolve => {
    const done = (): void => {
      document.removeEventListener('visibilitychange', done)
      resolve()
    }
    document.addEventListener('visibilitychange', done)
    signal.addEventListener('abort', done, { once: true })
  })
}
