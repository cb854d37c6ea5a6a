import { type Kysely, sql } from 'kysely'
import type { Migration } from 'kysely/migration'

/** What people make through the API: ingresses, recordings, keys and webhooks. Keys are kept hashed, and sealed where they must be shown again. */
export const access: Migration = {
  async up (db: Kysely<unknown>): Promise<void> {
    await sql`
      CREATE TABLE ingress_egress.ingresses (
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
      CREATE TABLE ingress_egress.recordings (
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
      CREATE INDEX idx_recordings_room ON ingress_egress.recordings(room_name);
      CREATE INDEX idx_recordings_state ON ingress_egress.recordings(state);
      CREATE TABLE ingress_egress.api_keys (
        key_id VARCHAR(64) PRIMARY KEY,
        name VARCHAR(255) NOT NULL,
        key_hash VARCHAR(64) NOT NULL UNIQUE,
        scopes TEXT[] NOT NULL,
        room_name VARCHAR(255),
        created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
        last_used_at TIMESTAMPTZ,
        expires_at TIMESTAMPTZ
      );
      CREATE TABLE ingress_egress.webhook_endpoints (
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
      CREATE TABLE ingress_egress.webhook_deliveries (
        delivery_id VARCHAR(64) PRIMARY KEY,
        endpoint_id VARCHAR(64) NOT NULL REFERENCES ingress_egress.webhook_endpoints(endpoint_id) ON DELETE CASCADE,
        event_cursor BIGINT NOT NULL REFERENCES ingress_egress.events(cursor) ON DELETE CASCADE,
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
      CREATE INDEX idx_webhook_deliveries_due ON ingress_egress.webhook_deliveries(due_at) WHERE state = 'pending';
      CREATE INDEX idx_webhook_deliveries_order ON ingress_egress.webhook_deliveries(endpoint_id, order_key, event_cursor) WHERE state = 'pending';
    `.execute(db)
  }
}
