import { type Check, failed, ok, skipped } from '../check.ts'
import { askDatabase } from '../stores.ts'

const remedies: Readonly<Record<string, string>> = {
  '28P01': 'The password is wrong: check DB_PASSWORD, or the one in DATABASE_URL.',
  '28000': 'The server does not let this user in from here: check DB_USER and its pg_hba.conf.',
  '3D000': 'Create the database, or correct its name in DATABASE_URL.',
  '53300': 'The server has no connection left: raise its max_connections, or lower DB_POOL_SIZE.',
  ECONNREFUSED: 'Nobody listens there: is the server running, and is DATABASE_URL right?',
  ENOTFOUND: 'The name in DATABASE_URL is not known here.'
}
const ELSE = 'Check DATABASE_URL, the network between here and there, and the server’s own log.'
/** A change is written with a few statements; with more than this for one (ms), it shows. */
const SLOW_MS = 100

export const database: Check = {
  name: 'PostgreSQL',
  async look ({ config: { database: settings }, clock }) {
    if (settings.url === undefined) return skipped('DATABASE_URL is not set: the embedded database is used.')
    try {
      const { version, ms } = await askDatabase({ ...settings, url: settings.url }, clock)
      const said = `PostgreSQL ${version} answers in ${ms.toFixed(1)} ms.`
      return ms < SLOW_MS ? ok(said) : { status: 'warning', finding: said, remedy: 'Put it nearer, or find out what keeps it busy.' }
    } catch (error) {
      const { code = '', message } = error as NodeJS.ErrnoException
      return failed(`PostgreSQL cannot be used: ${message || code}.`, remedies[code] ?? ELSE)
    }
  }
}
