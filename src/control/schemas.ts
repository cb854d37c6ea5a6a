import { z } from 'zod'
import { errorTable } from '../lib/errors.ts'
import { limits } from './limits.ts'
import { ingressProtocols, recordingStates } from './parts.ts'
import { scopes } from './auth/principal.ts'

// The public shapes, each named once. OpenAPI is made of them, requests are checked against them, and a test holds every
// answer against them.

const time = z.iso.datetime().meta({ description: 'RFC 3339, UTC' })
const count = z.int().min(0)
const named = <T extends z.ZodType>(id: string, schema: T): T => schema.meta({ id }) as T

export const roomName = z.string('expected a room name')
  .regex(/^[A-Za-z0-9][A-Za-z0-9._~-]{0,127}$/,
    'expected 1 to 128 letters, digits, dots, dashes, underscores or tildes, starting with a letter or digit')
/** Text a person reads: anything but control characters. */
export const label = (max: number) => z.string('expected text').min(1, 'expected at least one character')
  .max(max, `expected at most ${max} characters`)
  .regex(/^[^\p{Cc}\p{Zl}\p{Zp}]*$/u, 'expected text without control characters')
export const identity = label(128)

export const idParameter = z.strictObject({ id: z.string().min(1).max(limits.maxParameterLength) })

export const page = {
  limit: z.coerce.number('expected a number').int('expected a whole number').min(1, 'expected at least 1')
    .max(limits.pageMax, `expected at most ${limits.pageMax}`).default(limits.pageDefault),
  after: z.string().max(limits.maxParameterLength).optional().meta({ description: '`next` of the page before' })
}
export const listOf = <T extends z.ZodType>(item: T) =>
  z.object({ items: z.array(item), next: z.string().nullable().meta({ description: 'what `after` takes for the next page; null on the last' }) })

export const problem = named('Problem', z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  instance: z.string().meta({ description: 'the request’s id' }),
  code: z.enum(Object.keys(errorTable) as [string, ...string[]]),
  problems: z.array(z.object({ field: z.string(), expected: z.string() })).optional()
}))

export const track = named('Track', z.object({
  id: z.string(),
  kind: z.enum(['audio', 'video']),
  codec: z.string(),
  clockRate: z.int(),
  channels: z.int().nullable(),
  packets: count,
  bytes: count,
  bitrate: count.nullable().meta({ description: 'bit/s since it was last asked for, at least a second ago; null the first time' }),
  subscribers: count
}))

export const participant = named('Participant', z.object({
  id: z.string(),
  identity: z.string(),
  name: z.string(),
  source: z.string(),
  auraId: z.string().nullable(),
  sessionId: z.string().nullable(),
  joinedAt: time,
  tracks: z.array(track)
}))

export const conference = named('Conference', z.object({
  id: z.string(),
  room: z.string(),
  state: z.enum(['active', 'ended']),
  participantCount: count,
  sessionCount: count,
  openedAt: time,
  endedAt: time.nullable()
}))

export const sessionState = z.enum(['starting', 'active', 'ended', 'failed'])

export const session = named('Session', z.object({
  id: z.string(),
  type: z.string().meta({ description: '`rtmp`, `whip`, `whep`, `recording`, …' }),
  room: z.string(),
  conferenceId: z.string(),
  state: sessionState,
  reason: z.string(),
  errorCode: z.string().nullable(),
  remoteAddress: z.string().nullable(),
  externalId: z.string().nullable().meta({ description: 'the ingress, recording or call it belongs to' }),
  startedAt: time,
  activeAt: time.nullable(),
  endedAt: time.nullable(),
  stats: z.object({
    packetsIn: count,
    packetsOut: count,
    bytesIn: count,
    bytesOut: count,
    quality: z.object({ packetsLost: count, jitterMs: z.number().nullable(), roundTripMs: z.number().nullable() }).nullable(),
    advice: z.array(z.object({ code: z.string(), message: z.string(), remedy: z.string() })),
    detail: z.record(z.string(), z.unknown())
  })
}))

