import type { FastifyInstance, FastifyRequest } from 'fastify'
import { AppError } from '../lib/errors.ts'
import type { Clock } from '../lib/clock.ts'
import type { Audit } from './audit.ts'
import type { Auth } from './auth/auth.ts'
import { requireEverywhere, requireScope } from './auth/principal.ts'

const unsafe: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH', 'DELETE'])

/**
 * Nobody passes without the scope the route asks for, and nothing is changed without a line in the audit log. A route that
 * forgets to say either cannot be registered: the door is shut unless somebody opened it on purpose.
 */
export function gate (app: FastifyInstance, auth: Auth): void {
  app.decorateRequest('principal', null)
  app.addHook('onRoute', ({ config, url, method }) => {
    if (!config?.scope) throw new Error(`${url}: the route does not say what scope it asks for`)
    if ([method].flat().some(m => unsafe.has(m)) && !config.audit) throw new Error(`${url}: the route has no name for the audit log`)
  })
  app.addHook('onRequest', async request => {
    const { scope, everywhere } = request.routeOptions.config
    if (scope === 'none' || scope === undefined) return // No scope: a path that is no route.
    const principal = await auth.identify(request)
    request.principal = principal
    if (scope !== 'any') auth.check('scope', () => requireScope(principal, scope))
    if (everywhere) auth.check('room', () => requireEverywhere(principal))
  })
}

/** What strangers are refused is told too, up to a point: nobody without credentials may fill a disk. The metrics count the rest. */
const STRANGERS_PER_MINUTE = 60
const MINUTE_MS = 60_000

/** Every administrative action, done or refused, as soon as its answer is out. */
export function auditTrail (app: FastifyInstance, audit: Audit, clock: Clock): void {
  let strangers = 0
  let minute = 0
  const isTooMuch = (): boolean => {
    const now = Math.trunc(clock.now() / MINUTE_MS)
    if (now !== minute) [minute, strangers] = [now, 0]
    return ++strangers > STRANGERS_PER_MINUTE
  }
  app.addHook('onResponse', async (request, reply) => {
    const { audit: action } = request.routeOptions.config
    const { principal } = request
    if (action === undefined || (!principal && isTooMuch())) return
    audit.record({
      at: new Date(clock.wall()),
      action,
      actor: principal?.subject ?? 'anonymous',
      actorKind: principal?.kind ?? 'anonymous',
      address: request.ip,
      requestId: request.id,
      target: targetOf(request),
      status: reply.statusCode
    })
  })
}

const MAX_TARGET_LENGTH = 128
const targetOf = ({ params }: FastifyRequest): Record<string, string> =>
  Object.fromEntries(Object.entries(params ?? {}).map(([name, value]) => [name, String(value).slice(0, MAX_TARGET_LENGTH)]))

/** Who is asking, on a route whose scope is not `none`. */
export function principalOf (request: FastifyRequest) {
  if (!request.principal) throw new AppError('unauthorized')
  return request.principal
}
