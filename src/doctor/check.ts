import type { Config } from '../config/load.ts'
import { within } from '../lib/abort.ts'
import type { Clock } from '../lib/clock.ts'
import { messageOf } from '../lib/errors.ts'
import { redactText } from '../lib/redact.ts'
import type { RunningService } from './running-service.ts'

/** `failed`: the service cannot work so. `warning`: it can, but not for everybody or not for long. `skipped`: there is nothing to look at. */
export type Status = 'ok' | 'warning' | 'failed' | 'skipped'

/** What was found, and what to do about it. */
export type Finding = { readonly status: Status, readonly finding: string, readonly remedy?: string }

/** One thing to look at: a file in `checks/` and a row in `doctor.ts`. */
export type Check = { readonly name: string, readonly look: (context: CheckContext) => Promise<Finding | readonly Finding[]> }

export type CheckContext = {
  readonly config: Config
  readonly clock: Clock
  /** Where the service is, if it is not on this machine. */
  readonly url: string | undefined
  /** The service there, or the one with this configuration here, if it runs. */
  readonly service: RunningService | undefined
}

export type Result = Finding & { readonly check: string, readonly ms: number }

/** Longer than the slowest check waits for whatever it asks. */
const CHECK_MS = 30_000

export const ok = (finding: string): Finding => ({ status: 'ok', finding })
export const skipped = (finding: string): Finding => ({ status: 'skipped', finding })
export const warning = (finding: string, remedy: string): Finding => ({ status: 'warning', finding, remedy })
export const failed = (finding: string, remedy: string): Finding => ({ status: 'failed', finding, remedy })

/** One after the other: some open for a moment what others look at. Never rejects. */
export async function * examine (checks: readonly Check[], context: CheckContext): AsyncGenerator<Result> {
  for (const check of checks) {
    const began = context.clock.now()
    const findings = await look(check, context)
    const ms = Math.round(context.clock.now() - began)
    // Texts of other programs' errors may quote what they were given.
    for (const { status, finding, remedy } of findings) yield { check: check.name, status, finding: redactText(finding), ...remedy === undefined ? {} : { remedy }, ms }
  }
}

async function look ({ look: run }: Check, context: CheckContext): Promise<readonly Finding[]> {
  try {
    let findings: readonly Finding[] = []
    const inTime = await within(CHECK_MS, run(context).then(found => { findings = [found].flat() }))
    return inTime ? findings : [failed(`nothing was found out within ${CHECK_MS / 1000} s`, 'Look at what this check asks: something on the way drops packets or stands still.')]
  } catch (error) {
    return [failed(messageOf(error), 'This was not foreseen: please report it.')]
  }
}
