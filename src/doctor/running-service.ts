import { z } from 'zod'
import type { Config } from '../config/load.ts'
import { endpointOf } from '../lib/addresses.ts'

const ASK_MS = 3_000
const readiness = z.object({ status: z.enum(['ready', 'not_ready']), checks: z.record(z.string(), z.boolean()) })

/** What of the API a check may ask for; undefined without a key. */
export type Ask = (method: string, path: string) => Promise<unknown>

/** A service that answers like ours on the configured port. */
export type RunningService = {
  readonly url: string
  /** Whether it is the one on this machine. */
  readonly isHere: boolean
  readonly ready: boolean
  /** What it depends on, and whether that is there. */
  readonly checks: Readonly<Record<string, boolean>>
  readonly ask: Ask | undefined
}

/**
 * @param elsewhere its base URL, when it is not the one on this machine
 * @returns undefined when nobody answers, or somebody else
 */
export async function findService (config: Config, key: string | undefined, elsewhere: string | undefined): Promise<RunningService | undefined> {
  const { http: { host, port }, health: { http: { readinessPath } }, security: { apiKeys: { headerName } } } = config
  const url = elsewhere?.replace(/\/+$/, '') ?? `http://${endpointOf(host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host, port)}`
  try {
    const answer = await fetch(url + readinessPath, { signal: AbortSignal.timeout(ASK_MS) })
    const { status, checks } = readiness.parse(await answer.json())
    const request = key === undefined ? undefined : (method: string, path: string) => ask(url + path, method, { [headerName]: key })
    return { url, isHere: elsewhere === undefined, ready: status === 'ready', checks, ask: request }
  } catch {
    return undefined
  }
}

async function ask (url: string, method: string, headers: Record<string, string>): Promise<unknown> {
  const answer = await fetch(url, { method, headers, signal: AbortSignal.timeout(ASK_MS) })
  const body = await answer.json() as { detail?: string }
  if (!answer.ok) throw new Error(body.detail ?? `${url} answered ${answer.status}`)
  return body
}
