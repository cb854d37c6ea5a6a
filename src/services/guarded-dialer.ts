import { lookup as systemLookup } from 'node:dns/promises'
import { addAbortListener } from 'node:events'
import { isIP, type Socket } from 'node:net'
import type { Agent, Dispatcher, fetch as undiciFetch } from 'undici'
import { ChildController } from '../lib/abort.ts'
import { type Allowance, covers, kindOf, parseAllowance } from '../lib/addresses.ts'
import { AppError } from '../lib/errors.ts'
import { type Destination, parseDestination, refused, rules, type Use } from './destination.ts'
import { openSocket } from './open-socket.ts'

const CONNECT_TIMEOUT_MS = 5_000
const ANSWER_TIMEOUT_MS = 15_000
const IDLE_SOCKET_MS = 4_000
/** Connections to one origin at a time. */
const MAX_CONNECTIONS = 16
const MAX_ADDRESSES = 16
const MAX_ANSWER_BYTES = 1024 * 1024
const MAX_HEADER_BYTES = 16 * 1024

export type DialerOptions = {
  /** `security.outbound.allow_private`: what else than public addresses may be reached. */
  readonly allowPrivate?: readonly string[]
  /** `security.outbound.extra_ports`. */
  readonly extraPorts?: readonly (string | number)[]
  /** Where names are looked up; the system's resolver unless a test brings its own. */
  readonly lookup?: (host: string) => Promise<readonly string[]>
}

