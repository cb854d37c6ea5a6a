import type { Migration } from 'kysely/migration'
import { statements } from './statements.ts'

/**
 * Connections that are kept to elsewhere: ingresses that are pulled have a source instead of a key, streams have destinations. The keeper is the
 * data folder of the bridge that was asked for it: that stays, whatever the bridge is called at its next start.
 */
export const links = (schema: string): Migration => statements(schema, `
  ALTER TABLE ingresses
    ALTER COLUMN key_hash DROP NOT NULL,
    ALTER COLUMN key_sealed DROP NOT NULL,
    ADD COLUMN source_sealed TEXT,
    ADD COLUMN keeper VARCHAR(64);
  CREATE TABLE streams (
    stream_id VARCHAR(64) PRIMARY KEY,
    keeper VARCHAR(64) NOT NULL,
    room_name VARCHAR(255) NOT NULL,
    participant VARCHAR(255),
    display_name VARCHAR(255),
    created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP
  );
  CREATE TABLE stream_destinations (
    destination_id VARCHAR(64) PRIMARY KEY,
    stream_id VARCHAR(64) NOT NULL REFERENCES streams(stream_id) ON DELETE CASCADE,
    target_sealed TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP
  );
  CREATE INDEX idx_stream_destinations_stream ON stream_destinations(stream_id);
`)
