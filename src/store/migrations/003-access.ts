import type { Migration } from 'kysely/migration'
import { statements } from './statements.ts'

/** What people make through the API: ingresses, recordings, keys, webhooks. Keys are hashed, and sealed where they must be shown again. */
export const access = (schema: string): Migration => statements(schema, `
  CREATE TABLE ingresses (
    ingress_id VARCHAR(64) PRIMARY KEY,
    protocol VARCHAR(20) NOT NULL,
    room_name VARCHAR(255) NOT NULL,
    identity VARCHAR(255) NOT NULL,
    display_name VARCHAR(255) NOT NULL,
    enabled BOOLEAN NOT NULL,
    key_hash VARCHAR(64) NOT NULL UNIQUE,
    key_sealed TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP
  );
  CREATE TABLE recordings (
    recording_id VARCHAR(64) PRIMARY KEY,
    bridge_id VARCHAR(255) NOT NULL,
    room_name VARCHAR(255) NOT NULL,
    state VARCHAR(20) NOT NULL,
    partial BOOLEAN NOT NULL,
    started_at TIMESTAMPTZ NOT NULL,
    ended_at TIMESTAMPTZ,
    info JSONB NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP
  );
  CREATE INDEX idx_recordings_room ON recordings(room_name);
  CREATE INDEX idx_recordings_state ON recordings(state);
  CREATE TABLE api_keys (
    key_id VARCHAR(64) PRIMARY KEY,
    name VARCHAR(255) NOT NULL,
    key_hash VARCHAR(64) NOT NULL UNIQUE,
    scopes TEXT[] NOT NULL,
    room_name VARCHAR(255),
    created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    last_used_at TIMESTAMPTZ,
    expires_at TIMESTAMPTZ
  );
  CREATE TABLE webhook_endpoints (
    endpoint_id VARCHAR(64) PRIMARY KEY,
    url TEXT NOT NULL,
    description TEXT NOT NULL,
    event_types TEXT[] NOT NULL,
    secrets JSONB NOT NULL,
    fanned_out BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    disabled_at TIMESTAMPTZ,
    disabled_reason TEXT
  );
  CREATE TABLE webhook_deliveries (
    delivery_id VARCHAR(64) PRIMARY KEY,
    endpoint_id VARCHAR(64) NOT NULL REFERENCES webhook_endpoints(endpoint_id) ON DELETE CASCADE,
    event_cursor BIGINT NOT NULL REFERENCES events(cursor) ON DELETE CASCADE,
    order_key VARCHAR(255) NOT NULL,
    state VARCHAR(20) NOT NULL,
    attempts INT NOT NULL DEFAULT 0,
    due_at TIMESTAMPTZ NOT NULL,
    last_status INT,
    last_error TEXT,
    created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    settled_at TIMESTAMPTZ,
    UNIQUE (endpoint_id, event_cursor)
  );
  CREATE INDEX idx_webhook_deliveries_due ON webhook_deliveries(due_at) WHERE state = 'pending';
  CREATE INDEX idx_webhook_deliveries_order ON webhook_deliveries(endpoint_id, order_key, event_cursor) WHERE state = 'pending';
`)