export type SendOptions = {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

/** The whole answer, its body as text. A redirect is an answer like any other: it is not followed. */
export type Answer = { readonly status: number, readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>, readonly text: string }

type Policy = { readonly allowances: readonly Allowance[], readonly ports: ReadonlySet<number> }

/**
 * Every connection to a URL goes through here. The name is looked up once, every address it has is checked, and the
 * connection goes to one of those: nobody can answer the check with one address and the connection with another.
 */
export class GuardedDialer implements AsyncDisposable {
  readonly #lookup: (host: string) => Promise<readonly string[]>
  readonly #agents = new Map<Use, Agent>()
  #policy: Policy

  /** @throws AppError `bad_request` for an entry that is no host, address or range. */
  constructor (options: DialerOptions = {}) {
    this.#lookup = options.lookup ?? lookupBySystem
    this.#policy = policyOf(options)
  }

  /** New rules for new connections; open ones are let go as soon as they are idle. */
  allow (options: Pick<DialerOptions, 'allowPrivate' | 'extraPorts'>): void {
    this.#policy = policyOf(options)
    for (const agent of this.#agents.values()) void agent.close().catch(() => {})
    this.#agents.clear()
  }

  /** Whether a connection would be allowed. @throws AppError `destination_not_allowed`, `dependency_unavailable` (no such name). */
  async check (url: string, use: Use): Promise<void> {
    await this.#addresses(parseDestination(url, use), use)
  }

  /**
   * Those of the places a server at this URL names (for media, say) that something may be sent to: by the rules for a URL, but at
   * any port, since media has no usual one. A private host that was allowed by name may name its own addresses.
   */
  async reachable<Place extends { readonly address: string, readonly port: number }> (url: string, use: Use, places: readonly Place[]): Promise<readonly Place[]> {
    const destination = parseDestination(url, use)
    const own = new Set(await this.#addresses(destination, use))
    return places.filter(({ address, port }) => {
      const host = own.has(address) ? destination.host : ''
      return kindOf(address) === 'public' || this.#policy.allowances.some(allowance => covers(allowance, { host, address, port }))
    })
  }

  /** A connected socket, TLS included where the scheme has it. @throws also AppError `connect_timeout`. */
  async connect (url: string, use: Use, { timeoutMs = CONNECT_TIMEOUT_MS, signal }: Pick<SendOptions, 'timeoutMs' | 'signal'> = {}): Promise<Socket> {
    return await this.#open(parseDestination(url, use), use, timeoutMs, signal)
  }

  /** One HTTP request with its whole answer. */
  async send (url: string, use: Use, { timeoutMs = ANSWER_TIMEOUT_MS, signal, ...options }: SendOptions = {}): Promise<Answer> {
    parseDestination(url, use) // Refused before anything is queued.
    const deadline = AbortSignal.timeout(timeoutMs)
    try {
      using either = new ChildController(deadline)
      using _link = signal && addAbortListener(signal, () => either.abort(signal.reason))
      const { request } = await undici()
      const { statusCode, headers, body } = await request(url, { ...options, dispatcher: await this.#agent(use), signal: either.signal })
      return { status: statusCode, headers, text: await body.text() }
    } catch (error) {
      if (deadline.aborted && !signal?.aborted) throw new AppError('connect_timeout', `There was no answer within ${timeoutMs} ms.`, { cause: error })
      throw error
    }
  }

  /** `fetch` for one use, for libraries that bring their own requests. Redirects are answers, not followed. */
  fetch (use: Use): typeof undiciFetch {
    return async (input, init) => {
      parseDestination(typeof input === 'string' ? input : input instanceof URL ? input.href : input.url, use)
      const { fetch } = await undici()
      return fetch(input, { ...init, dispatcher: await this.#agent(use), redirect: 'manual' })
    }
  }

  /** Connections for one use, for undici. */
  async #agent (use: Use): Promise<Dispatcher> {
    const { Agent } = await undici()
    const existing = this.#agents.get(use)
    if (existing) return existing
    const agent = new Agent({
      connect: ({ protocol, hostname, port }, callback) => {
        const url = `${protocol}//${bracketed(hostname)}${port ? `:${port}` : ''}`
        this.connect(url, use).then(socket => callback(null, socket), (error: Error) => callback(error, null))
      },
      connections: MAX_CONNECTIONS,
      keepAliveTimeout: IDLE_SOCKET_MS,
      headersTimeout: ANSWER_TIMEOUT_MS,
      bodyTimeout: ANSWER_TIMEOUT_MS,
      maxHeaderSize: MAX_HEADER_BYTES,
      maxResponseSize: MAX_ANSWER_BYTES,
      allowH2: false
    })
    this.#agents.set(use, agent)
    return agent
  }

  async [Symbol.asyncDispose] (): Promise<void> {
    const agents = [...this.#agents.values()]
    this.#agents.clear()
    await Promise.all(agents.map(agent => agent.destroy()))
  }

  async #open (destination: Destination, use: Use, timeoutMs: number, signal?: AbortSignal): Promise<Socket> {
    const addresses = await this.#addresses(destination, use)
    return await openSocket({ ...destination, addresses }, timeoutMs, signal)
  }

  /** All addresses of the host, each of them allowed. One that is not spoils them all: somebody is playing games. */
  async #addresses (destination: Destination, use: Use): Promise<readonly string[]> {
    const { host, port, namesItself } = destination
    const rule = rules[use]
    const named = this.#policy.allowances.some(({ host: name, port: only }) => name === host && (only === undefined || only === port))
    if (namesItself && !rule.trusted && !named && !this.#mayBeItself(port)) throw refused(`${host} is not a public host.`)
    const addresses = isIP(host) ? [host] : await this.#resolve(host)
    for (const address of addresses) this.#checkAddress({ ...destination, address }, use)
    return addresses
  }

  /** `localhost` may also be allowed by its address. */
  #mayBeItself (port: number): boolean {
    const own = ['127.0.0.1', '::1']
    return own.some(address => this.#policy.allowances.some(allowance => covers(allowance, { host: '', address, port })))
  }

  #checkAddress ({ host, address, port }: Destination & { readonly address: string }, use: Use): void {
    const rule = rules[use]
    const kind = kindOf(address)
    const matching = this.#policy.allowances.filter(allowance => covers(allowance, { host, address, port }))
    const isReachable = kind === 'public' || (kind === 'private' && rule.trusted) || matching.length > 0
    if (!isReachable) throw refused(`${host} is not a public host (security.outbound.allow_private can allow it).`)
    const usual = rule.trusted || rule.ports.includes(port) || this.#policy.ports.has(port) || matching.some(allowance => allowance.port === port)
    if (!usual) throw refused(`Port ${port} is not allowed here (security.outbound.extra_ports can allow it).`)
  }

  async #resolve (host: string): Promise<readonly string[]> {
    try {
      const addresses = await this.#lookup(host)
      if (addresses.length === 0) throw new Error('no address')
      return addresses.slice(0, MAX_ADDRESSES)
    } catch (cause) {
      throw new AppError('dependency_unavailable', `The name ${host} has no address.`, { cause })
    }
  }
}

/** Loaded with the first request out: many services never make one. */
const undici = (): Promise<typeof import('undici')> => import('undici')

const lookupBySystem = async (host: string): Promise<readonly string[]> =>
  (await systemLookup(host, { all: true, verbatim: true })).map(({ address }) => address)

const bracketed = (host: string): string => isIP(host) === 6 ? `[${host}]` : host

function policyOf ({ allowPrivate = [], extraPorts = [] }: DialerOptions): Policy {
  const allowances = allowPrivate.map(entry => parseAllowance(entry) ?? fail(`“${entry}” is no host, address or range`))
  const ports = extraPorts.map(port => /^\d{1,5}$/.test(String(port)) ? Number(port) : fail(`“${port}” is no port`))
  return { allowances, ports: new Set(ports) }
}

function fail (detail: string): never { throw new AppError('bad_request', detail) }
