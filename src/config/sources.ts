import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import type { CommandLine } from './command-line.ts'
import { parseFile } from './hocon/file.ts'
import { parse } from './hocon/parser.ts'
import { assign, HoconError, layer, nodeOf, object, type Node, type ObjectNode, type Origin } from './hocon/values.ts'
import type { Problem } from './problems.ts'
import { Generated, SameAs, Structured } from './setting.ts'
import { fullKey, rows } from './table.ts'

/** Read when neither `--config` nor CONFIG_FILE names one, and it exists. */
export const DEFAULT_FILE = '/etc/auralink/auralink.conf'
export const DEFAULT_ORIGIN: Origin = { source: 'default' }
export const GENERATED_ORIGIN: Origin = { source: 'made at start' }
const MAX_SECRET_BYTES = 65_536
const BRACKET = /^\s*[[{]/

export type Environment = Readonly<Record<string, string | undefined>>
type Report = (problem: Problem) => void

/** The table's own values. */
export function defaults (): ObjectNode {
  const root = object(DEFAULT_ORIGIN)
  for (const { path: at, setting: { fallback } } of rows) {
    if (fallback !== undefined) assign(root, at, defaultNode(fallback))
  }
  return root
}

function defaultNode (fallback: unknown): Node {
  if (fallback instanceof SameAs) {
    return { type: 'substitution', path: fullKey(fallback.key).split('.'), optional: true, prefix: [], origin: DEFAULT_ORIGIN }
  }
  return fallback instanceof Generated ? nodeOf(fallback.make(), GENERATED_ORIGIN) : nodeOf(fallback, DEFAULT_ORIGIN)
}

/** The file and what it includes, if there is one. */
export function fromFile (named: string | undefined, cwd: string, report: Report): { root: ObjectNode, files: readonly string[] } {
  const nothing = { root: object(DEFAULT_ORIGIN), files: [] }
  const file = named === undefined ? DEFAULT_FILE : path.resolve(cwd, named)
  if (named === undefined && !existsSync(file)) return nothing
  try {
    return parseFile(file)
  } catch (error) {
    if (error instanceof HoconError) report({ origin: error.origin, message: error.detail })
    else report({ origin: { source: file }, message: `cannot be read: ${(error as NodeJS.ErrnoException).code ?? String(error)}` })
    return nothing
  }
}

/** Every variable of the table that is set, and for secrets the file that `NAME_FILE` names. An empty variable counts as not set. */
export function fromEnvironment (env: Environment, cwd: string, report: Report): ObjectNode {
  const root = object(DEFAULT_ORIGIN)
  for (const { path: at, key, setting } of rows) {
    const { extras } = setting
    if (extras.env === undefined) continue
    const origin = { source: `environment variable ${extras.env}` }
    const value = env[extras.env] || undefined
    const file = extras.secret ? env[`${extras.env}_FILE`] || undefined : undefined
    if (value !== undefined && file !== undefined) report({ origin, key, message: `${extras.env} and ${extras.env}_FILE are both set; keep one` })
    const given = value === undefined && file !== undefined
      ? secretFrom(path.resolve(cwd, file), { source: `environment variable ${extras.env}_FILE` }, key, report)
      : value === undefined ? undefined : { value, origin }
    if (!given) continue
    if (setting instanceof Structured) assignHocon(root, key, given, report)
    else assign(root, at, nodeOf(given.value, given.origin))
  }
  return root
}

/** Brackets make it HOCON; anything else is left to the setting to refuse. */
function assignHocon (root: ObjectNode, key: string, { value, origin }: { value: string, origin: Origin }, report: Report): void {
  try {
    if (BRACKET.test(value)) layer(root, nested(key, parse(`value = ${value}`, { source: origin.source }).fields.get('value') ?? [], origin))
    else assign(root, key.split('.'), nodeOf(value, origin))
  } catch (error) {
    if (!(error instanceof HoconError)) throw error
    report({ origin, key, message: error.detail })
  }
}

function secretFrom (file: string, origin: Origin, key: string, report: Report): { value: string, origin: Origin } | undefined {
  try {
    const content = readFileSync(file)
    if (content.length > MAX_SECRET_BYTES) throw new Error(`it holds more than ${MAX_SECRET_BYTES} bytes`)
    return { value: content.toString('utf8').replace(/\r?\n$/, ''), origin }
  } catch (error) {
    report({ origin, key, message: `${file} cannot be read: ${(error as NodeJS.ErrnoException).code ?? (error as Error).message}` })
    return undefined
  }
}

/** `--set`: plain text, or HOCON where it begins with a bracket. */
export function fromCommandLine ({ set }: CommandLine, report: Report): ObjectNode {
  const root = object(DEFAULT_ORIGIN)
  for (const [written, value] of set) {
    const key = fullKey(written)
    const origin = { source: `command line --set ${written}` }
    assignHocon(root, key, { value, origin }, report)
  }
  return root
}

function nested (key: string, values: readonly Node[], origin: Origin): ObjectNode {
  const root = object(origin)
  for (const value of values) assign(root, key.split('.'), value)
  return root
}
