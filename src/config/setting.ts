import { isIP } from 'node:net'
import nodePath from 'node:path'
import { parseAllowance } from '../lib/addresses.ts'
import { booleanOf, bytesOf, durationOf, itemsOf, numberOf, stringOf } from './hocon/units.ts'
import type { HoconString, HoconValue } from './hocon/values.ts'

/** The kinds of settings: how each is written in the table, read from a file or a variable, and named in the docs. */

/** Called with the value that is wrong and what was expected there: “a duration such as 10s”. */
export type Fail = (value: HoconValue, expected: string) => undefined
/** @param cwd what a relative path is relative to. */
type Read<T> = (value: HoconValue, fail: Fail, cwd: string) => T | undefined

export type Extras = {
  /** The environment variable. A secret can also be given as a file: `DB_PASSWORD_FILE`. */
  readonly env?: string
  /** Shown as `[hidden]` everywhere. */
  readonly secret?: true
  /** Accepted, but the feature behind it does not exist yet: `--check-config` says so of every such setting in use. */
  readonly later?: true
  /** SIGHUP is enough; everything else needs a restart. */
  readonly live?: true
  /** What the original `auralink.conf` has where our default is unset: shown in the docs. */
  readonly example?: string
}

/** The default is another setting's value: `${auralink.…}` in HOCON's own words. */
export class SameAs { readonly key: string; constructor (key: string) { this.key = key } }
/** The default is made at start. */
export class Generated {
  readonly description: string
  readonly make: () => string
  constructor (description: string, make: () => string) { this.description = description; this.make = make }
}
export const sameAs = (key: string): SameAs => new SameAs(key)
export const generated = (description: string, make: () => string): Generated => new Generated(description, make)

/** One row of the table. */
export class Setting<T> {
  readonly kind: string
  /** As it would be written in the file; undefined: not set. */
  readonly fallback: unknown
  readonly doc: string
  readonly extras: Extras
  readonly read: Read<T>

  constructor (kind: string, fallback: unknown, doc: string, extras: Extras, read: Read<T>) {
    this.kind = kind
    this.fallback = fallback
    this.doc = doc
    this.extras = extras
    this.read = read
  }
}

/** A list or map of objects. In a variable it is written as in the file: `[{ name = a }]`. */
export class Structured<T> extends Setting<T> {
  readonly #secrets: ReadonlySet<string>

  constructor (kind: string, fields: Fields, fallback: unknown, doc: string, extras: Extras, read: Read<T>) {
    super(kind, fallback, doc, extras, read)
    this.#secrets = new Set(Object.keys(fields).filter(name => fields[name]?.extras.secret))
  }

