import type {
  Attendee, Conference, Ingress, IngressWithKey, Page, Participant, Readiness, Recording, ServiceEvent, Session, Status
} from './api-types.ts'

/** The service is on the same machine or near: a request that takes longer will not come back. */
const TIMEOUT_MS = 10_000

/** What the service refused, or `unreachable` when it did not answer at all. The message is for a person. */
export class ApiError extends Error {
  readonly status: number
  readonly code: string

  constructor (status: number, code: string, message: string) {
    super(message)
    this.name = 'ApiError'
    this.status = status
    this.code = code
  }
}

type Problem = { detail?: string, title?: string, code?: string }
type Fetch = (url: string, init: RequestInit) => Promise<Response>

export type ApiOptions = {
  fetch?: Fetch
  /** A token to come with, instead of the session. */
  bearer?: string | undefined
  /** Called whenever the service does not know who we are (any more). */
  onUnauthorized?: () => void
}

/** The service's API, as this page uses it. The session is an HttpOnly cookie that the browser sends by itself. */
export class Api {
  readonly #fetch: Fetch
  readonly #bearer: string | undefined
  readonly #onUnauthorized: () => void

  constructor ({ fetch: via = (url, init) => fetch(url, init), bearer, onUnauthorized = () => {} }: ApiOptions = {}) {
    this.#fetch = via
    this.#bearer = bearer
    this.#onUnauthorized = onUnauthorized
  }

