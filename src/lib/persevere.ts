import { backoff, type BackoffLimits } from './backoff.ts'
import type { Clock } from './clock.ts'
import { AppError, type ErrorCode, messageOf } from './errors.ts'
import type { Logger } from './log.ts'
import { pause } from './pause.ts'

/** Waits between attempts. What was connected for the longest of them had been well: the next failure counts as the first. */
export const reconnectLimits: BackoffLimits = { firstMs: 500, longestMs: 30_000 }
/** Whoever asks us to come back later is believed up to this (ms). */
const MAX_RETRY_AFTER_MS = 5 * 60_000

/** `idle`: nobody sends anything that could be passed on. `failed`: given up; it would not get better by itself. */
export type ConnectionState = 'idle' | 'connecting' | 'connected' | 'retrying' | 'failed'

/** How it goes with a connection that is made again and again. */
export class ConnectionStatus {
  state: ConnectionState = 'connecting'
  /** Connections begun since the start. */
  attempts = 0
  connectedAt: Date | undefined
  lastError: { readonly code: ErrorCode, readonly message: string, readonly at: Date } | undefined
  /** With `retrying`. */
  retryAt: Date | undefined

  idle (): void { this.state = 'idle' }

  connecting (): void {
    this.state = 'connecting'
    this.attempts++
  }

  connected (wallMs: number): void {
    this.state = 'connected'
    this.connectedAt = new Date(wallMs)
  }

  /** For an API: no secrets. */
  describe () {
    const { state, attempts, connectedAt, lastError, retryAt } = this
    return {
      state, attempts, connectedAt: connectedAt?.toISOString() ?? null, retryAt: retryAt?.toISOString() ?? null,
      lastError: lastError ? { code: lastError.code, message: lastError.message, at: lastError.at.toISOString() } : null
    }
  }
}

/** Why an attempt failed, and what that means for the next. */
export class ConnectionError extends AppError {
  /** Trying again would not help: wrong credentials, a place that may not be reached. */
  readonly final: boolean
  /** The other side asks for this long a wait. */
  readonly retryAfterMs: number

  constructor (code: ErrorCode, detail: string, { final = false, retryAfterMs = 0, cause }: { final?: boolean, retryAfterMs?: number, cause?: unknown } = {}) {
    super(code, detail, { cause })
    this.final = final
    this.retryAfterMs = retryAfterMs
  }
}

type Surroundings = { readonly signal: AbortSignal, readonly clock: Clock, readonly log: Logger, readonly limits?: BackoffLimits }

/**
 * Makes a connection again whenever it ends, until the signal is aborted or an attempt fails for good.
 * @param attempt lives as long as its connection, says in the status how far it is, resolves when a new connection is wanted soon
 * @throws the signal's reason, or the error that is final
 */
export async function persevere (attempt: () => Promise<void>, status: ConnectionStatus, { signal, clock, log, limits = reconnectLimits }: Surroundings): Promise<never> {
  for (let failures = 0; ;) {
    signal.throwIfAborted()
    status.connectedAt = undefined
    const began = clock.now()
    try {
      await attempt()
      await pause(clock, Math.max(0, began + limits.firstMs - clock.now()), signal) // However it went: never in a tight circle.
    } catch (error) {
      signal.throwIfAborted()
      const wall = clock.wall()
      status.lastError = { code: error instanceof AppError ? error.code : 'internal', message: messageOf(error), at: new Date(wall) }
      if (isFinal(error)) {
        status.state = 'failed'
        throw error
      }
      if (wasWell(status, wall, limits)) failures = 0
      const asked = error instanceof ConnectionError ? Math.min(error.retryAfterMs, MAX_RETRY_AFTER_MS) : 0
      const waitMs = Math.max(backoff(++failures, limits), asked)
      status.state = 'retrying'
      status.retryAt = new Date(wall + waitMs)
      log.warn({ error: messageOf(error), attempts: status.attempts, retryInMs: Math.round(waitMs) }, 'a connection to elsewhere failed or ended; it is made again')
      await pause(clock, waitMs, signal)
      status.retryAt = undefined
    }
  }
}

/** What nobody foresaw does not get better by itself either. */
const isFinal = (error: unknown): boolean =>
  !(error instanceof AppError) || error.code === 'destination_not_allowed' || (error instanceof ConnectionError && error.final)

const wasWell = ({ connectedAt }: ConnectionStatus, wall: number, { longestMs }: BackoffLimits): boolean =>
  connectedAt !== undefined && wall - connectedAt.getTime() >= longestMs
