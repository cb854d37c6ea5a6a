import pino from 'pino'
import type { Clock } from './clock.ts'

export const logLevels = ['debug', 'info', 'warn', 'error'] as const
export type LogLevel = typeof logLevels[number]

type LogMethod = (fields: Record<string, unknown>, message: string) => void

/** Handed to each part, never imported by it. Fields first, then one sentence. */
export interface Logger extends Record<LogLevel, LogMethod> {
  child (fields: Record<string, unknown>): Logger
  level: string
}

/** Field names whose values never reach a log line, wherever they stand within three levels. */
const secrets = ['authorization', 'password', 'streamKey', 'token', 'secret', 'key', 'apiKey', 'cookie', 'iceUfrag', 'icePwd', 'databaseUrl', 'crypto']
const redactedPaths = secrets.flatMap(name => [name, `*.${name}`, `*.*.${name}`])

export type LogOptions = { level: LogLevel, format: 'json' | 'text', fields?: Record<string, unknown>, destination?: { write (line: string): void } }

/** The service's logger: one JSON object, or one readable line, for each event. */
export function createLogger ({ level, format, fields = {}, destination = process.stdout }: LogOptions): Logger {
  const stream = format === 'text' ? { write: (line: string) => { destination.write(readable(line)) } } : destination
  return pino({
    level,
    base: fields,
    redact: { paths: redactedPaths, censor: '[hidden]' },
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: label => ({ level: label }) },
    serializers: { error: pino.stdSerializers.err, err: pino.stdSerializers.err }
  }, stream)
}

function readable (line: string): string {
  const { level, time, msg, service: _s, environment: _e, version: _v, bridge: _b, ...fields } = JSON.parse(line) as Record<string, unknown>
  const rest = Object.entries(fields).map(([name, value]) => ` ${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`).join('')
  return `${String(time).slice(11, 23)} ${String(level).toUpperCase().padEnd(5)} ${String(msg)}${rest}\n`
}

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
