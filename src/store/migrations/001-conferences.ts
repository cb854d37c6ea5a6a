import type { Migration } from 'kysely/migration'
import { statements } from './statements.ts'

/**
 * The four tables and seven indexes every version of this service has had. IF NOT EXISTS: a database that an earlier
 * version has set up is taken over as it is.
 */
export const conferences = (schema: string): Migration => statements(schema, `
  CREATE TABLE IF NOT EXISTS bridges (
    bridge_id VARCHAR(255) PRIMARY KEY,
    region VARCHAR(50) NOT NULL,
    status VARCHAR(20) NOT NULL,
    capacity INT DEFAULT 0,
    current_load INT DEFAULT 0,
    last_heartbeat TIMESTAMP,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
  );
  CREATE TABLE IF NOT EXISTS conferences (
    conference_id VARCHAR(255) PRIMARY KEY,
    bridge_id VARCHAR(255) REFERENCES bridges(bridge_id),
    room_name VARCHAR(255) NOT NULL,
    participant_count INT DEFAULT 0,
    status VARCHAR(20) NOT NULL,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    ended_at TIMESTAMP
  );
  CREATE TABLE IF NOT EXISTS participants (
    participant_id VARCHAR(255) PRIMARY KEY,
    conference_id VARCHAR(255) REFERENCES conferences(conference_id),
    aura_id VARCHAR(255),
    display_name VARCHAR(255),
    join_source VARCHAR(50),
    joined_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    left_at TIMESTAMP
  );
  CREATE TABLE IF NOT EXISTS external_sessions (
    session_id VARCHAR(255) PRIMARY KEY,
    session_type VARCHAR(50) NOT NULL,
    conference_id VARCHAR(255) REFERENCES conferences(conference_id),
    external_id VARCHAR(255),
    status VARCHAR(20) NOT NULL,
    metadata JSONB,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    ended_at TIMESTAMP
  );
  CREATE INDEX IF NOT EXISTS idx_bridges_status ON bridges(status);
  CREATE INDEX IF NOT EXISTS idx_conferences_bridge ON conferences(bridge_id);
  CREATE INDEX IF NOT EXISTS idx_conferences_status ON conferences(status);
  CREATE INDEX IF NOT EXISTS idx_participants_conference ON participants(conference_id);
  CREATE INDEX IF NOT EXISTS idx_participants_aura_id ON participants(aura_id);
  CREATE INDEX IF NOT EXISTS idx_external_sessions_conference ON external_sessions(conference_id);
  CREATE INDEX IF NOT EXISTS idx_external_sessions_type ON external_sessions(session_type);
`)
