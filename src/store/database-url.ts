import { AppError } from '../lib/errors.ts'

export type DatabaseAddress = {
  /** For `pg`, with the credentials in it. */
  readonly connectionString: string
  /** As it was given, without credentials and parameters: may be shown. */
  readonly endpoint: string
}

const expected = 'postgresql://host:port/database or jdbc:postgresql://host:port/database'

/**
 * Reads DATABASE_URL in both spellings. Credentials in the URL (`user:password@`, or JDBC's `?user=&password=`) go before those
 * of the settings.
 * @throws AppError `bad_request`, which never repeats the URL: it may hold a password
 */
export function parseDatabaseUrl (text: string, user?: string, password?: string): DatabaseAddress {
  const isJdbc = text.startsWith('jdbc:')
  const plain = isJdbc ? text.slice('jdbc:'.length) : text
  if (!/^postgres(ql)?:\/\//.test(plain) || !URL.canParse(plain)) throw new AppError('bad_request', `DATABASE_URL: expected ${expected}`)
  const url = new URL(plain)
  const parameters = url.searchParams
  url.username ||= encodeURIComponent(parameters.get('user') ?? user ?? '')
  url.password ||= encodeURIComponent(parameters.get('password') ?? password ?? '')
  if (isJdbc) useJdbcParameters(parameters)
  for (const name of ['user', 'password']) parameters.delete(name)
  return { connectionString: url.href, endpoint: `${isJdbc ? 'jdbc:' : ''}${url.protocol}//${url.host}${url.pathname}` }
}

/** The JDBC driver's names for what libpq calls otherwise; the rest of its parameters mean nothing here. */
function useJdbcParameters (parameters: URLSearchParams): void {
  const kept = new Set(['sslmode', 'sslrootcert', 'sslcert', 'sslkey'])
  if (parameters.get('ssl') === 'true' && !parameters.has('sslmode')) parameters.set('sslmode', 'verify-full')
  const names = Array.from(parameters.keys())
  for (const name of names) {
    if (!kept.has(name)) parameters.delete(name)
  }
}
