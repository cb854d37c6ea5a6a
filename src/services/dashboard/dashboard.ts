import path from 'node:path'
import { within } from '../../lib/abort.ts'
import type { Clock } from '../../lib/clock.ts'
import { messageOf } from '../../lib/errors.ts'
import { type Logger, Tally } from '../../lib/log.ts'
import { pause } from '../../lib/pause.ts'
import type { Gatekeeper } from '../../room/bridge.ts'
import type { Journal } from '../../room/session.ts'
import { backoff } from '../../lib/backoff.ts'
import { DashboardGatekeeper } from './admission.ts'
import { DashboardCalls, DashboardError, type Send } from './calls.ts'
import type { BridgeStatus, RegisterRequest } from './contract.ts'
import { DashboardOutbox } from './outbox.ts'
import { DashboardReporter } from './reporter.ts'

/** A Dashboard that has no such route is asked this many times less often. */
const UNSUPPORTED_FACTOR = 20
const MAX_RETRY_DELAY_MS = 60_000
const CONFIG_EVERY_MS = 60_000
/** The last word of a bridge that stops. */
const FAREWELL_MS = 2_000

/** The section `dashboard` of the configuration, and what else the client is made of. */
export type DashboardOptions = {
  readonly url: string
  readonly apiKey: string | undefined
  readonly timeout: number
  readonly admission: 'off' | 'open' | 'closed'
  readonly registration: { readonly enabled: boolean, readonly interval: number, readonly retryDelay: number, readonly maxRetries: number }
  readonly heartbeat: { readonly enabled: boolean, readonly interval: number, readonly timeout: number }
  /** Between two reports of metrics, in milliseconds; undefined: none are sent. */
  readonly metricsInterval: number | undefined
  readonly bridge: Pick<RegisterRequest, 'bridgeId' | 'region' | 'environment' | 'capacity' | 'metadata'>
  /** What heartbeats say. */
  readonly load: () => { readonly draining: boolean, readonly sessions: number, readonly conferences: number, readonly participants: number }
  readonly metrics: () => Promise<Readonly<Record<string, number>>>
  readonly dataDir: string
  readonly send: Send
  readonly clock: Clock
  readonly log: Logger
  /** Tests are in more of a hurry. */
  readonly breaker?: { readonly failures: number, readonly openMs: number }
}

/**
 * This bridge's side of the Dashboard Service: registers, says that it is alive, reports conferences, participants and
 * metrics, and takes settings from it. The service runs the same without it.
 */
export class Dashboard implements AsyncDisposable {
  readonly #options: DashboardOptions
  readonly #calls: DashboardCalls
  readonly #outbox: DashboardOutbox
  readonly #reporter: DashboardReporter
  readonly #tally: Tally
  #registered = false
  #config: Readonly<Record<string, unknown>> = {}
  /** Called when the settings the Dashboard wants this bridge to have change. */
  onConfig: (config: Readonly<Record<string, unknown>>) => void = () => {}
  /** Asked before each admission; undefined when `admission` is off. */
  readonly gatekeeper: Gatekeeper | undefined