const measured = z.number().nullable().meta({ description: 'null where it was not measured' })
export const sessionQuality = named('SessionQuality', z.object({
  direction: z.enum(['in', 'out']).meta({ description: 'which way its media goes; `in` is towards this service' }),
  packetsLost: count.nullable(),
  lossPercent: measured,
  jitterMs: measured,
  roundTripMs: measured,
  estimatedMos: z.number().min(1).max(4.5).nullable().meta({ description: 'of the sound, by the E-model (ITU-T G.107); null where it cannot be told' }),
  bursts: z.object({ count, meanPackets: z.number(), longestPackets: count }).nullable()
    .meta({ description: 'losses in heaps (RFC 3611 section 4.7.2), before anything was sent again; lengths in packets' }),
  freezes: z.object({ count, totalMs: z.number() }).nullable()
    .meta({ description: 'of the picture, as webrtc-stats defines them: as it came (in), or as it was sent (out); what a viewer saw, no report says' }),
  points: z.array(z.object({
    at: z.number().meta({ description: 'seconds since the session began; what follows is of the time since the point before' }),
    bitrate: count.meta({ description: 'bit/s' }),
    lossPercent: measured,
    jitterMs: measured,
    roundTripMs: measured,
    frozenMs: measured,
    estimatedBitrate: count.nullable().meta({ description: 'bit/s that the path was found to carry; null also while nothing limits it' }),
    layer: count.nullable().meta({ description: 'which of a picture’s qualities was sent, 0 the lowest' })
  })).meta({ description: 'its course: every 5 s at first, thinning out over long sessions, at most 120' })
}))

const serverUrl = z.url({ protocol: /^https?$/, error: 'expected an http or https URL' }).max(2000, 'expected at most 2000 characters')
const token = label(4096).optional().meta({ description: 'sent as `Authorization: Bearer …`; kept sealed, never shown' })
const link = named('Link', z.object({
  state: z.enum(['idle', 'connecting', 'connected', 'retrying', 'failed', 'ended']).meta({ description: '`idle`: there is nothing to send yet; `failed`: given up, it would not get better by itself' }),
  attempts: count,
  connectedAt: time.nullable(),
  retryAt: time.nullable(),
  lastError: z.object({ code: z.string(), message: z.string(), at: time }).nullable()
}))

const ingressFields = {
  id: z.string(),
  protocol: z.enum(ingressProtocols),
  room: z.string(),
  identity: z.string(),
  name: z.string(),
  enabled: z.boolean(),
  url: z.string().meta({ description: 'where encoders publish; of one that is pulled, the server it is pulled from' }),
  live: z.boolean().meta({ description: 'somebody is publishing through it now' }),
  link: link.nullable().meta({ description: 'of one that is pulled: how it goes; null where this bridge does not pull it' }),
  createdAt: time
}
export const ingress = named('Ingress', z.object(ingressFields))
export const ingressWithKey = named('IngressWithKey', z.object({ ...ingressFields, streamKey: z.string().nullable().meta({ description: 'null for one that is pulled' }) }))
export const ingressRequest = named('IngressRequest', z.strictObject({
  protocol: z.enum(ingressProtocols, 'expected "rtmp" or "whep"'),
  room: roomName,
  identity: identity.optional().meta({ description: 'who the stream is in the room; made of the name, or else of the room, if left out' }),
  name: label(200).optional(),
  url: serverUrl.optional().meta({ description: 'with `whep`: the endpoint to watch' }),
  token
}))
export const ingressChange = named('IngressChange', z.strictObject({
  room: roomName.optional(),
  identity: identity.optional(),
  name: label(200).optional(),
  enabled: z.boolean('expected true or false').optional()
}))

