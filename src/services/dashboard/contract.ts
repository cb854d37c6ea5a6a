/** What goes over the wire between a bridge and the Dashboard Service. Times are milliseconds since 1970. */

export const API_KEY_HEADER = 'X-AuraLink-API-Key'

export type BridgeStatus = 'online' | 'draining' | 'offline'

export type RegisterRequest = {
  readonly bridgeId: string
  readonly region: string
  readonly environment: string
  /** Sessions the bridge takes at most. */
  readonly capacity: number
  readonly status: BridgeStatus
  readonly metadata: { readonly version: string, readonly features: BridgeFeatures }
}

export type BridgeFeatures = { readonly aic: boolean, readonly sip: boolean, readonly rtmp: boolean, readonly recording: boolean }

export type HeartbeatRequest = {
  readonly bridgeId: string
  readonly status: BridgeStatus
  /** Sessions it has. */
  readonly currentLoad: number
  readonly activeConferences: number
  readonly activeParticipants: number
  readonly timestamp: number
}

export type ConferenceRequest = { readonly bridgeId: string, readonly roomName: string, readonly metadata: Readonly<Record<string, unknown>> }
export type ParticipantRequest = {
  readonly conferenceId: string
  readonly participantId: string
  readonly displayName?: string
  readonly auraId?: string
  /** `rtmp`, `whip`, `sip`, … */
  readonly joinSource: string
}
export type MetricsRequest = { readonly bridgeId: string, readonly metrics: Readonly<Record<string, number>>, readonly timestamp: number }

/** Ours, beside the original contract: may this session enter? A Dashboard without this route answers 404. */
export type AdmissionQuestion = {
  readonly bridgeId: string
  readonly roomName: string
  /** Of session: `rtmp`, `whip`, … */
  readonly kind: string
  readonly identity?: string
  readonly remoteAddress?: string
}
export type AdmissionAnswer = { readonly allowed: boolean, readonly reason?: string }

const id = encodeURIComponent

export const paths = {
  register: '/api/v1/bridges/register',
  heartbeat: (bridge: string) => `/api/v1/bridges/${id(bridge)}/heartbeat`,
  config: (bridge: string) => `/api/v1/bridges/${id(bridge)}/config`,
  metrics: (bridge: string) => `/api/v1/bridges/${id(bridge)}/metrics`,
  admissions: (bridge: string) => `/api/v1/bridges/${id(bridge)}/admissions`,
  conferences: '/api/v1/conferences',
  conference: (conference: string) => `/api/v1/conferences/${id(conference)}`,
  participants: (conference: string) => `/api/v1/conferences/${id(conference)}/participants`,
  participant: (conference: string, participant: string) => `/api/v1/conferences/${id(conference)}/participants/${id(participant)}`,
  health: '/health'
} as const
