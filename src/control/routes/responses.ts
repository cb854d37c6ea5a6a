import { STATUS_CODES } from '../node-http.ts'
import { z } from 'zod'
import { problem } from '../schemas.ts'

type Refusal = 400 | 401 | 403 | 404 | 409 | 412 | 416 | 429 | 503 | 507

/** What every route may answer besides what it is for. */
const always: readonly Refusal[] = [400, 401, 403, 429, 503]

const answer = (status: number) => ({ description: STATUS_CODES[status]!, content: { 'application/problem+json': { schema: problem } } })

export const noContent = z.null().meta({ description: 'Done' })

/** An answer that is no JSON. */
export const bytes = (description: string, ...types: string[]) =>
  ({ description, content: Object.fromEntries(types.map(type => [type, { schema: z.unknown() }])) })

/** The good answers of a route, and the bad ones it shares with all others; `also` names those of its own. */
export function responses<Good extends Record<number, unknown>> (good: Good, ...also: Refusal[]): Good {
  return { ...good, ...Object.fromEntries([...always, ...also].map(status => [status, answer(status)])) }
}