const destination = z.object({ id: z.string(), url: z.string().meta({ description: 'the server; paths of such URLs are often secrets, and not shown' }), link: link.nullable() })
export const destinationRequest = named('DestinationRequest', z.strictObject({ url: serverUrl.meta({ description: 'a WHIP endpoint' }), token }))
export const stream = named('Stream', z.object({
  id: z.string(),
  room: z.string(),
  participant: z.string().nullable(),
  name: z.string().nullable(),
  destinations: z.array(destination),
  createdAt: time
}))
export const streamRequest = named('StreamRequest', z.strictObject({
  room: roomName,
  participant: identity.optional().meta({ description: 'identity; whoever is there if left out' }),
  name: label(200).optional(),
  destinations: z.array(destinationRequest).min(1, 'expected at least one destination').max(16, 'expected at most 16 destinations')
}))

const recordingPart = z.object({
  index: z.int().min(1),
  startMs: z.number().min(0),
  durationMs: z.number().min(0),
  sizeBytes: count,
  tracks: z.array(z.object({ kind: z.string(), codec: z.string(), width: z.int().nullable(), height: z.int().nullable(), clockRate: z.int() }))
})
export const recording = named('Recording', z.object({
  id: z.string(),
  room: z.string(),
  participant: z.string().nullable(),
  name: z.string().nullable(),
  state: z.enum(recordingStates),
  partial: z.boolean(),
  gaps: z.array(z.object({ fromMs: z.number(), toMs: z.number(), reason: z.string() })),
  createdAt: time,
  startedAt: time.nullable(),
  endedAt: time.nullable(),
  durationMs: z.number().min(0),
  sizeBytes: count,
  parts: z.array(recordingPart),
  reason: z.string(),
  errorCode: z.string().nullable()
}))
export const recordingRequest = named('RecordingRequest', z.strictObject({
  room: roomName,
  participant: identity.optional().meta({ description: 'identity; the first to publish video if left out' }),
  name: label(200).optional()
}))

export const event = named('Event', z.object({
  sequence: count,
  id: z.string(),
  type: z.string(),
  at: time,
  room: z.string().nullable(),
  data: z.unknown()
}))

const webhookUrl = z.url({ protocol: /^https?$/, error: 'expected an http or https URL' }).max(2000, 'expected at most 2000 characters')
const eventTypes = z.array(z.string().regex(/^[a-z][a-zA-Z0-9_.]{0,63}$/, 'expected an event type such as session.ended')).max(50)
export const webhook = named('Webhook', z.object({
  id: z.string(),
  url: z.string(),
  events: z.array(z.string()),
  description: z.string(),
  enabled: z.boolean(),
  disabledReason: z.string().nullable(),
  createdAt: time
}))
export const webhookWithSecret = named('WebhookWithSecret', webhook.extend({ secret: z.string() }))
export const webhookRequest = named('WebhookRequest', z.strictObject({
  url: webhookUrl,
  events: eventTypes.optional(),
  description: label(200).optional()
}))
export const webhookChange = named('WebhookChange', z.strictObject({
  url: webhookUrl.optional(),
  events: eventTypes.optional(),
  description: label(200).optional(),
  enabled: z.boolean('expected true or false').optional()
}))
export const delivery = named('WebhookDelivery', z.object({
  eventId: z.string(),
  state: z.enum(['pending', 'delivered', 'failed']),
  attempts: count,
  lastStatus: z.int().nullable(),
  nextAttemptAt: time.nullable()
}))

export const scope = z.enum(scopes, `expected one of ${scopes.join(', ')}`)
export const scopeList = z.array(scope).min(1, 'expected at least one scope').max(scopes.length)
export const apiKey = named('ApiKey', z.object({
  id: z.string(),
  name: z.string(),
  scopes: z.array(scope),
  room: z.string().nullable(),
  createdAt: time,
  expiresAt: time.nullable(),
  lastUsedAt: time.nullable()
}))
export const apiKeyWithSecret = named('ApiKeyWithSecret', apiKey.extend({ key: z.string().meta({ description: 'shown this once' }) }))
export const apiKeyRequest = named('ApiKeyRequest', z.strictObject({
  name: label(100),
  scopes: scopeList,
  room: roomName.optional(),
  expiresAt: z.iso.datetime('expected a time such as 2026-12-31T23:59:59Z').optional()
}))
