import { BrokenCircuitError, circuitBreaker, ConsecutiveBreaker, handleWhen, type CircuitBreakerPolicy } from 'cockatiel'
import { AppError, messageOf } from '../../lib/errors.ts'
import { redactText } from '../../lib/redact.ts'
import {
  type AdmissionAnswer, type AdmissionQuestion, API_KEY_HEADER, type ConferenceRequest, type HeartbeatRequest, type MetricsRequest,
  type ParticipantRequest, paths, type RegisterRequest
} from './contract.ts'

type Method = 'GET' | 'POST' | 'DELETE'

type Request = { method: Method, headers: Record<string, string>, body?: string, timeoutMs: number, signal?: AbortSignal }
/** Sends one request through the guarded dialer; a redirect is an answer. */
export type Send = (url: string, request: Request) => Promise<{ readonly status: number, readonly text: string }>

export type CallsOptions = {
  readonly url: string
  readonly apiKey: string | undefined
  readonly bridgeId: string
  readonly timeoutMs: number
  readonly send: Send
  /** Failures in a row after which the Dashboard is left alone, and for how long. */
  readonly breaker?: { readonly failures: number, readonly openMs: number }
}

const BREAKER = { failures: 5, openMs: 10_000 }
const MAX_ERROR_TEXT = 200

/** A call that failed. Without a status there was no answer. */
export class DashboardError extends AppError {
  readonly status: number | undefined

  constructor (detail: string, status?: number, cause?: unknown) {
    super('dependency_unavailable', detail, { cause })
    this.name = 'DashboardError'
    this.status = status
  }

  /** Whether the same call may succeed later: no answer, too busy, broken, or our key is not known (yet). */
  get isTransient (): boolean { return this.status === undefined || this.status >= 500 || [401, 403, 408, 425, 429].includes(this.status) }
  /** The Dashboard has no such route. */
  get isUnsupported (): boolean { return this.status === 404 || this.status === 405 || this.status === 501 }
}

/** Whether it is the Dashboard that is in trouble, and not this one call. */
function isOutage (error: unknown): boolean {
  const status = error instanceof DashboardError ? error.status : undefined
  return status === undefined || status >= 500 || status === 429
}

/** The Dashboard's REST interface, call by call. */
export class DashboardCalls {
  readonly #options: CallsOptions
  readonly #base: string
  readonly #breaker: CircuitBreakerPolicy

  constructor (options: CallsOptions) {
    this.#options = options
    this.#base = options.url.replace(/\/+$/, '')
    const { failures, openMs } = options.breaker ?? BREAKER
    this.#breaker = circuitBreaker(handleWhen(isOutage), { halfOpenAfter: openMs, breaker: new ConsecutiveBreaker(failures) })
  }

  register (request: RegisterRequest): Promise<unknown> { return this.#call('POST', paths.register, request) }
  heartbeat (request: HeartbeatRequest, timeoutMs: number): Promise<unknown> {
    return this.#call('POST', paths.heartbeat(request.bridgeId), request, { timeoutMs })
  }

  metrics (request: MetricsRequest): Promise<unknown> { return this.#call('POST', paths.metrics(request.bridgeId), request) }
  endConference (id: string): Promise<unknown> { return this.#call('DELETE', paths.conference(id)) }
  addParticipant (request: ParticipantRequest): Promise<unknown> { return this.#call('POST', paths.participants(request.conferenceId), request) }
  removeParticipant (conference: string, id: string): Promise<unknown> { return this.#call('DELETE', paths.participant(conference, id)) }

  /** @returns the conference's id at the Dashboard, if it gave one. */
  async createConference (request: ConferenceRequest): Promise<string | undefined> {
    const answer = await this.#call('POST', paths.conferences, request)
    const id = fieldOf(answer, 'conferenceId')
    return typeof id === 'string' && id !== '' ? id : undefined
  }

  /** Settings the Dashboard wants this bridge to have. */
  async config (): Promise<Readonly<Record<string, unknown>>> {
    const config = fieldOf(await this.#call('GET', paths.config(this.#options.bridgeId)), 'config')
    return typeof config === 'object' && config !== null && !Array.isArray(config) ? config as Record<string, unknown> : {}
  }

  async admission (question: AdmissionQuestion, timeoutMs: number): Promise<AdmissionAnswer> {
    const answer = await this.#call('POST', paths.admissions(question.bridgeId), question, { timeoutMs })
    const [allowed, reason] = [fieldOf(answer, 'allowed'), fieldOf(answer, 'reason')]
    if (typeof allowed !== 'boolean') throw new DashboardError('the Dashboard did not say whether the session may enter')
    return { allowed, ...(typeof reason === 'string' ? { reason: reason.slice(0, MAX_ERROR_TEXT) } : {}) }
  }

  /** Past the breaker: a probe must see what is there. */
  async health (signal?: AbortSignal): Promise<void> { await this.#ask('GET', paths.health, undefined, signal ? { signal } : {}) }

  async #call (method: Method, path: string, body?: object, options: { timeoutMs?: number } = {}): Promise<unknown> {
    try {
      return await this.#breaker.execute(() => this.#ask(method, path, body, options))
    } catch (error) {
      if (error instanceof BrokenCircuitError) throw new DashboardError('the Dashboard is left alone for a while: it failed too often in a row')
      throw error
    }
  }

  async #ask (method: Method, path: string, body: object | undefined, { timeoutMs, signal }: { timeoutMs?: number, signal?: AbortSignal }): Promise<unknown> {
    const { apiKey, send, timeoutMs: usual } = this.#options
    const headers = { 'Content-Type': 'application/json', ...(apiKey === undefined ? {} : { [API_KEY_HEADER]: apiKey }) }
    const content = body === undefined ? {} : { body: JSON.stringify(body) }
    const request = { method, headers, timeoutMs: timeoutMs ?? usual, ...content, ...(signal ? { signal } : {}) }
    const { status, text } = await send(this.#base + path, request).catch((error: unknown) => {
      throw new DashboardError(`${method} ${path} failed: ${messageOf(error)}`, undefined, error)
    })
    if (status >= 200 && status <= 299) return parsed(text)
    throw new DashboardError(`${method} ${path} failed with code: ${status}, error: ${redactText(text.slice(0, MAX_ERROR_TEXT))}`, status)
  }
}

/** A 2xx is a success, whatever its body. */
function parsed (text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}

const fieldOf = (answer: unknown, name: string): unknown =>
  typeof answer === 'object' && answer !== null ? (answer as Record<string, unknown>)[name] : undefined
