import { z } from 'zod'
import { problem } from '../schemas.ts'

/** What every route may answer besides what it is for. */
const refusals = { 400: problem, 401: problem, 403: problem, 429: problem, 503: problem } as const

export const noContent = z.null().meta({ description: 'Done' })

/** The good answers of a route, and the bad ones it shares with all others; `also` names those of its own. */
export function responses<Good extends Record<number, z.ZodType>> (good: Good, ...also: (404 | 409 | 412 | 416 | 507)[]) {
  return { ...good, ...refusals, ...Object.fromEntries(also.map(status => [status, problem])) as Record<never, never> }
}
