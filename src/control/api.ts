import type { FastifyInstance } from 'fastify'
import type { EventStreams } from './event-stream.ts'
import { auditTrail, gate } from './gate.ts'
import type { Api } from './http-types.ts'
import { idempotency } from './idempotency.ts'
import { limits } from './limits.ts'
import type { ControlParts } from './parts.ts'
import { accessRoutes } from './routes/access.ts'
import { apiKeyRoutes } from './routes/api-keys.ts'
import { conferenceRoutes } from './routes/conferences.ts'
import { consoleRoutes } from './routes/console.ts'
import { drainRoutes } from './routes/drain.ts'
import { eventRoutes } from './routes/events.ts'
import { ingressRoutes, type IngressOptions } from './routes/ingresses.ts'
import { mediaProbeRoutes } from './routes/media-probes.ts'
import { recordingRoutes } from './routes/recordings.ts'
import { rosterRoutes } from './routes/roster.ts'
import { sessionRoutes } from './routes/sessions.ts'
import { streamRoutes } from './routes/streams.ts'
import { webhookRoutes } from './routes/webhooks.ts'
import { limitRates, type SecurityOptions } from './security.ts'

export type ApiOptions = SecurityOptions & IngressOptions

/** Everything under /api/v1: behind the gate, on the record, within limits. A part that is not there has no routes. */
export async function apiRoutes (
  app: FastifyInstance, parts: ControlParts, options: ApiOptions, streams: EventStreams | undefined
): Promise<void> {
  const { auth, audit, clock, bridge, ingresses, streams: outgoing, links, recordings, events, webhooks, drain, probeMedia } = parts
  gate(app, auth)
  auditTrail(app, audit, clock)
  await limitRates(app, options, ({ principal }) => principal?.kind === 'console' || principal?.shortLived === true)
  idempotency(app, clock)
  app.addHook('onSend', async (_request, reply) => { if (!reply.hasHeader('cache-control')) reply.header('cache-control', 'no-store') })
  app.addHook('onRoute', route => { if (!route.config?.endless) route.handlerTimeout ??= limits.handlerTimeoutMs })
  const api: Api = app.withTypeProvider()
  conferenceRoutes(api, parts)
  rosterRoutes(api, parts)
  sessionRoutes(api, parts)
  accessRoutes(api, auth)
  apiKeyRoutes(api, auth.apiKeys)
  consoleRoutes(api, auth)
  if (ingresses) ingressRoutes(api, ingresses, parts, options)
  if (outgoing) streamRoutes(api, outgoing, links)
  if (recordings) recordingRoutes(api, recordings)
  if (events && streams) eventRoutes(api, events, streams)
  if (webhooks) webhookRoutes(api, webhooks)
  if (drain) drainRoutes(api, bridge, drain)
  if (probeMedia) mediaProbeRoutes(api, probeMedia)
}
