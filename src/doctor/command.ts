import { load } from '../config/load.ts'
import { ConfigError } from '../config/problems.ts'
import { systemClock } from '../lib/clock.ts'
import type { Result } from './check.ts'
import { describe, diagnose } from './doctor.ts'

export type DoctorCommand = {
  /** As the service has them: `--config`, `--set`. */
  readonly argv: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  readonly key: string | undefined
  /** A service elsewhere: whether it can be reached from here. Left out: the one on this machine. */
  readonly url: string | undefined
  readonly json: boolean
  readonly write: (text: string) => void
}

/** @returns the exit code: 1 when anything failed. Findings are written as they are made, or as one JSON object at the end. */
export async function doctor ({ json, write, ...options }: DoctorCommand): Promise<0 | 1> {
  const results: Result[] = []
  for await (const result of findings(options)) {
    results.push(result)
    if (!json) write(describe(result))
  }
  const count = (wanted: string): number => results.filter(({ status }) => status === wanted).length
  const ok = count('failed') === 0
  if (json) write(`${JSON.stringify({ ok, results }, null, 2)}\n`)
  else write(`\n${ok ? 'Nothing is broken' : `${count('failed')} failed`}${count('warning') > 0 ? `, ${count('warning')} to look at` : ''}.\n`)
  return ok ? 0 : 1
}

async function * findings ({ argv, env, key, url }: Omit<DoctorCommand, 'json' | 'write'>): AsyncGenerator<Result> {
  const check = 'settings'
  try {
    const { config, entries, notes } = load({ argv, env })
    yield { check, status: 'ok', finding: `${entries.length} settings are valid.`, ms: 0 }
    for (const note of notes) yield { check, status: 'warning', finding: `${note}.`, remedy: 'See docs/configuration.md.', ms: 0 }
    yield * diagnose({ config, clock: systemClock, key, url })
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    yield { check, status: 'failed', finding: error.message, remedy: 'Correct them: docs/configuration.md has every setting.', ms: 0 }
  }
}
