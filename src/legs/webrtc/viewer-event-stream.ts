import type { ServerResponse } from 'node:http'
import type { Clock } from '../../lib/clock.ts'
import { tellingsOf, type ViewerEvent, type ViewerState } from './viewer-events.ts'

/** Layers and viewers are looked at this often (ms); who is shown and who speaks is told at once. */
const LOOK_EVERY_MS = 1000
const HEARTBEAT_MS = 15_000
/** A reader behind by so many bytes has gone, or never reads. */
const MAX_UNREAD_BYTES = 64 * 1024

export type EventStreamOptions = {
  /** undefined as long as the viewer is not connected. */
  readonly state: () => ViewerState | undefined
  readonly wanted: ReadonlySet<ViewerEvent>
  readonly clock: Clock
}

/**
 * Tells one reader what is true of its session, then each change: server-sent events (WHATWG HTML section 9.2). Nothing is queued:
 * what was not told is still true, or no longer worth telling.
 */
export class ViewerEventStream implements Disposable {
  readonly #response: ServerResponse
  readonly #options: EventStreamOptions
  readonly #stack = new DisposableStack()
  readonly #told = new Map<ViewerEvent, string>()
  #due = false

  constructor (response: ServerResponse, options: EventStreamOptions) {
    this.#response = response
    this.#options = options
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-store', 'x-accel-buffering': 'no' })
    response.write('retry: 2000\n\n')
    this.#stack.use(options.clock.every(LOOK_EVERY_MS, () => this.#tell()))
    this.#stack.use(options.clock.every(HEARTBEAT_MS, () => this.#write(': still here\n\n')))
    this.#tell()
  }

  /** Something may have changed; whoever decides what is shown is heard of it in this same tick. */
  readonly look = (): void => {
    if (this.#due) return
    this.#due = true
    queueMicrotask(() => {
      this.#due = false
      this.#tell()
    })
  }

  [Symbol.dispose] (): void {
    this.#stack.dispose()
    this.#response.end()
  }

  #tell (): void {
    const state = this.#stack.disposed ? undefined : this.#options.state()
    if (!state) return
    for (const { event, data, news } of tellingsOf(state)) {
      const about = event === 'inactive' ? 'active' : event // One truth: told by either.
      const said = JSON.stringify(news)
      const before = this.#told.get(about)
      if (said === before) continue
      this.#told.set(about, said)
      if (!this.#options.wanted.has(event) || (event === 'inactive' && before === undefined)) continue
      this.#write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`)
    }
  }

  #write (text: string): void {
    if (this.#response.writableLength > MAX_UNREAD_BYTES) this.#response.destroy()
    else this.#response.write(text)
  }
}
