import { ApiError } from './api.ts'
import { backoff, sleep } from './lib/wait.ts'
import { api, auth, ingresses, participantRates, pastSessions, pastWanted, paths, readiness, recordings, rooms, type RoomView, sessionRates, sessions, status, trackRates, trouble } from './store.ts'

/** Counters become rates and clocks run: often enough to look alive, seldom enough to cost nothing. */
const LIVE_MS = 1_500
/** What changes rarely. */
const SLOW_MS = 10_000
const PAST_SESSIONS = 50
/** A burst of events is one refresh. */
const NUDGE_MS = 120

let wake = (): void => {}

/** Asks for everything now instead of at the next turn: after an action, or when an event says that something changed. */
export function refreshSoon (): void {
  slowAt = 0
  wake()
}

let slowAt = 0

/** Keeps the store like the service until the signal is aborted. Rests while nobody looks. */
export async function keepFresh (signal: AbortSignal): Promise<void> {
  let failures = 0
  slowAt = 0
  while (!signal.aborted) {
    await whenVisible(signal)
    const ok = await refresh().then(() => true, failed)
    if (signal.aborted) return
    failures = ok ? 0 : failures + 1
    const turn = new AbortController()
    wake = () => { setTimeout(() => turn.abort(), NUDGE_MS) }
    await sleep(ok ? LIVE_MS : backoff(failures, { firstMs: LIVE_MS }), AbortSignal.any([turn.signal, signal]))
  }
}

async function refresh (): Promise<void> {
  if (performance.now() >= slowAt) {
    slowAt = performance.now() + SLOW_MS
    await refreshSlow()
  }
  await Promise.all([refreshReadiness(), refreshRooms(), refreshSessions(), refreshRecordings()])
  trouble.value = undefined
  auth.value = 'in'
}

async function refreshSlow (): Promise<void> {
  [status.value, ingresses.value] = await Promise.all([api.status(), orNone(api.ingresses())])
  if (pastWanted.value) pastSessions.value = (await api.pastSessions(PAST_SESSIONS)).toSorted((a, b) => a.id < b.id ? 1 : -1)
  if (paths.value.length === 0) paths.value = await api.paths().catch(() => [])
}

async function refreshRooms (): Promise<void> {
  const conferences = await api.conferences()
  const views = await Promise.all(conferences.map(async conference => ({ conference, participants: await orNone(api.participants(conference.id)) })))
  measure(views)
  rooms.value = views
}

/** What is not there is empty, not an error: a room that has just closed, a part this build does not have. */
const orNone = <T,>(list: Promise<readonly T[]>): Promise<readonly T[]> => list.catch(error => {
  if (error instanceof ApiError && error.status === 404) return []
  throw error
})

function measure (views: readonly RoomView[]): void {
  const at = performance.now()
  const everyone = views.flatMap(view => view.participants)
  trackRates.update(at, everyone.flatMap(p => p.tracks.map(t => [t.id, t.bytes] as const)))
  participantRates.update(at, everyone.map(p => [p.id, p.tracks.reduce((sum, t) => sum + t.bytes, 0)] as const))
}

async function refreshSessions (): Promise<void> {
  const list = await api.sessions()
  sessionRates.update(performance.now(), list.map(s => [s.id, s.stats.bytesIn + s.stats.bytesOut] as const))
  sessions.value = list
}

async function refreshReadiness (): Promise<void> { readiness.value = await api.ready() }

async function refreshRecordings (): Promise<void> { recordings.value = await orNone(api.recordings()) }

function failed (error: unknown): false {
  if (!(error instanceof ApiError)) throw error
  if (error.status !== 401) trouble.value = error.message // 401 is the login view's business.
  return false
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
