import { setTimeout as sleep } from 'node:timers/promises'
import type { Service } from './service.ts'

const EVERY_MS = 100

/** Asks the probes ten times a second, and remembers what they said. */
export class Watch implements AsyncDisposable {
  /** The last answer of `/ready`. */
  readyStatus = 0
  slowestHealthMs = 0
  readonly #service: Service
  readonly #health = new Set<number>()
  readonly #ready = new Set<number>()
  readonly #controller = new AbortController()
  readonly #running: Promise<unknown>

  constructor (service: Service) {
    this.#service = service
    this.#running = Promise.all([this.#ask('/health', this.#health), this.#ask('/ready', this.#ready)])
  }

  /** Every status there was; 0 for no answer. */
  health (): { statuses: number[] } { return { statuses: [...this.#health] } }
  ready (): { statuses: number[] } { return { statuses: [...this.#ready] } }

  /** Event loop lag since this was last asked, p99 in seconds. */
  async lag (): Promise<number> {
    const text = await (await fetch(this.#service.metricsUrl)).text()
    return Number(/^auralink_event_loop_lag_seconds\{[^}]*quantile="0\.99"[^}]*\} (\S+)/m.exec(text)?.[1])
  }

  async [Symbol.asyncDispose] (): Promise<void> {
    this.#controller.abort()
    await this.#running
  }

  async #ask (path: string, statuses: Set<number>): Promise<void> {
    const { signal } = this.#controller
    while (!signal.aborted) {
      const asked = performance.now()
      const status = await fetch(this.#service.url + path).then(answer => answer.status, () => 0)
      statuses.add(status)
      if (path === '/ready') this.readyStatus = status
      else this.slowestHealthMs = Math.max(this.slowestHealthMs, performance.now() - asked)
      await sleep(EVERY_MS)
    }
  }
}
