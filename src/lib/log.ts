import pino from 'pino'
import type { Clock } from './clock.ts'
import { redacted, redactText } from './redact.ts'

export const logLevels = ['debug', 'info', 'warn', 'error'] as const
export type LogLevel = typeof logLevels[number]

type LogMethod = (fields: Record<string, unknown>, message: string) => void

/** Handed to each part, never imported by it. Fields first, then one sentence. */
export interface Logger extends Record<LogLevel, LogMethod> {
  child (fields: Record<string, unknown>): Logger
  /** The least important lines written. One for the whole family: setting it on any member sets it for all. */
  level: LogLevel
}

export type LogOptions = { level: LogLevel, format: 'json' | 'text', fields?: Record<string, unknown>, destination?: { write (line: string): void } }

/** The service's logger: one JSON object, or one readable line, for each event. No secret gets through (`redact.ts`). */
export function createLogger ({ level, format, fields = {}, destination = process.stdout }: LogOptions): Logger {
  const stream = format === 'text' ? { write: (line: string) => { destination.write(readable(line)) } } : destination
  const writer = pino({
    level: 'debug',
    base: redacted(fields) as Record<string, unknown>,
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: label => ({ level: label }) }
  }, stream)
  return new FamilyLogger(() => writer, { rank: logLevels.indexOf(level) })
}

/** pino gives a child its parent's level once, at birth; here the whole family shares one that can change. */
class FamilyLogger implements Logger {
  readonly #open: () => pino.Logger
  readonly #least: { rank: number }
  #opened: pino.Logger | undefined

  /** @param open called for the first line: most sessions of a service that logs warnings never write one */
  constructor (open: () => pino.Logger, least: { rank: number }) {
    this.#open = open
    this.#least = least
  }

  get #writer (): pino.Logger { return this.#opened ??= this.#open() }

  get level (): LogLevel { return logLevels[this.#least.rank] ?? 'info' }
  set level (level: LogLevel) { this.#least.rank = logLevels.indexOf(level) }

  child (fields: Record<string, unknown>): Logger {
    return new FamilyLogger(() => this.#writer.child(redacted(fields) as Record<string, unknown>), this.#least)
  }

  debug (fields: Record<string, unknown>, message: string): void { this.#write(0, 'debug', fields, message) }
  info (fields: Record<string, unknown>, message: string): void { this.#write(1, 'info', fields, message) }
  warn (fields: Record<string, unknown>, message: string): void { this.#write(2, 'warn', fields, message) }
  error (fields: Record<string, unknown>, message: string): void { this.#write(3, 'error', fields, message) }

  #write (rank: number, level: LogLevel, fields: Record<string, unknown>, message: string): void {
    if (rank >= this.#least.rank) this.#writer[level](redacted(fields) as Record<string, unknown>, redactText(message))
  }
}

function readable (line: string): string {
  const { level, time, msg, service: _s, environment: _e, version: _v, bridge: _b, ...fields } = JSON.parse(line) as Record<string, unknown>
  const rest = Object.entries(fields).map(([name, value]) => ` ${name}=${typeof value === 'string' ? onOneLine(value) : JSON.stringify(value)}`).join('')
  return `${String(time).slice(11, 23)} ${String(level).toUpperCase().padEnd(5)} ${onOneLine(String(msg))}${rest}\n`
}

/** Text from outside must not be able to begin a line of its own, or to paint the terminal. */
const onOneLine = (text: string): string =>
  /[\p{Cc}\u2028\u2029]/u.test(text) ? JSON.stringify(text).replace(/[\p{Cc}\u2028\u2029]/gu, '?') : text

export const silentLogger: Logger = { level: 'error', child: () => silentLogger, debug () {}, info () {}, warn () {}, error () {} }

/**
 * Counts what may happen a thousand times a second and says it once: the first time at once, then at most once a second
 * with the number of times since. For packet trouble and for anything a stranger can provoke.
 */
export class Tally {
  readonly #log: Logger
  readonly #clock: Clock
  readonly #entries = new Map<string, { until: number, unsaid: number }>()
  readonly #intervalMs: number

  constructor (log: Logger, clock: Clock, intervalMs = 1000) {
    this.#log = log
    this.#clock = clock
    this.#intervalMs = intervalMs
  }

  /** @param what one of a fixed set of sentences, never text from the wire: each has an entry for good. */
  count (what: string, fields: Record<string, unknown> = {}, level: LogLevel = 'warn'): void {
    const now = this.#clock.now()
    const entry = this.#entries.get(what)
    if (entry && now < entry.until) {
      entry.unsaid++
      return
    }
    this.#log[level]({ ...fields, ...(entry?.unsaid ? { alsoSinceLastLine: entry.unsaid } : {}) }, what)
    this.#entries.set(what, { until: now + this.#intervalMs, unsaid: 0 })
  }
}
