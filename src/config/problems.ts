import { describeOrigin, type HoconValue, type Origin } from './hocon/values.ts'

/** One mistake: where, in which setting, and what was expected. */
export type Problem = { readonly origin: Origin, readonly key?: string, readonly message: string }

export const describeProblem = ({ origin, key, message }: Problem): string =>
  `${describeOrigin(origin)}: ${key === undefined ? '' : `${key}: `}${message}`

/** Everything that is wrong with the configuration, at once. */
export class ConfigError extends Error {
  readonly problems: readonly Problem[]

  constructor (unsorted: readonly Problem[]) {
    const problems = unsorted.toSorted(byPlace)
    const count = problems.length === 1 ? 'a mistake' : `${problems.length} mistakes`
    super(`The configuration has ${count}:\n${problems.map(problem => `  ${describeProblem(problem)}`).join('\n')}`)
    this.name = 'ConfigError'
    this.problems = problems
  }
}

/** Files first, from top to bottom. */
const byPlace = ({ origin: a }: Problem, { origin: b }: Problem): number =>
  Number(a.line === undefined) - Number(b.line === undefined) || (a.source < b.source ? -1 : a.source > b.source ? 1 : 0) ||
  (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0)

const MAX_SHOWN = 60

/** A wrong value as a person would write it, cut to a readable length. */
export function show (value: HoconValue): string {
  if (value.type === 'array') return 'a list'
  if (value.type === 'object') return 'an object'
  if (value.type === 'null') return 'null'
  const text = value.type === 'string' ? JSON.stringify(value.value) : value.type === 'number' ? value.text : String(value.value)
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text
}
