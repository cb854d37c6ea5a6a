import { aborted, within } from '../lib/abort.ts'
import type { Clock } from '../lib/clock.ts'
import { messageOf } from '../lib/errors.ts'
import { type Logger, Tally } from '../lib/log.ts'
import { payload, sign } from './standard-webhooks.ts'
import type { DeliveryOutcome, DueDelivery, WebhookOutbox } from './webhook-outbox.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

/** Waits before the second, third, … tenth try: about 75 hours in all. */
export const RETRY_DELAYS_MS = [5 * SECOND, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR]
/** Up to this share is added to a wait, so that what failed together does not come back together. */
const JITTER = 0.1
/** A receiver may ask for a longer wait (RFC 9110 section 10.2.3), but not for ever. */
const LONGEST_RETRY_AFTER_MS = 24 * HOUR
/** Due retries are looked for this often; news wake us at once. */
const LOOK_EVERY_MS = 1 * SECOND
/** One receiver that answers slowly keeps at most this share of all deliveries under way. */
const ONE_RECEIVER_SHARE = 0.5
/** How long what is under way may take when the service stops. What does not make it is sent by the next bridge. */
const GOOD_BYE_MS = 2 * SECOND

/** Sends one request through the guarded dialer and gives the answer, redirects included. */
export type Post = (url: string, request: { headers: Record<string, string>, body: string, timeoutMs: number, signal: AbortSignal }) => Promise<{
  readonly status: number, readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
}>

export type WebhookSenderOptions = {
  readonly outbox: WebhookOutbox
  readonly post: Post
  /** Calls `wake` when there may be new events. */
  readonly onNews: (wake: () => void) => Disposable
  readonly clock: Clock
  readonly log: Logger
  /** Read for each delivery, so that they can change while running. */
  readonly settings: () => { readonly timeoutMs: number, readonly concurrency: number }
  readonly random?: () => number
}

/** Sends events to their receivers until the signal is aborted: each at least once, in order for each receiver and session. */
export async function sendWebhooks (options: WebhookSenderOptions, signal: AbortSignal): Promise<void> {
  await new WebhookSender(options).run(signal)
}

class WebhookSender {
  readonly #options: WebhookSenderOptions
  readonly #tally: Tally
  /** Deliveries under way, with their receivers. */
  readonly #underWay = new Map<Promise<void>, string>()
  #wake = Promise.withResolvers<void>()

  constructor (options: WebhookSenderOptions) {
    this.#options = options
    this.#tally = new Tally(options.log, options.clock, 10 * SECOND)
  }

  async run (signal: AbortSignal): Promise<void> {
    const { clock, onNews } = this.#options
    const wake = (): void => { this.#wake.resolve() }
    const requests = new AbortController() // Outlives `signal` by the good-bye.
    using _news = onNews(wake)
    using _looking = clock.every(LOOK_EVERY_MS, wake)
    const stopped = aborted(signal)
    while (!signal.aborted) {
      this.#wake = Promise.withResolvers()
      await this.#look(requests.signal)
      await Promise.race([this.#wake.promise, stopped])
    }
    if (!await within(GOOD_BYE_MS, Promise.all(this.#underWay.keys()))) requests.abort(new Error('the service stops'))
    await Promise.all(this.#underWay.keys())
  }

  async #look (signal: AbortSignal): Promise<void> {
    const { outbox } = this.#options
    try {
      if (!await outbox.isWanted()) return
      while (await outbox.fanOut() > 0) { /* Until every event has its deliveries. */ }
      for (;;) {
        const free = this.#options.settings().concurrency - this.#underWay.size
        if (free <= 0) return
        const due = await outbox.claim(Math.min(free, this.#most), this.#busy())
        if (due.length === 0) return
        for (const delivery of due) this.#start(delivery, signal)
      }
    } catch (error) {
      this.#tally.count('webhooks wait for the database', { error: messageOf(error) })
    }
  }

  /** Deliveries one receiver may have under way. */
  get #most (): number { return Math.max(1, Math.floor(this.#options.settings().concurrency * ONE_RECEIVER_SHARE)) }

  #busy (): string[] {
    const counts = new Map<string, number>()
    for (const receiver of this.#underWay.values()) counts.set(receiver, (counts.get(receiver) ?? 0) + 1)
    return [...counts].filter(([, count]) => count >= this.#most).map(([receiver]) => receiver)
  }

  #start (delivery: DueDelivery, signal: AbortSignal): void {
    const work = this.#deliver(delivery, signal).finally(() => {
      this.#underWay.delete(work)
      this.#wake.resolve() // The next in order may go.
    })
    this.#underWay.set(work, delivery.endpointId)
  }

  async #deliver (delivery: DueDelivery, signal: AbortSignal): Promise<void> {
    const outcome = await this.#attempt(delivery, signal)
    if (signal.aborted && outcome.result !== 'delivered') return // Its claim runs out; another bridge sends it.
    this.#say(delivery, outcome)
    try {
      await this.#options.outbox.settle(delivery, outcome)
    } catch (error) {
      const fields = { webhook: delivery.endpointId, error: messageOf(error) }
      this.#tally.count('a webhook was sent but could not be written down: it may come twice', fields)
    }
  }

  async #attempt (delivery: DueDelivery, signal: AbortSignal): Promise<DeliveryOutcome> {
    const body = payload(delivery.event)
    const now = this.#options.clock.wall()
    const signed = sign(delivery.event.id, Math.floor(now / SECOND), body, delivery.secrets)
    const headers = { 'content-type': 'application/json', 'user-agent': 'AuraLink-Webhooks/1', ...signed }
    const { timeoutMs } = this.#options.settings()
    try {
      const { status, headers: answer } = await this.#options.post(delivery.url, { headers, body, timeoutMs, signal })
      if (status >= 200 && status < 300) return { result: 'delivered', status }
      if (status === 410) return { result: 'gone', status }
      return this.#later(delivery, { status, error: `the receiver answered ${status}` }, retryAfterMs(answer['retry-after'], now))
    } catch (error) {
      return this.#later(delivery, { error: messageOf(error) }, 0)
    }
  }

  /** The next try, or the end of them. */
  #later ({ attempt }: DueDelivery, why: { status?: number, error: string }, atLeastMs: number): DeliveryOutcome {
    const delay = RETRY_DELAYS_MS[attempt - 1]
    if (delay === undefined) return { result: 'failed', ...why }
    const { clock, random = Math.random } = this.#options
    return { result: 'retry', at: new Date(clock.wall() + Math.max(delay * (1 + JITTER * random()), atLeastMs)), ...why }
  }

  #say ({ endpointId, event, attempt }: DueDelivery, outcome: DeliveryOutcome): void {
    const fields = { webhook: endpointId, event: event.id, attempt, ...outcome }
    if (outcome.result === 'delivered') this.#options.log.debug(fields, 'a webhook was delivered')
    else if (outcome.result === 'retry') this.#tally.count('a webhook was not delivered and will be tried again', fields)
    else if (outcome.result === 'gone') this.#options.log.warn(fields, 'a webhook was disabled: its receiver wants no more')
    else this.#tally.count('a webhook was given up', fields, 'error')
  }
}

/** Seconds, or a date. */
function retryAfterMs (header: string | readonly string[] | undefined, nowMs: number): number {
  if (typeof header !== 'string') return 0
  const wait = /^\d{1,9}$/.test(header) ? Number(header) * SECOND : Date.parse(header) - nowMs
  return Number.isNaN(wait) ? 0 : Math.min(Math.max(wait, 0), LONGEST_RETRY_AFTER_MS)
}