  /** A value of this setting, fit to be shown. */
  hidden (value: readonly object[]): object[] {
    return value.map(item => Object.fromEntries(Object.entries(item).map(([name, inner]) => [name, this.#secrets.has(name) && inner !== '' ? '[hidden]' : inner])))
  }
}

/** Without a default the value may be missing. */
type Made<T, Fallback> = Setting<Fallback extends undefined ? T | undefined : T>
type Maker<T> = <Fallback>(fallback: Fallback, doc: string, extras?: Extras) => Made<T, Fallback>

const maker = <T>(kind: string, read: Read<T>): Maker<T> =>
  <F>(fallback: F, doc: string, extras: Extras = {}) => new Setting<T>(kind, fallback, doc, extras, read) as Made<T, F>

/** A reader that knows one value from another by `get`, and says what was expected in one phrase. */
const simple = <T>(expected: string, get: (value: HoconValue) => T | undefined): Read<T> =>
  (value, fail) => get(value) ?? fail(value, expected)

const within = (low: number, high: number) => (n: number | undefined): number | undefined => n !== undefined && n >= low && n <= high ? n : undefined
const notNegative = within(0, Number.MAX_SAFE_INTEGER)
const matching = (pattern: RegExp) => (value: HoconValue): string | undefined => {
  const text = stringOf(value)
  return text !== undefined && pattern.test(text) ? text : undefined
}

export const text = maker('text', simple('text', stringOf))
export const flag = maker('true or false', simple('true or false', booleanOf))
export const path = maker<string>('file or folder', (value, fail, cwd) => {
  const written = matching(/^[^\0]+$/)(value)
  return written === undefined ? fail(value, 'the path of a file or folder') : nodePath.resolve(cwd, written)
})
export const httpUrl = maker('URL', simple('an http:// or https:// URL', matching(/^https?:\/\/[^\s/?#]+[^\s]*$/i)))
export const headerName = maker('header name', simple('the name of an HTTP header', matching(/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/)))
export const databaseUrl = maker('database URL', simple('a jdbc:postgresql:// or postgresql:// URL', matching(/^(jdbc:)?postgres(ql)?:\/\/[^\s]+$/i)))
export const hostPort = maker('host:port', simple('host:port, without a scheme', matching(/^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):\d{1,5}$/)))
export const urlPath = maker('path', simple('a path that begins with /', matching(/^\/[^\s?#]*$/)))

/** Milliseconds in the program. A bare number in a file counts milliseconds. */
export const duration = maker('duration', simple('a duration such as 500ms, 10s or 5 minutes', value => notNegative(durationOf(value))))
/** As `duration`, but a bare number counts seconds, as the original file has it. */
export const seconds = maker('duration in s', simple('a duration such as 300 (seconds) or 5m', value => notNegative(durationOf(value, 1000))))
export const size = maker('size', simple('a size such as 512KiB or 1GiB', value => notNegative(bytesOf(value))))

export const whole = <F>(fallback: F, low: number, high: number, doc: string, extras: Extras = {}): Made<number, F> =>
  maker(`whole number, ${low} to ${high}`, simple(`a whole number from ${low} to ${high}`, value => {
    const number = within(low, high)(numberOf(value))
    return Number.isInteger(number) ? number : undefined
  }))(fallback, doc, extras)

export const fraction = <F>(fallback: F, low: number, high: number, doc: string, extras: Extras = {}): Made<number, F> =>
  maker(`number, ${low} to ${high}`, simple(`a number from ${low} to ${high}`, value => within(low, high)(numberOf(value))))(fallback, doc, extras)

/**
 * 0 means any free port. Kubernetes gives every container `REDIS_PORT=tcp://10.0.0.1:6379` where a service is called
 * `redis`: the port is read out of that.
 */
export const port = maker('port', simple('a port from 0 (any free one) to 65535', value => {
  const linked = value.type === 'string' ? /^(?:tcp|udp):\/\/.+:(\d+)$/.exec(value.value)?.[1] : undefined
  const number = within(0, 65_535)(linked === undefined ? numberOf(value) : Number(linked))
  return Number.isInteger(number) ? number : undefined
}))

/** One of a few words, whatever their case; given to the program as the table spells it. */
export const choice = <const Word extends string, F>(words: readonly Word[], fallback: F, doc: string, extras: Extras = {}): Made<Word, F> =>
  maker(words.join(', '), simple(`one of ${words.join(', ')}`, value => {
    const given = stringOf(value)?.trim().toLowerCase()
    return words.find(word => word.toLowerCase() === given)
  }))(fallback, doc, extras)

export type Need = 'required' | 'reported' | 'off'

/** How much readiness depends on something: `required` (or true), `reported`, `off` (or false). */
export const need = maker<Need>('required, reported, off', simple('required (or true), reported, or off (or false)', value => {
  const asked = booleanOf(value)
  if (asked !== undefined) return asked ? 'required' : 'off'
  const word = stringOf(value)?.trim().toLowerCase()
  return word === 'required' || word === 'reported' ? word : undefined
}))

/** A list of texts of one form. A variable holds them with commas between: `a,b`. */
const list = (kind: string, expected: string, fits: (text: string) => boolean): Maker<readonly string[]> =>
  maker<readonly string[]>(kind, (value, fail) => {
    const items = value.type === 'string' ? split(value) : itemsOf(value)
    if (!items) return fail(value, 'a list such as ["a", "b"], or a,b')
    const texts = items.map(item => {
      const text = stringOf(item)
      return text !== undefined && fits(text) ? text : fail(item, expected)
    })
    return texts.every(text => text !== undefined) ? texts : undefined
  })

const split = ({ value, origin }: HoconString): HoconString[] =>
  value.split(',').map(word => word.trim()).filter(word => word !== '').map(word => ({ type: 'string', value: word, origin }))

export const words = list('list of text', 'text', () => true)
/** RFC 7064, RFC 7065. */
export const iceUrls = list('list of URLs', 'a URL such as stun:host:3478 or turn:host:3478?transport=udp',
  text => /^(stuns?:(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:\d{1,5})?|turns?:(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:\d{1,5})?(\?transport=(udp|tcp))?)$/i.test(text))
export const addresses = list('list of addresses', 'an IPv4 or IPv6 address', text => isIP(text) !== 0)
export const ranges = list('list of ranges', 'an address or a CIDR such as 10.0.0.0/8', text => {
  const entry = parseAllowance(text)
  return entry?.range !== undefined && entry.port === undefined
})
export const hosts = list('list of hosts', 'a host, an address or a CIDR, with a port or without', text => parseAllowance(text) !== undefined)
export const ports = list('list of ports', 'a port from 1 to 65535', text => /^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 65_535)

/** The fields of one entry of a list or map of objects. */
export type Fields = Readonly<Record<string, Setting<unknown>>>
export type Entry<F extends Fields> = { readonly [Name in keyof F]: F[Name] extends Setting<infer T> ? T : never }

function entry<F extends Fields> (fields: F, value: HoconValue, fail: Fail, cwd: string): Entry<F> | undefined {
  const names = Object.keys(fields).join(', ')
  if (value.type !== 'object') return fail(value, `an object with ${names}`)
  const result: Record<string, unknown> = {}
  let complete = true
  for (const [name, inner] of value.fields) {
    if (!Object.hasOwn(fields, name)) { fail(inner, `${name}: one of ${names}`); complete = false }
  }
  for (const [name, field] of Object.entries(fields)) {
    const given = value.fields.get(name)
    const failField: Fail = (wrong, expected) => fail(wrong, `${name}: ${expected}`)
    const read = given === undefined || given.type === 'null' ? field.fallback : field.read(given, failField, cwd)
    if (read === undefined && given === undefined) fail(value, `an object with ${name}`)
    if (read === undefined) complete = false
    result[name] = read
  }
  return complete ? result as Entry<F> : undefined
}

export const listOf = <F extends Fields>(fields: F, fallback: readonly object[], doc: string, extras: Extras = {}): Setting<readonly Entry<F>[]> =>
  new Structured(`list of {${Object.keys(fields).join(', ')}}`, fields, fallback, doc, extras, (value, fail, cwd) => {
    const read = itemsOf(value)?.map(item => entry(fields, item, fail, cwd)) ?? fail(value, 'a list of objects')
    return read?.every(item => item !== undefined) ? read : undefined
  })

export const mapOf = <F extends Fields>(fields: F, fallback: object, doc: string, extras: Extras = {}): Setting<ReadonlyMap<string, Entry<F>>> =>
  new Structured(`map of {${Object.keys(fields).join(', ')}}`, fields, fallback, doc, extras, (value, fail, cwd) => {
    if (value.type !== 'object') return fail(value, 'an object of objects')
    const read = [...value.fields].map(([name, inner]) => [name, entry(fields, inner, fail, cwd)] as const)
    return read.every(([, inner]) => inner !== undefined) ? new Map(read as [string, Entry<F>][]) : undefined
  })
