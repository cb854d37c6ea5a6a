import { commandLine, type CommandLine } from './command-line.ts'
import { resolve } from './hocon/resolver.ts'
import { HoconError, layer, type HoconObject, type HoconValue, type ObjectNode } from './hocon/values.ts'
import { crossChecks, notesOn } from './checks.ts'
import { ConfigError, show, type Problem } from './problems.ts'
import type { Config } from './settings.ts'
import { DEFAULT_ORIGIN, defaults, type Environment, fromCommandLine, fromEnvironment, fromFile } from './sources.ts'
import { camel, type Entry, nearestKey, type Row, rowOf, rows } from './table.ts'

export type { Config } from './settings.ts'
export type ConfigSources = {
  /** Without the program's own name; or what `commandLine()` made of it. */
  readonly argv?: readonly string[] | CommandLine
  readonly env?: Environment
  /** What relative paths are relative to. */
  readonly cwd?: string
}

export type Loaded = {
  readonly config: Config
  readonly entries: readonly Entry[]
  /** The configuration file and its includes; empty without one. */
  readonly files: readonly string[]
  /** What is accepted but deserves a word: settings without effect, well-known passwords. */
  readonly notes: readonly string[]
}

/**
 * The configuration: defaults, then the file, then the environment, then the command line; the later wins.
 * @throws ConfigError with every mistake there is.
 */
export function loadConfig (sources: ConfigSources = {}): Config {
  return load(sources).config
}

/** The same, with all there is to tell about it. */
export function load ({ argv = [], env = process.env, cwd = process.cwd() }: ConfigSources = {}): Loaded {
  const problems: Problem[] = []
  const report: Report = problem => { problems.push(problem) }
  const cli = isParsed(argv) ? argv : commandLine(argv)
  const file = fromFile(cli.configFile ?? (env['CONFIG_FILE'] || undefined), cwd, report)
  const tree = defaults()
  for (const source of [file.root, fromEnvironment(env, cwd, report), fromCommandLine(cli, report)]) layer(tree, source)

  const resolved = resolveTree(tree, env, report)
  const unused = unknownKeys(resolved, [], report)
  const wrong = new Set<HoconValue>()
  const entries = rows.map(row => read(row, resolved, cwd, wrong, report))
  const config = configOf(entries)
  if (problems.length === 0) problems.push(...crossChecks(entries))
  if (problems.length > 0) throw new ConfigError(problems)
  return { config, entries, files: file.files, notes: [...unused, ...notesOn(entries, Object.keys(env))] }
}

type Report = (problem: Problem) => void

const isParsed = (argv: readonly string[] | CommandLine): argv is CommandLine => 'mode' in argv

function resolveTree (tree: ObjectNode, env: Environment, report: Report): HoconObject {
  const environment = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''))
  try {
    const { root, errors } = resolve(tree, environment)
    for (const { origin, detail } of errors) report({ origin, message: detail })
    return root
  } catch (error) {
    if (!(error instanceof HoconError)) throw error
    report({ origin: error.origin, message: error.detail })
    return resolve(defaults(), environment).root
  }
}

/** @param known values already reported as wrong. */
function read ({ key, path, setting }: Row, root: HoconObject, cwd: string, known: Set<HoconValue>, report: Report): Entry {
  const given = valueAt(root, path)
  const row = { key, path, setting }
  const isUnset = given === undefined || (given.type === 'null' && setting.fallback === undefined)
  if (isUnset) return { ...row, value: undefined, written: given, origin: given?.origin ?? DEFAULT_ORIGIN }
  const fail = (wrong: HoconValue, expected: string): undefined => {
    if (known.has(wrong)) return // Settings that share a value share the mistake.
    known.add(wrong)
    report({ origin: wrong.origin, key, message: `expected ${expected}, found ${setting.extras.secret ? '[hidden]' : show(wrong)}` })
  }
  return { ...row, value: setting.read(given, fail, cwd), written: given, origin: given.origin }
}

function valueAt (root: HoconObject, path: readonly string[]): HoconValue | undefined {
  let value: HoconValue | undefined = root
  for (const key of path) value = value?.type === 'object' ? value.fields.get(key) : undefined
  return value
}

const sections = new Set(rows.flatMap(row => row.path.map((_, index) => row.path.slice(0, index).join('.'))))

/**
 * Reports the keys the table does not have. Jitsi's own section has hundreds that mean nothing here: those are only noted.
 * @returns the notes.
 */
function unknownKeys (value: HoconObject, path: readonly string[], report: Report): string[] {
  return [...value.fields].flatMap(([name, inner]) => {
    const at = [...path, name]
    const key = at.join('.')
    if (rowOf(key)) return []
    if (sections.has(key) && inner.type === 'object') return unknownKeys(inner, at, report)
    if (path[0] === 'videobridge') return [`${key} has no effect here`]
    const near = nearestKey(key)
    const message = sections.has(key) ? `expected a section, found ${show(inner)}` : `there is no such setting${near ? `; is it ${near}?` : ''}`
    report({ origin: inner.origin, key, message })
    return []
  })
}

/** The entries as one nested object, in the program's spelling. */
export function configOf (entries: readonly Entry[]): Config {
  const root: Record<string, unknown> = {}
  for (const { path, value } of entries) {
    if (path[0] !== 'auralink') continue
    let at = root
    for (const name of path.slice(1, -1)) at = (at[camel(name)] ??= {}) as Record<string, unknown>
    at[camel(path.at(-1) ?? '')] = value
  }
  return root as Config
}
