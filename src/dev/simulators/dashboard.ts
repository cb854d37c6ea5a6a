import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { newId } from '../../lib/ids.ts'
import type {
  AdmissionQuestion, ConferenceRequest, HeartbeatRequest, MetricsRequest, ParticipantRequest, RegisterRequest
} from '../../services/dashboard/contract.ts'

const MAX_BODY_BYTES = 1024 * 1024
const MAX_REQUESTS_KEPT = 10_000

export type SimulatedConference = {
  readonly id: string
  readonly request: ConferenceRequest
  readonly participants: Map<string, ParticipantRequest>
  endedAt: number | undefined
}

export type SeenRequest = { readonly method: string, readonly path: string, readonly body: unknown, readonly status: number }

export type SimulatorOptions = { readonly port?: number, readonly host?: string, readonly apiKey?: string }

/** What can be made to go wrong: a status, `hang` (no answer), `drop` (the connection breaks), `garbage` (2xx that is no JSON). */
export type Fault = number | 'hang' | 'drop' | 'garbage'

type Answer = { status: number, body?: unknown }
type Handler = (parts: readonly string[], body: never) => Answer

/** A Dashboard Service that remembers what it is told, and can be made to misbehave. */
export class DashboardSimulator implements AsyncDisposable {
  readonly bridges = new Map<string, RegisterRequest & { lastHeartbeat?: HeartbeatRequest, metrics?: MetricsRequest }>()
  readonly conferences = new Map<string, SimulatedConference>()
  /** Everything asked of it, in order. */
  readonly requests: SeenRequest[] = []
  /** Settings handed to every bridge. */
  config: Record<string, unknown> = {}
  admit: (question: AdmissionQuestion) => { allowed: boolean, reason?: string } = () => ({ allowed: true })
  /** Called for every request; what it returns goes wrong. */
  fault: (method: string, path: string) => Fault | undefined = () => undefined
  readonly #server: Server
  readonly #apiKey: string | undefined
  readonly #host: string

  private constructor (server: Server, { apiKey, host = '127.0.0.1' }: SimulatorOptions) {
    this.#server = server
    this.#apiKey = apiKey
    this.#host = host
  }

  static async start (options: SimulatorOptions = {}): Promise<DashboardSimulator> {
    const server = createServer()
    const simulator = new DashboardSimulator(server, options)
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      simulator.#serve(request, response).catch(() => response.destroy())
    })
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    server.once('error', reject).listen(options.port ?? 0, simulator.#host, resolve)
    await promise
    return simulator
  }

  get port (): number { return (this.#server.address() as AddressInfo).port }
  get url (): string { return `http://${this.#host}:${this.port}` }
  /** Conferences that are going on. */
  get live (): SimulatedConference[] { return [...this.conferences.values()].filter(conference => conference.endedAt === undefined) }

  async [Symbol.asyncDispose] (): Promise<void> {
    const closed = new Promise(resolve => { this.#server.close(resolve) })
    this.#server.closeAllConnections()
    await closed
  }

  async #serve (request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url: path = '' } = request
    const body = await bodyOf(request)
    const fault = this.fault(method, path)
    const { status, body: answer }: Answer = typeof fault === 'number' ? { status: fault, body: { error: 'simulated' } } : this.#answer(method, path, body, request)
    this.requests.push({ method, path, body, status: fault === undefined || typeof fault === 'number' ? status : 0 })
    if (this.requests.length > MAX_REQUESTS_KEPT) this.requests.shift()
    if (fault === 'drop') response.destroy()
    else if (fault === 'hang') await sleep(60_000, undefined, { ref: false })
    else response.writeHead(status, { 'content-type': 'application/json' }).end(fault === 'garbage' ? '<html>' : JSON.stringify(answer ?? {}))
  }

  #answer (method: string, path: string, body: unknown, request: IncomingMessage): Answer {
    if (path === '/health') return { status: 200, body: { status: 'healthy' } }
    if (this.#apiKey !== undefined && request.headers['x-auralink-api-key'] !== this.#apiKey) return { status: 401, body: { error: 'unknown key' } }
    const parts = path.split('/').slice(3).map(decodeURIComponent) // After /api/v1/.
    const shape = `${method} ${parts.map((part, index) => index % 2 === 1 && part !== 'register' ? '*' : part).join('/')}`
    const handler = path.startsWith('/api/v1/') ? this.#routes[shape] : undefined
    return handler?.(parts, body as never) ?? { status: 404, body: { error: 'no such route' } }
  }

  readonly #routes: Readonly<Record<string, Handler>> = {
    'POST bridges/register': (_, body: RegisterRequest) => {
      if (typeof body?.bridgeId !== 'string') return { status: 400, body: { error: 'bridgeId is missing' } }
      this.bridges.set(body.bridgeId, body)
      return { status: 200, body: { bridgeId: body.bridgeId, registered: true, message: 'welcome' } }
    },
    'POST bridges/*/heartbeat': ([, id = ''], body: HeartbeatRequest) => {
      const bridge = this.bridges.get(id)
      if (!bridge) return { status: 404, body: { error: 'not registered' } }
      bridge.lastHeartbeat = body
      return { status: 200, body: { acknowledged: true, timestamp: Date.now() } }
    },
    'GET bridges/*/config': ([, bridgeId]) => ({ status: 200, body: { bridgeId, config: this.config } }),
    'POST bridges/*/metrics': ([, id = ''], body: MetricsRequest) => {
      const bridge = this.bridges.get(id)
      if (bridge) bridge.metrics = body
      return { status: 200 }
    },
    'POST bridges/*/admissions': (_, body: AdmissionQuestion) => ({ status: 200, body: this.admit(body) }),
    'POST conferences': (_, request: ConferenceRequest) => {
      const { bridgeId, roomName, metadata } = request
      const again = this.conferences.values().find(known => known.request.metadata['conferenceId'] === metadata['conferenceId'])
      const conference = again ?? { id: newId('conference'), request, participants: new Map<string, ParticipantRequest>(), endedAt: undefined }
      this.conferences.set(conference.id, conference)
      return { status: 201, body: { conferenceId: conference.id, bridgeId, roomName, status: 'active', createdAt: Date.now() } }
    },
    // No bridge asks this: it is for people, and for tests, who want to see what arrived.
    'GET conferences': () => ({
      status: 200,
      body: [...this.conferences].map(([id, { request, participants, endedAt }]) => ({ id, ...request, participants: [...participants.values()], endedAt }))
    }),
    'DELETE conferences/*': ([, id = '']) => {
      const conference = this.conferences.get(id)
      if (!conference) return { status: 404 }
      conference.endedAt = Date.now()
      return { status: 200 }
    },
    'POST conferences/*/participants': ([, id = ''], body: ParticipantRequest) => {
      const conference = this.conferences.get(id)
      if (!conference) return { status: 404 }
      conference.participants.set(body.participantId, body)
      return { status: 201, body: { participantId: body.participantId, conferenceId: id, status: 'joined' } }
    },
    'DELETE conferences/*/participants/*': ([, id = '', , participant = '']) =>
      ({ status: this.conferences.get(id)?.participants.delete(participant) ? 200 : 404 })
  }
}

async function bodyOf (request: IncomingMessage): Promise<unknown> {
  let text = ''
  for await (const chunk of request.setEncoding('utf8') as AsyncIterable<string>) {
    text += chunk
    if (text.length > MAX_BODY_BYTES) throw new Error('the body is too large')
  }
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}
