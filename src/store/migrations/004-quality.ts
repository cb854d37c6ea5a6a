import type { Migration } from 'kysely/migration'
import { statements } from './statements.ts'

/** How each session fared: its figures at the end, and its course for plotting. Apart from the sessions, whose lists would read it each time. */
export const quality = (schema: string): Migration => statements(schema, `
  CREATE TABLE session_quality (
    session_id VARCHAR(255) PRIMARY KEY REFERENCES external_sessions(session_id) ON DELETE CASCADE,
    summary JSONB NOT NULL,
    points JSONB NOT NULL
  );
`)
