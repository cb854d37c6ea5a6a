import type { ColumnType, Generated, JSONColumnType } from 'kysely'

/** Read as Date; written as ISO 8601 text in UTC, because TIMESTAMP columns forget the zone of what they are given. */
type Time = ColumnType<Date, string, string>
type MaybeTime = ColumnType<Date | null, string | null | undefined, string | null>
type TimeWithDefault = ColumnType<Date, string | undefined, string>
type Json<T extends object | null = Record<string, unknown>> = JSONColumnType<T>
/** BIGINT and BIGSERIAL: read as numbers, which is exact up to 2^53. */
type Count = ColumnType<number, number, number>

type BridgesTable = {
  bridge_id: string
  region: string
  status: string
  capacity: number
  current_load: number
  last_heartbeat: MaybeTime
  created_at: TimeWithDefault
  updated_at: TimeWithDefault
}

type ConferencesTable = {
  conference_id: string
  bridge_id: string | null
  room_name: string
  participant_count: number
  status: string
  created_at: TimeWithDefault
  ended_at: MaybeTime
  end_reason: string | null
}

type ParticipantsTable = {
  participant_id: string
  conference_id: string | null
  aura_id: string | null
  display_name: string | null
  join_source: string | null
  joined_at: TimeWithDefault
  left_at: MaybeTime
  identity: string | null
  leave_reason: string | null
}

type ExternalSessionsTable = {
  session_id: string
  session_type: string
  conference_id: string | null
  external_id: string | null
  status: string
  metadata: ColumnType<Record<string, unknown> | null, string | null, string | null>
  created_at: TimeWithDefault
  ended_at: MaybeTime
  end_reason: string | null
}

type SessionQualityTable = { session_id: string, summary: Json, points: Json<readonly object[]> }

type LeasesTable = { name: string, owner: string, fence: Count, expires_at: Time }

type JournalPositionsTable = { journal_id: string, bridge_id: string, applied: Count, updated_at: TimeWithDefault }

type EventsTable = {
  cursor: Generated<number>
  event_id: string
  type: string
  bridge_id: string
  room_name: string | null
  conference_id: string | null
  participant_id: string | null
  session_id: string | null
  occurred_at: Time
  data: Json
}

type IngressesTable = {
  ingress_id: string
  protocol: string
  room_name: string
  identity: string
  display_name: string
  enabled: boolean
  /** Of a door that encoders come through. */
  key_hash: string | null
  key_sealed: string | null
  /** Of one that is pulled: where from, and by which bridge's data folder. */
  source_sealed: string | null
  keeper: string | null
  created_at: TimeWithDefault
  updated_at: TimeWithDefault
}

type StreamsTable = {
  stream_id: string
  keeper: string
  room_name: string
  participant: string | null
  display_name: string | null
  created_at: TimeWithDefault
}

type StreamDestinationsTable = { destination_id: string, stream_id: string, target_sealed: string, created_at: TimeWithDefault }

type RecordingsTable = {
  recording_id: string
  bridge_id: string
  room_name: string
  state: string
  partial: boolean
  started_at: Time
  ended_at: MaybeTime
  info: Json
  updated_at: TimeWithDefault
}

type ApiKeysTable = {
  key_id: string
  name: string
  key_hash: string
  scopes: string[]
  room_name: string | null
  created_at: TimeWithDefault
  last_used_at: MaybeTime
  expires_at: MaybeTime
}

type WebhookEndpointsTable = {
  endpoint_id: string
  url: string
  description: string
  event_types: string[]
  /** Sealed; the newest first, at most two. */
  secrets: Json<{ sealed: string, expiresAt: string | null }[]>
  /** Events up to this cursor already have their delivery rows. */
  fanned_out: Count
  created_at: TimeWithDefault
  disabled_at: MaybeTime
  disabled_reason: string | null
}

type WebhookDeliveriesTable = {
  delivery_id: string
  endpoint_id: string
  event_cursor: Count
  /** Deliveries with the same key reach one endpoint in the order of their cursors. */
  order_key: string
  state: string
  attempts: Generated<number>
  due_at: Time
  last_status: number | null
  last_error: string | null
  created_at: TimeWithDefault
  settled_at: MaybeTime
}

type AuditLogTable = {
  audit_id: string
  bridge_id: string
  occurred_at: Time
  action: string
  actor: string
  actor_kind: string
  address: string
  request_id: string
  target: Json<Record<string, string>>
  http_status: number
}

/** The tables of the schema (`ingress_egress`, unless set otherwise), column by column as the migrations make them. */
export type Tables = {
  bridges: BridgesTable
  conferences: ConferencesTable
  participants: ParticipantsTable
  external_sessions: ExternalSessionsTable
  session_quality: SessionQualityTable
  leases: LeasesTable
  journal_positions: JournalPositionsTable
  events: EventsTable
  ingresses: IngressesTable
  streams: StreamsTable
  stream_destinations: StreamDestinationsTable
  recordings: RecordingsTable
  api_keys: ApiKeysTable
  webhook_endpoints: WebhookEndpointsTable
  webhook_deliveries: WebhookDeliveriesTable
  audit_log: AuditLogTable
}