  private constructor (options: DashboardOptions, outbox: DashboardOutbox) {
    const { url, apiKey, timeout: timeoutMs, bridge: { bridgeId }, send, breaker, clock, log, admission } = options
    this.#options = options
    this.#outbox = outbox
    this.#calls = new DashboardCalls({ url, apiKey, bridgeId, timeoutMs, send, ...(breaker ? { breaker } : {}) })
    this.#reporter = new DashboardReporter({ calls: this.#calls, outbox, bridgeId, clock, log })
    this.#tally = new Tally(log, clock, 60_000)
    this.gatekeeper = admission === 'off' ? undefined : new DashboardGatekeeper({ calls: this.#calls, bridgeId, mode: admission, clock, log })
  }

  static async open (options: DashboardOptions): Promise<Dashboard> {
    return new Dashboard(options, await DashboardOutbox.open(path.join(options.dataDir, 'dashboard-outbox.jsonl'), options.log))
  }

  /** Told of every conference and participant. */
  get journal (): Journal { return this.#reporter }
  get endpoint (): string { return this.#options.url }
  get registered (): boolean { return this.#registered }
  /** The last settings the Dashboard gave; kept while it is away. */
  get config (): Readonly<Record<string, unknown>> { return this.#config }
  /** For `/status` and metrics. */
  get waiting (): { readonly reports: number, readonly dropped: number } { return { reports: this.#outbox.size, dropped: this.#outbox.dropped } }

  /** Resolves when the Dashboard is healthy: for readiness. */
  check (signal?: AbortSignal): Promise<void> { return this.#calls.health(signal) }

  /** Until the signal is aborted; then says good-bye. Never rejects because of the Dashboard. */
  async run (signal: AbortSignal): Promise<void> {
    await Promise.all([this.#stayRegistered(signal), this.#sendMetrics(signal), this.#reporter.run(signal)])
    if (this.#registered && this.#options.heartbeat.enabled) await within(FAREWELL_MS, this.#beat('offline').catch(() => {}))
  }

  async [Symbol.asyncDispose] (): Promise<void> { await this.#outbox[Symbol.asyncDispose]() }

  /** Registered, it beats; when the Dashboard has forgotten us, it registers again. */
  async #stayRegistered (signal: AbortSignal): Promise<void> {
    const { registration, clock } = this.#options
    while (!signal.aborted) {
      const wait = registration.enabled && !this.#registered ? await this.#register(signal) : 0
      if (wait > 0) await pause(clock, wait, signal)
      else await this.#beatUntilForgotten(signal)
    }
  }

  /** One series of tries. @returns how long to wait before the next series; 0 when registered. */
  async #register (signal: AbortSignal): Promise<number> {
    const { registration: { maxRetries, retryDelay, interval }, clock, log } = this.#options
    for (let tries = 1; ; tries++) {
      const problem = await this.#tryRegister()
      if (!problem) {
        log.info({}, 'registered with the Dashboard')
        await this.#fetchConfig()
        return 0
      }
      const what = problem.isUnsupported ? 'the Dashboard takes no registration' : 'not registered with the Dashboard; it will be tried again'
      this.#tally.count(what, { error: problem.message })
      if (!problem.isTransient) return interval * (problem.isUnsupported ? UNSUPPORTED_FACTOR : 1)
      if (tries > maxRetries || signal.aborted) return interval
      await pause(clock, backoff(tries, { firstMs: retryDelay, longestMs: MAX_RETRY_DELAY_MS }), signal)
    }
  }

  async #tryRegister (): Promise<DashboardError | undefined> {
    try {
      await this.#calls.register({ ...this.#options.bridge, status: this.#status() })
      this.#registered = true
      return undefined
    } catch (error) {
      return error instanceof DashboardError ? error : new DashboardError(messageOf(error))
    }
  }

  async #beatUntilForgotten (signal: AbortSignal): Promise<void> {
    const { heartbeat, registration, clock } = this.#options
    const interval = heartbeat.enabled ? heartbeat.interval : CONFIG_EVERY_MS
    let configAt = clock.now()
    let wait = interval
    while (!signal.aborted && (this.#registered || !registration.enabled)) {
      await pause(clock, wait, signal)
      wait = interval
      if (signal.aborted) return
      if (heartbeat.enabled && !await this.#tryBeat() && !registration.enabled) wait = interval * UNSUPPORTED_FACTOR
      if (clock.now() - configAt < CONFIG_EVERY_MS) continue
      configAt = clock.now()
      await this.#fetchConfig()
    }
  }

  /** @returns false when the Dashboard has no such route, or does not know us any more. */
  async #tryBeat (): Promise<boolean> {
    try {
      await this.#beat(this.#status())
      return true
    } catch (error) {
      this.#tally.count('a heartbeat did not reach the Dashboard', { error: messageOf(error) })
      if (!(error instanceof DashboardError && error.isUnsupported)) return true
      this.#registered = false
      return false
    }
  }

  async #beat (status: BridgeStatus): Promise<void> {
    const { bridge: { bridgeId }, heartbeat, clock } = this.#options
    const { sessions, conferences, participants } = this.#options.load()
    const load = { currentLoad: sessions, activeConferences: conferences, activeParticipants: participants }
    await this.#calls.heartbeat({ bridgeId, status, ...load, timestamp: clock.wall() }, heartbeat.timeout)
  }

  async #fetchConfig (): Promise<void> {
    try {
      const config = await this.#calls.config()
      if (JSON.stringify(config) === JSON.stringify(this.#config)) return
      this.#config = config
      this.onConfig(config)
    } catch (error) {
      this.#options.log.debug({ error: messageOf(error) }, 'no settings from the Dashboard; the last ones stay')
    }
  }

  async #sendMetrics (signal: AbortSignal): Promise<void> {
    const { metricsInterval, metrics, bridge: { bridgeId }, clock, log } = this.#options
    if (metricsInterval === undefined) return
    while (!signal.aborted) {
      await pause(clock, metricsInterval, signal)
      if (signal.aborted || !this.#registered) continue
      try {
        await this.#calls.metrics({ bridgeId, metrics: await metrics(), timestamp: clock.wall() })
      } catch (error) {
        log.debug({ error: messageOf(error) }, 'a report of metrics did not reach the Dashboard') // The next one holds what this one did.
      }
    }
  }

  #status (): BridgeStatus { return this.#options.load().draining ? 'draining' : 'online' }
}
