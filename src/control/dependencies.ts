import type { Clock } from '../lib/clock.ts'
import { messageOf } from '../lib/errors.ts'
import type { Logger } from '../lib/log.ts'

/** `required` (or true): not ready without it. `reported`: shown, no more. `off` (or false): neither looked at nor shown. */
export const dependencyModes = ['required', 'reported', 'off'] as const
export type DependencyMode = typeof dependencyModes[number]

export type DependencyCheck = {
  /** As the probes show it: `database`, `redis`, `dashboard_service`, `ai_core`, `webrtc_server`. */
  readonly name: string
  readonly mode: DependencyMode
  /** Where it is; shown without its credentials. */
  readonly endpoint?: string
  /** Rejects when the dependency is not there. May leave the signal alone: it is not waited for. */
  readonly check: (signal: AbortSignal) => Promise<unknown>
}

export type DependencyOptions = {
  readonly checks: readonly DependencyCheck[]
  readonly clock: Clock
  readonly log: Logger
  readonly intervalMs?: number
  readonly timeoutMs?: number
}

/** What fails is looked at this often, so that its return is noticed soon. */
const RECHECK_FAILING_MS = 1_000

type Known = { healthy: boolean, checkedAt: number, running: boolean }

/**
 * Looks after what the service depends on: each is checked at an interval, never because somebody asks. Asking is reading a
 * few booleans, so that probes cost nothing, however many there are.
 */
export class Dependencies implements Disposable {
  readonly checks: readonly DependencyCheck[]
  readonly #clock: Clock
  readonly #log: Logger
  readonly #intervalMs: number
  readonly #timeoutMs: number
  readonly #known = new Map<string, Known>()
  readonly #controller = new AbortController()
  readonly #ticking: Disposable
  #changes = 0

  constructor ({ checks, clock, log, intervalMs = 10_000, timeoutMs = 3_000 }: DependencyOptions) {
    this.checks = checks.filter(check => check.mode !== 'off')
    this.#clock = clock
    this.#log = log
    this.#intervalMs = intervalMs
    this.#timeoutMs = timeoutMs
    for (const { name } of this.checks) this.#known.set(name, { healthy: false, checkedAt: -Infinity, running: false })
    this.#ticking = clock.every(Math.min(RECHECK_FAILING_MS, intervalMs), () => { this.#checkDue() })
  }

  healthy (name: string): boolean { return this.#known.get(name)?.healthy ?? false }
  get ready (): boolean { return this.checks.every(({ name, mode }) => mode !== 'required' || this.healthy(name)) }

  /** How often any of them has come or gone: another number means that what was made of them is stale. */
  get changes (): number { return this.#changes }

  /** Checks everything now. @returns when all have answered or run out of time: for the start. */
  async checkAll (): Promise<void> { await Promise.all(this.checks.map(check => this.#check(check))) }

  /** Somebody has reason to doubt this one: it is checked now instead of at its next turn. */
  poke (name: string): void {
    const check = this.checks.find(c => c.name === name)
    if (check) void this.#check(check)
  }

  [Symbol.dispose] (): void {
    this.#ticking[Symbol.dispose]()
    this.#controller.abort()
  }

  #checkDue (): void {
    const now = this.#clock.now()
    for (const check of this.checks) {
      const { healthy, checkedAt } = this.#known.get(check.name)!
      if (now - checkedAt >= (healthy ? this.#intervalMs : Math.min(RECHECK_FAILING_MS, this.#intervalMs))) void this.#check(check)
    }
  }

  async #check (check: DependencyCheck): Promise<void> {
    const known = this.#known.get(check.name)!
    if (known.running || this.#controller.signal.aborted) return
    known.running = true
    const first = known.checkedAt === -Infinity
    const problem = await this.#try(check)
    known.running = false
    known.checkedAt = this.#clock.now()
    if (this.#controller.signal.aborted || (known.healthy === (problem === undefined) && !first)) return
    known.healthy = problem === undefined
    if (problem !== undefined) this.#log.warn({ dependency: check.name, mode: check.mode, problem }, 'a dependency is not there')
    else if (!first) this.#log.info({ dependency: check.name }, 'a dependency is back')
    this.#changes++
  }

  /** @returns what is wrong, if anything is. */
  async #try ({ check }: DependencyCheck): Promise<string | undefined> {
    const timeout = new AbortController()
    const late = Promise.withResolvers<string>()
    using _timer = this.#clock.after(this.#timeoutMs, () => {
      timeout.abort()
      late.resolve(`no answer within ${this.#timeoutMs} ms`)
    })
    try {
      return await Promise.race([check(timeout.signal).then(() => undefined), late.promise])
    } catch (error) {
      return messageOf(error)
    }
  }
}

/** An address to show: user, password and query left out, whatever the scheme. Text that is no address is not shown at all. */
export function withoutCredentials (endpoint: string): string {
  const [, scheme = '', rest = ''] = /^((?:jdbc:)?[a-z][a-z0-9+.-]*:\/\/)?([^?#\s]*)/i.exec(endpoint) ?? []
  const slash = rest.indexOf('/')
  const authority = slash < 0 ? rest : rest.slice(0, slash)
  const path = slash < 0 ? '' : rest.slice(slash)
  // A password may hold a slash that nobody escaped: what is left of the last @ is never shown.
  const shown = path.includes('@') ? path.slice(path.lastIndexOf('@') + 1) : authority.slice(authority.lastIndexOf('@') + 1) + path
  return scheme + shown
}
