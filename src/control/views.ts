import { shownUrl } from '../lib/redact.ts'
import type { LinkQuality } from '../room/leg.ts'
import type { Participant } from '../room/room.ts'
import type { ConferenceInfo, SessionInfo } from '../room/session.ts'
import type { ApiKeyRow } from './auth/api-keys.ts'
import type { EventInfo, Ingress, Links, LinkStatus, Page, RecordingInfo, Stream, Target, Webhook, WebhookDelivery } from './parts.ts'
import { bitrateOf } from './bitrate.ts'

// What the API shows of things, field by field: what is not named here cannot leak.

const iso = (date: Date): string => date.toISOString()
const isoOrNull = (date: Date | undefined): string | null => date === undefined ? null : iso(date)

export const conferenceView = ({ id, room, participants, openedAt, endedAt }: ConferenceInfo, sessions: number) => ({
  id,
  room,
  state: endedAt === undefined ? 'active' as const : 'ended' as const,
  participantCount: participants,
  sessionCount: sessions,
  openedAt: iso(openedAt),
  endedAt: isoOrNull(endedAt)
})

/** @param now milliseconds, of a clock that never goes back: for the bitrates. */
export const participantView = ({ info, tracks }: Participant, now: number) => ({
  id: info.id,
  identity: info.identity,
  name: info.name,
  source: info.source,
  auraId: info.auraId ?? null,
  sessionId: info.sessionId ?? null,
  joinedAt: iso(info.joinedAt),
  tracks: [...tracks.values()].map(track => ({
    id: track.id,
    kind: track.codec.kind,
    codec: track.codec.name as string,
    clockRate: track.codec.clockRate,
    channels: track.codec.channels ?? null,
    packets: track.packets,
    bytes: track.bytes,
    bitrate: bitrateOf(track, now),
    subscribers: track.subscribers
  }))
})

const qualityView = ({ packetsLost, jitterMs, roundTripMs }: LinkQuality) =>
  ({ packetsLost, jitterMs: jitterMs ?? null, roundTripMs: roundTripMs ?? null })

export const sessionView = ({ stats, ...info }: SessionInfo) => ({
  id: info.id,
  type: info.kind,
  room: info.room,
  conferenceId: info.conferenceId,
  state: info.state,
  reason: info.reason,
  errorCode: info.errorCode ?? null,
  remoteAddress: info.remoteAddress ?? null,
  externalId: info.externalId ?? null,
  startedAt: iso(info.startedAt),
  activeAt: isoOrNull(info.activeAt),
  endedAt: isoOrNull(info.endedAt),
  stats: {
    packetsIn: stats.packetsIn,
    packetsOut: stats.packetsOut,
    bytesIn: stats.bytesIn,
    bytesOut: stats.bytesOut,
    quality: stats.quality ? qualityView(stats.quality) : null,
    advice: stats.advice.map(({ code, message, remedy }) => ({ code, message, remedy })),
    detail: { ...stats.detail }
  }
})

type IngressSeen = { readonly url: string, readonly live: boolean, readonly link: LinkStatus | undefined }

export const ingressView = ({ id, protocol, room, identity, name, enabled, createdAt }: Ingress, { url, live, link }: IngressSeen) =>
  ({ id, protocol, room, identity, name, enabled, url, live, link: link ? linkView(link) : null, createdAt: iso(createdAt) })

const linkView = ({ state, attempts, connectedAt, retryAt, lastError }: LinkStatus) =>
  ({ state, attempts, connectedAt, retryAt, lastError: lastError && { code: lastError.code, message: lastError.message, at: lastError.at } })

/** Empty where the address cannot be opened any more. */
export const serverShown = (target: Target | undefined): string => target ? shownUrl(target.url) : ''

export const streamView = ({ id, room, participant, name, destinations, createdAt }: Stream, links: Links | undefined) => ({
  id,
  room,
  participant: participant ?? null,
  name: name ?? null,
  destinations: destinations.map(({ id: destination, target }) => {
    const link = links?.status(destination)
    return { id: destination, url: serverShown(target), link: link ? linkView(link) : null }
  }),
  createdAt: iso(createdAt)
})

const partTrackView = ({ kind, codec, width, height, clockRate }: RecordingInfo['parts'][number]['tracks'][number]) =>
  ({ kind, codec, width: width ?? null, height: height ?? null, clockRate })

export const recordingView = (info: RecordingInfo) => ({
  id: info.id,
  room: info.room,
  participant: info.participant ?? null,
  name: info.name ?? null,
  state: info.state,
  partial: info.partial,
  gaps: info.gaps.map(({ fromMs, toMs, reason }) => ({ fromMs, toMs, reason })),
  createdAt: iso(info.createdAt),
  startedAt: isoOrNull(info.startedAt),
  endedAt: isoOrNull(info.endedAt),
  durationMs: info.durationMs,
  sizeBytes: info.sizeBytes,
  parts: info.parts.map(({ index, startMs, durationMs, sizeBytes, tracks }) =>
    ({ index, startMs, durationMs, sizeBytes, tracks: tracks.map(partTrackView) })),
  reason: info.reason,
  errorCode: info.errorCode ?? null
})

export const eventView = ({ sequence, id, type, at, room, data }: EventInfo) => ({ sequence, id, type, at: iso(at), room: room ?? null, data })

export const webhookView = ({ id, url, events, description, enabled, disabledReason, createdAt }: Webhook) =>
  ({ id, url, events: [...events], description, enabled, disabledReason: disabledReason ?? null, createdAt: iso(createdAt) })

export const deliveryView = ({ eventId, state, attempts, lastStatus, nextAttemptAt }: WebhookDelivery) =>
  ({ eventId, state, attempts, lastStatus: lastStatus ?? null, nextAttemptAt: isoOrNull(nextAttemptAt) })

export const apiKeyView = ({ id, name, scopes, room, createdAt, expiresAt, lastUsedAt }: ApiKeyRow) => ({
  id,
  name,
  scopes: [...scopes],
  room: room ?? null,
  createdAt: iso(createdAt),
  expiresAt: isoOrNull(expiresAt),
  lastUsedAt: isoOrNull(lastUsedAt)
})

type Listing<V> = { items: V[], next: string | null }

/** One page of a list, and how to get the next. `found` was asked for one more than fits, to know whether there is a next. */
export function pageOf<T, V> (found: readonly T[], { limit }: Page, view: (item: T) => V, idOf: (item: T) => string): Listing<V> {
  const shown = found.slice(0, limit)
  return { items: shown.map(view), next: found.length > limit ? idOf(shown.at(-1)!) : null }
}