  /** Where to log in with an account of one's organisation, if the service knows such a place. */
  loginPage = async (): Promise<string | null> => (await this.#ask<{ oidc: string | null }>('GET', '/api/v1/console/login')).oidc
  login = (credentials: { token: string } | { apiKey: string }): Promise<void> => this.#ask('POST', '/api/v1/console/login', credentials)
  logout = (): Promise<void> => this.#ask('POST', '/api/v1/console/logout')

  status = (): Promise<Status> => this.#ask('GET', '/status', undefined, [503])
  ready = (): Promise<Readiness> => this.#ask('GET', '/ready', undefined, [503])
  paths = async (): Promise<string[]> => Object.keys((await this.#ask<{ paths?: object }>('GET', '/openapi.json')).paths ?? {})

  conferences = (): Promise<readonly Conference[]> => this.#list('/api/v1/conferences')
  participants = (conference: string): Promise<readonly Participant[]> =>
    this.#list(`/api/v1/conferences/${encodeURIComponent(conference)}/participants`)
  closeConference = (id: string): Promise<void> => this.#ask('DELETE', `/api/v1/conferences/${encodeURIComponent(id)}`)

  sessions = (): Promise<readonly Session[]> => this.#list('/api/v1/sessions')
  /** The last of those that are over. */
  pastSessions = async (limit: number): Promise<Page<Session>> => {
    const pages = await Promise.all(['ended', 'failed'].map(state => this.#ask<Page<Session>>('GET', `/api/v1/sessions?state=${state}&limit=${limit}`)))
    const items = pages.flatMap(page => page.items).toSorted((a, b) => a.id < b.id ? 1 : -1)
    return { items, next: pages.find(({ next }) => next !== null)?.next ?? null }
  }
  endSession = (id: string): Promise<void> => this.#ask('DELETE', `/api/v1/sessions/${id}`)

  recordings = (limit: number): Promise<Page<Recording>> => this.#ask('GET', `/api/v1/recordings?limit=${limit}`)
  startRecording = (room: string, participant: string): Promise<Recording> => this.#ask('POST', '/api/v1/recordings', { room, participant })
  stopRecording = (id: string): Promise<Recording> => this.#ask('POST', `/api/v1/recordings/${id}/stop`)
  deleteRecording = (id: string): Promise<void> => this.#ask('DELETE', `/api/v1/recordings/${id}`)

  ingresses = (): Promise<readonly Ingress[]> => this.#list('/api/v1/ingresses')
  ingress = (id: string): Promise<IngressWithKey> => this.#ask('GET', `/api/v1/ingresses/${id}`)
  createIngress = (request: { room: string, name?: string }): Promise<IngressWithKey> =>
    this.#ask('POST', '/api/v1/ingresses', { protocol: 'rtmp', ...request })
  enableIngress = (id: string, enabled: boolean): Promise<Ingress> => this.#ask('PATCH', `/api/v1/ingresses/${id}`, { enabled })
  rotateKey = (id: string): Promise<IngressWithKey> => this.#ask('POST', `/api/v1/ingresses/${id}/rotate-key`)
  deleteIngress = (id: string): Promise<void> => this.#ask('DELETE', `/api/v1/ingresses/${id}`)

  newestEvents = (last: number): Promise<readonly ServiceEvent[]> => this.#list(`/api/v1/events?last=${last}`)
  events = (after: number, limit: number): Promise<Page<ServiceEvent>> => this.#ask('GET', `/api/v1/events?after=${after}&limit=${limit}`)

  /** The events after `sequence`, one after another, as server-sent events. */
  eventStream = async (sequence: number, signal: AbortSignal): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> => {
    const headers = { accept: 'text/event-stream', 'last-event-id': String(sequence) }
    const response = await this.#send('/api/v1/events/stream', { headers, credentials: 'same-origin', signal })
    if (!response.ok || !response.body) throw await this.#refused(response, '')
    return response.body
  }

  /** A short-lived bearer token that may watch one room, for WHEP. */
  viewToken = async (room: string): Promise<string> =>
    (await this.#ask<{ token: string }>('POST', '/api/v1/tokens', { scopes: ['view'], room })).token

  /** … that may also send into it, by WHIP. @param expiresIn seconds */
  callToken = async (room: string, expiresIn: number): Promise<string> =>
    (await this.#ask<{ token: string }>('POST', '/api/v1/tokens', { scopes: ['publish', 'view'], room, expiresIn })).token

  roster = (room: string): Promise<readonly Attendee[]> => this.#list(`/api/v1/rooms/${encodeURIComponent(room)}/roster`)

  async #list<T> (path: string): Promise<readonly T[]> { return (await this.#ask<Page<T>>('GET', path)).items }

  async #ask<T> (method: string, path: string, body?: unknown, alsoFine: readonly number[] = []): Promise<T> {
    const headers: Record<string, string> = { accept: 'application/json' }
    if (method !== 'GET') headers['x-requested-with'] = 'auralink-console' // No form of another site can send this header.
    if (body !== undefined) headers['content-type'] = 'application/json'
    if (this.#bearer !== undefined) headers['authorization'] = `Bearer ${this.#bearer}`
    const init: RequestInit = { method, headers, credentials: 'same-origin', signal: AbortSignal.timeout(TIMEOUT_MS) }
    if (body !== undefined) init.body = JSON.stringify(body)
    const response = await this.#send(path, init)
    if (!response.ok && !alsoFine.includes(response.status)) throw await this.#refused(response, path)
    const text = await response.text()
    return (text ? JSON.parse(text) : undefined) as T
  }

  #send (path: string, init: RequestInit): Promise<Response> {
    return this.#fetch(path, init).catch(() => { throw new ApiError(0, 'unreachable', 'The service does not answer') })
  }

  async #refused (response: Response, path: string): Promise<ApiError> {
    const problem = await response.json().catch(() => ({})) as Problem
    if (response.status === 401 && !path.endsWith('/login')) this.#onUnauthorized()
    const message = problem.detail ?? problem.title ?? `The service answered ${response.status}`
    return new ApiError(response.status, problem.code ?? 'unknown', message)
  }
}

/** Where a recording's file is: for `<video>`, and for saving. */
export const recordingFile = (id: string, part = 1, { download = false } = {}): string =>
  `/api/v1/recordings/${id}/file?part=${part}${download ? '&download=1' : ''}`

/** A page with the plots of a session, live or ended. */
export const sessionReport = (id: string): string => `/api/v1/sessions/${id}/report`

/** Where a participant's picture and sound are (draft-ietf-wish-whep). */
export const whepPath = (room: string, identity?: string): string =>
  `/whep/${encodeURIComponent(room)}${identity === undefined ? '' : `?participant=${encodeURIComponent(identity)}`}`

/** Where a participant sends picture and sound to (RFC 9725). */
export const whipPath = (room: string, identity: string): string => `/whip/${encodeURIComponent(room)}?identity=${encodeURIComponent(identity)}`
