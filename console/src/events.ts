import { ApiError } from './api.ts'
import type { ServiceEvent } from './api-types.ts'
import { EventReader } from './lib/sse.ts'
import { backoff, sleep } from './lib/wait.ts'
import { refreshSoon } from './refresh.ts'
import { api, events } from './store.ts'

/** What the panel keeps; older events are in the API. */
const KEPT = 200
const PAGE = 100
/** A proxy that does not let streams through is answered by asking. */
const POLL_MS = 3_000
const TRIES_BEFORE_POLLING = 3

/** Keeps `events` like the service until the signal is aborted: as a stream, or by asking where streams do not get through. */
export async function followEvents (signal: AbortSignal): Promise<void> {
  let failures = 0
  while (!signal.aborted) {
    const began = performance.now()
    const missing = await stream(signal).catch(error => error instanceof ApiError && error.status === 404)
    if (signal.aborted || missing === true) return // No events in this build: no panel.
    failures = performance.now() - began > 30_000 ? 0 : failures + 1
    if (failures > TRIES_BEFORE_POLLING) await catchUp().catch(() => {})
    await sleep(failures > TRIES_BEFORE_POLLING ? POLL_MS : backoff(failures), signal)
  }
}

const lastSequence = (): number => events.value?.[0]?.sequence ?? 0

async function stream (signal: AbortSignal): Promise<void> {
  if (events.value === undefined) await catchUp()
  const body = await api.eventStream(lastSequence(), signal)
  const reader = body.pipeThrough(new TextDecoderStream()).getReader()
  const parser = new EventReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    const news = parser.push(value).map(({ data }) => JSON.parse(data) as ServiceEvent)
    if (news.length > 0) add(news)
  }
}

async function catchUp (): Promise<void> {
  add(events.value === undefined ? await api.newestEvents(PAGE) : (await api.events(lastSequence(), PAGE)).items)
}

function add (news: readonly ServiceEvent[]): void {
  const last = lastSequence()
  const fresh = news.filter(event => event.sequence > last).reverse()
  const known = events.value
  events.value = [...fresh, ...known ?? []].slice(0, KEPT)
  if (fresh.length > 0 && known !== undefined) refreshSoon()
}
