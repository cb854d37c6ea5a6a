import { isDeepStrictEqual } from 'node:util'
import { configOf, load, type ConfigSources, type Loaded } from './load.ts'
import { GENERATED_ORIGIN } from './sources.ts'
import type { Entry } from './table.ts'

export type Reload = {
  readonly loaded: Loaded
  /** Keys that changed and count from now on: whoever uses `loaded.config` next sees them. */
  readonly applied: readonly string[]
  /** Keys that changed and count only after a restart. Until then `loaded` keeps the running value for them. */
  readonly needsRestart: readonly string[]
}

/**
 * Reads all sources again and compares.
 * @throws ConfigError when they have mistakes: the running configuration then stays as it is.
 */
export function reloadConfig (running: Loaded, sources: ConfigSources = {}): Reload {
  const fresh = load(sources)
  const now = new Map(running.entries.map(entry => [entry.key, entry]))
  const changed = fresh.entries.filter(entry => differs(entry, now.get(entry.key)))
  const applied = changed.filter(entry => entry.setting.extras.live)
  const live = new Set(applied.map(entry => entry.key))
  const entries = fresh.entries.map(entry => live.has(entry.key) ? entry : now.get(entry.key) ?? entry)
  return {
    loaded: { ...fresh, entries, config: configOf(entries) },
    applied: applied.map(entry => entry.key),
    needsRestart: changed.filter(entry => !live.has(entry.key)).map(entry => entry.key)
  }
}

/** What is made at start is made anew by every reading: that is no change. */
const differs = (fresh: Entry, running: Entry | undefined): boolean =>
  !(fresh.origin === GENERATED_ORIGIN && running?.origin === GENERATED_ORIGIN) && !isDeepStrictEqual(fresh.value, running?.value)
