import type { FastifyPluginAsync } from 'fastify'
import type { Clock } from '../lib/clock.ts'
import type { ErrorCode } from '../lib/errors.ts'
import type { Logger } from '../lib/log.ts'
import type { Bridge } from '../room/bridge.ts'
import type { QualityPoint } from '../room/quality/series.ts'
import type { ConferenceInfo, SessionInfo, SessionState } from '../room/session.ts'
import type { Audit } from './audit.ts'
import type { Auth } from './auth/auth.ts'
import type { Dependencies } from './dependencies.ts'
import type { Metrics } from './metrics.ts'

/** A place in a list, newest first: entries older than the one named by `after`, which is the id of the last one seen. */
export type Page = { readonly limit: number, readonly after?: string | undefined }

/** Where a connection to elsewhere leads, and what it shows there: never shown whole. */
export type Target = { readonly url: string, readonly token?: string | undefined }

/** How it goes with a connection to elsewhere that is made again and again. */
export type LinkStatus = {
  readonly state: 'idle' | 'connecting' | 'connected' | 'retrying' | 'failed' | 'ended'
  readonly attempts: number
  readonly connectedAt: string | null
  readonly retryAt: string | null
  readonly lastError: { readonly code: string, readonly message: string, readonly at: string } | null
}

/** The connections that are kept, by the id of the ingress or destination; undefined for one that is not kept here. */
export interface Links { status (id: string): LinkStatus | undefined }

export const ingressProtocols = ['rtmp', 'whep'] as const
export type IngressProtocol = typeof ingressProtocols[number]

export type Ingress = {
  readonly id: string
  readonly protocol: IngressProtocol
  readonly room: string
  readonly identity: string
  readonly name: string
  readonly enabled: boolean
  /** Empty for one that is pulled. */
  readonly streamKey: string
  readonly source: Target | undefined
  readonly createdAt: Date
}
export type IngressRequest = {
  readonly protocol: IngressProtocol
  readonly room: string
  readonly source?: Target | undefined
  readonly identity?: string | undefined
  readonly name?: string | undefined
}
export type IngressChange = {
  readonly room?: string | undefined
  readonly identity?: string | undefined
  readonly name?: string | undefined
  readonly enabled?: boolean | undefined
}

/** The doors encoders come through. */
export interface Ingresses {
  create (request: IngressRequest): Promise<Ingress>
  list (page: Page & { room?: string | undefined }): Promise<readonly Ingress[]>
  get (id: string): Promise<Ingress | undefined>
  update (id: string, change: IngressChange): Promise<Ingress | undefined>
  /** A new key; the old one is worth nothing from now on, and a stream running through it is ended. */
  rotateKey (id: string): Promise<Ingress | undefined>
  /** @returns false when there was none. A stream running through it is ended. */
  delete (id: string): Promise<boolean>
}

export type Destination = { readonly id: string, readonly target: Target | undefined }
export type Stream = {
  readonly id: string
  readonly room: string
  readonly participant: string | undefined
  readonly name: string | undefined
  readonly destinations: readonly Destination[]
  readonly createdAt: Date
}
export type StreamRequest = { readonly room: string, readonly participant?: string | undefined, readonly name?: string | undefined, readonly destinations: readonly Target[] }

/** What is sent out of rooms. */
export interface Streams {
  create (request: StreamRequest): Promise<Stream>
  list (page: Page & { room?: string | undefined }): Promise<readonly Stream[]>
  get (id: string): Promise<Stream | undefined>
  /** @returns false when there was none. It ends. */
  delete (id: string): Promise<boolean>
  addDestination (id: string, target: Target): Promise<Stream | undefined>
  /** @returns false when there was none. It ends. */
  removeDestination (id: string, destination: string): Promise<boolean>
}

export const recordingStates = ['starting', 'active', 'stopping', 'completed', 'failed'] as const
export type RecordingState = typeof recordingStates[number]

export type RecordingGap = { readonly fromMs: number, readonly toMs: number, readonly reason: string }
export type RecordingPart = {
  /** From 1; `?part=` of the file. */
  readonly index: number
  readonly startMs: number
  readonly durationMs: number
  readonly sizeBytes: number
  readonly tracks: readonly { readonly kind: string, readonly codec: string, readonly width?: number, readonly height?: number, readonly clockRate: number }[]
}

export type RecordingInfo = {
  readonly id: string
  readonly room: string
  /** The identity recorded. */
  readonly participant: string | undefined
  readonly name: string | undefined
  readonly state: RecordingState
  /** Rescued after a crash, or with a hole in it. */
  readonly partial: boolean
  /** Where something is missing, in milliseconds from the recording's start. */
  readonly gaps: readonly RecordingGap[]
  readonly createdAt: Date
  /** When what is seen and heard first happened; undefined before. */
  readonly startedAt: Date | undefined
  readonly endedAt: Date | undefined
  readonly durationMs: number
  readonly sizeBytes: number
  /** Files it consists of; more than one where the codec changed on the way. */
  readonly parts: readonly RecordingPart[]
  readonly reason: string
  readonly errorCode: ErrorCode | undefined
}

