import type { HoconValue, Origin } from './hocon/values.ts'
import { Setting } from './setting.ts'
import { roots } from './settings.ts'

/** A setting and where it stands: `auralink.redis.host`. */
export type Row = { readonly key: string, readonly path: readonly string[], readonly setting: Setting<unknown> }

/** A setting with its value, how that was written, and where. */
export type Entry = Row & { readonly value: unknown, readonly written: HoconValue | undefined, readonly origin: Origin }

type Table = { readonly [name: string]: Setting<unknown> | Table }

function walk (table: Table, path: readonly string[]): Row[] {
  return Object.entries(table).flatMap(([name, inner]) => {
    const at = [...path, name]
    return inner instanceof Setting ? [{ key: at.join('.'), path: at, setting: inner }] : walk(inner, at)
  })
}

/** Every setting, in the table's order. */
export const rows: readonly Row[] = walk(roots, [])

const byKey = new Map(rows.map(row => [row.key, row]))
export const rowOf = (key: string): Row | undefined => byKey.get(key)

/** The full key of one written without its root: `redis.host` is `auralink.redis.host`. */
export const fullKey = (key: string): string => Object.hasOwn(roots, key.split('.')[0] ?? '') ? key : `auralink.${key}`

export const camel = (name: string): string => name.replace(/[-_]([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())

/** The known key most like an unknown one, if any is alike at all. */
export function nearestKey (unknown: string): string | undefined {
  const last = unknown.split('.').at(-1)
  const sections = new Set(rows.flatMap(row => row.path.slice(1).map((_, index) => row.path.slice(0, index + 1).join('.'))))
  let best: { key: string, distance: number } | undefined
  for (const key of [...byKey.keys(), ...sections]) {
    const moved = key.split('.').at(-1) === last && byKey.has(key) ? 4 : Infinity // The right name in the wrong section.
    const distance = Math.min(editDistance(unknown, key), moved)
    if (distance <= Math.max(2, key.length / 4) && distance < (best?.distance ?? Infinity)) best = { key, distance }
  }
  return best?.key
}

const variables = new Set(rows.flatMap(({ setting: { extras: { env, secret } } }) => env === undefined ? [] : secret ? [env, `${env}_FILE`] : [env]))
const MIN_COMPARABLE = 7

/** The variable of ours that a name unknown to us was probably meant to be. */
export function nearestVariable (name: string): string | undefined {
  if (variables.has(name) || name.length < MIN_COMPARABLE) return undefined
  return [...variables].find(known => known.length >= MIN_COMPARABLE && Math.abs(known.length - name.length) <= 2 && editDistance(name, known) <= 2)
}

/** Levenshtein: letters to insert, remove or replace. */
function editDistance (a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const current = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      current.push(Math.min(replaced, (previous[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1))
    }
    previous = current
  }
  return previous[b.length] ?? 0
}
