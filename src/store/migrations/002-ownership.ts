import type { Migration } from 'kysely/migration'
import { statements } from './statements.ts'

/** Who owns what: end reasons, leases with fencing tokens, how far each journal has been applied, the events outbox, the audit log. */
export const ownership = (schema: string): Migration => statements(schema, `
  ALTER TABLE conferences ADD COLUMN end_reason TEXT;
  ALTER TABLE participants ADD COLUMN identity VARCHAR(255), ADD COLUMN leave_reason TEXT;
  ALTER TABLE external_sessions ADD COLUMN end_reason TEXT;
  CREATE INDEX idx_conferences_live ON conferences(bridge_id) WHERE ended_at IS NULL;
  CREATE INDEX idx_participants_live ON participants(conference_id) WHERE left_at IS NULL;
  CREATE INDEX idx_external_sessions_live ON external_sessions(conference_id) WHERE ended_at IS NULL;
  CREATE TABLE leases (
    name VARCHAR(255) PRIMARY KEY,
    owner VARCHAR(255) NOT NULL,
    fence BIGINT NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL
  );
  CREATE TABLE journal_positions (
    journal_id VARCHAR(64) PRIMARY KEY,
    bridge_id VARCHAR(255) NOT NULL,
    applied BIGINT NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP
  );
  CREATE TABLE events (
    cursor BIGSERIAL PRIMARY KEY,
    event_id VARCHAR(64) NOT NULL UNIQUE,
    type VARCHAR(64) NOT NULL,
    bridge_id VARCHAR(255) NOT NULL,
    room_name VARCHAR(255),
    conference_id VARCHAR(255),
    participant_id VARCHAR(255),
    session_id VARCHAR(255),
    occurred_at TIMESTAMPTZ NOT NULL,
    data JSONB NOT NULL
  );
  CREATE INDEX idx_events_conference ON events(conference_id, cursor);
  CREATE INDEX idx_events_occurred ON events(occurred_at);
  CREATE TABLE audit_log (
    audit_id VARCHAR(64) PRIMARY KEY,
    bridge_id VARCHAR(255) NOT NULL,
    occurred_at TIMESTAMPTZ NOT NULL,
    action VARCHAR(100) NOT NULL,
    actor VARCHAR(255) NOT NULL,
    actor_kind VARCHAR(50) NOT NULL,
    address VARCHAR(100) NOT NULL,
    request_id VARCHAR(255) NOT NULL,
    target JSONB NOT NULL,
    http_status INT NOT NULL
  );
  CREATE INDEX idx_audit_log_occurred ON audit_log(occurred_at);
`)