/** A file as it is on the disk now. The tag changes whenever the bytes do. */
export type RecordingFile = { readonly path: string, readonly size: number, readonly etag: string }

export interface Recordings {
  start (request: { room: string, participant?: string | undefined, name?: string | undefined }): Promise<RecordingInfo>
  stop (id: string): Promise<RecordingInfo | undefined>
  get (id: string): RecordingInfo | undefined
  list (page: Page & { room?: string | undefined, state?: RecordingState | undefined }): readonly RecordingInfo[]
  file (id: string, part?: number): Promise<RecordingFile | undefined>
  /** @returns false when there was none. Throws AppError `conflict` while it runs. */
  delete (id: string): Promise<boolean>
}

export type EventInfo = {
  /** Place in the one order of all events; what `after` and `Last-Event-ID` carry. */
  readonly sequence: number
  readonly id: string
  readonly type: string
  readonly at: Date
  readonly room: string | undefined
  readonly data: unknown
}

export interface Events {
  /** In order, those after `sequence`, at most `limit`. */
  after (sequence: number, options: { limit: number, room?: string | undefined }): Promise<readonly EventInfo[]>
  /** The last `limit` there are, in order. */
  newest (options: { limit: number, room?: string | undefined }): Promise<readonly EventInfo[]>
  /** The newest event's place; 0 when there is none. */
  last (): Promise<number>
  /** Calls `wake` when there may be news. May call too often, never too rarely. */
  onAppended (wake: () => void): Disposable
}

export type Webhook = {
  readonly id: string
  readonly url: string
  /** Types it wants; empty means all. */
  readonly events: readonly string[]
  readonly description: string
  readonly enabled: boolean
  readonly disabledReason: string | undefined
  readonly createdAt: Date
}
export type WebhookRequest = { readonly url: string, readonly events?: readonly string[] | undefined, readonly description?: string | undefined }
export type WebhookChange = {
  readonly url?: string | undefined
  readonly events?: readonly string[] | undefined
  readonly description?: string | undefined
  readonly enabled?: boolean | undefined
}
export type WebhookDelivery = {
  readonly eventId: string
  readonly state: 'pending' | 'delivered' | 'failed'
  readonly attempts: number
  readonly lastStatus: number | undefined
  readonly nextAttemptAt: Date | undefined
}

export interface Webhooks {
  /** @returns the webhook and, this once, its signing secret. Throws AppError `destination_not_allowed`. */
  create (request: WebhookRequest): Promise<{ webhook: Webhook, secret: string }>
  list (): Promise<readonly Webhook[]>
  get (id: string): Promise<Webhook | undefined>
  update (id: string, change: WebhookChange): Promise<Webhook | undefined>
  delete (id: string): Promise<boolean>
  /** The old secret stays valid beside the new one for a day. */
  rotateSecret (id: string): Promise<string | undefined>
  deliveries (id: string, page: Page): Promise<readonly WebhookDelivery[]>
  /** @returns false when the webhook or the event is not known. */
  redeliver (id: string, eventId: string): Promise<boolean>
}

export type SessionQuery = Page & { kind?: string | undefined, state?: SessionState | undefined, room?: string | undefined }

/** What is over: sessions and conferences that ended, newest first. */
export interface History {
  sessions (query: SessionQuery): Promise<readonly SessionInfo[]>
  session (id: string): Promise<SessionInfo | undefined>
  conference (id: string): Promise<ConferenceInfo | undefined>
  /** How a session's quality went; empty where nobody took it down. */
  qualityPoints (sessionId: string): Promise<readonly QualityPoint[]>
}

/** The same of sessions that live. */
export interface LiveQuality { points (sessionId: string): readonly QualityPoint[] }

export type MediaProbe = {
  readonly username: string
  readonly password: string
  readonly candidates: readonly { readonly protocol: 'udp' | 'tcp', readonly address: string, readonly port: number }[]
}

export type PoolStats = { readonly active: number, readonly idle: number }

/** Everything the HTTP side needs from the rest of the service. A part that is missing has no routes. */
export type ControlParts = {
  readonly bridge: Bridge
  readonly auth: Auth
  readonly audit: Audit
  readonly dependencies: Dependencies
  readonly metrics: Metrics
  readonly log: Logger
  readonly clock: Clock
  readonly history?: History
  readonly quality?: LiveQuality
  readonly ingresses?: Ingresses
  readonly streams?: Streams
  readonly links?: Links
  readonly recordings?: Recordings
  readonly events?: Events
  readonly webhooks?: Webhooks
  readonly pools?: { database? (): PoolStats, redis? (): PoolStats }
  /** Asks the whole service to drain, as SIGTERM does but without leaving. Returns at once. */
  readonly drain?: () => void
  /** Has the media ports answer whoever knows the answer, for a while. @param client an address */
  readonly probeMedia?: (client: string) => MediaProbe
  /** Routes that other parts bring: WHIP, WHEP. */
  readonly plugins?: readonly FastifyPluginAsync[]
}
