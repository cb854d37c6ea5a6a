import type { ServerResponse } from 'node:http'
import { once } from 'node:events'
import { aborted, ChildController } from '../lib/abort.ts'
import type { Clock } from '../lib/clock.ts'
import { AppError } from '../lib/errors.ts'
import { limits } from './limits.ts'
import type { EventInfo, Events } from './parts.ts'
import { eventView } from './views.ts'

export type StreamRequest = { readonly after: number, readonly room: string | undefined }

/**
 * Server-sent events (WHATWG HTML section 9.2). Each reader pulls its events from the store at its own pace, woken by news:
 * nothing is queued for it here, so that a slow one costs a page of memory and one that is too slow is cut off.
 */
export class EventStreams implements Disposable {
  readonly #events: Events
  readonly #clock: Clock
  readonly #controller = new AbortController()
  #open = 0

  constructor (events: Events, clock: Clock) {
    this.#events = events
    this.#clock = clock
  }

  get open (): number { return this.#open }

  /** Ends all streams: their readers will ask another bridge, or this one when it is back. */
  [Symbol.dispose] (): void { this.#controller.abort() }

  /** Runs until the reader leaves, is too slow, or has had its time. @throws AppError `overloaded` before the first byte. */
  async run (response: ServerResponse, request: StreamRequest): Promise<void> {
    if (this.#open >= limits.eventStreams) throw new AppError('overloaded', `At most ${limits.eventStreams} event streams at once.`)
    using life = new ChildController(this.#controller.signal)
    using _longest = this.#clock.after(limits.eventStreamMs, () => life.abort())
    response.once('close', () => life.abort()).once('error', () => life.abort())
    this.#open++
    try {
      response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-store', 'x-accel-buffering': 'no' })
      response.write('retry: 2000\n\n')
      using _heartbeat = this.#clock.every(limits.eventHeartbeatMs, () => { if (!response.writableNeedDrain) response.write(': still here\n\n') })
      await this.#pump(response, request, life.signal)
    } finally {
      this.#open--
      response.end()
    }
  }

  async #pump (response: ServerResponse, { after, room }: StreamRequest, signal: AbortSignal): Promise<void> {
    const gone = aborted(signal)
    let news = Promise.withResolvers<void>()
    using _woken = this.#events.onAppended(() => { news.resolve() })
    for (let last = after; !signal.aborted;) {
      news = Promise.withResolvers() // Before looking, so that what comes while we look is not missed.
      const page = await this.#events.after(last, { limit: limits.eventPage, room })
      for (const event of page) {
        if (!response.write(format(event)) && !await this.#drained(response, signal)) return
        last = event.sequence
      }
      if (page.length === 0) await Promise.race([news.promise, gone])
    }
  }

  /** @returns whether the reader has taken what was sent, in good time. */
  async #drained (response: ServerResponse, signal: AbortSignal): Promise<boolean> {
    using waiting = new ChildController(signal)
    using _stall = this.#clock.after(limits.eventStallMs, () => waiting.abort())
    try {
      await once(response, 'drain', { signal: waiting.signal })
      return true
    } catch {
      response.destroy()
      return false
    }
  }
}

const format = (event: EventInfo): string => `id: ${event.sequence}\nevent: ${event.type}\ndata: ${JSON.stringify(eventView(event))}\n\n`
