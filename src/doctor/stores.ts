import { createClient } from '@redis/client'
import pg from 'pg'
import type { Config } from '../config/load.ts'
import type { Clock } from '../lib/clock.ts'
import { GuardedDialer } from '../services/guarded-dialer.ts'
import { parseDatabaseUrl } from '../store/database-url.ts'

const CONNECT_MS = 5_000

/** What a server said its time is, in ms since 1970, and how long it took to say it (ms). */
export type ServerTime = { readonly wallMs: number, readonly ms: number }

type DatabaseSettings = Pick<Config['database'], 'username' | 'password'> & { readonly url: string }

/** @throws the driver's error, with the server's code where it gave one. */
export async function askDatabase ({ url, username, password }: DatabaseSettings, clock: Clock): Promise<ServerTime & { version: string }> {
  const { connectionString } = parseDatabaseUrl(url, username, password)
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: CONNECT_MS, query_timeout: CONNECT_MS })
  client.on('error', () => {}) // Rejects what is under way, too.
  try {
    await client.connect()
    const began = clock.now()
    const { rows: [row] } = await client.query<{ ms: string, version: string }>("SELECT extract(epoch FROM clock_timestamp()) * 1000 AS ms, current_setting('server_version') AS version")
    return { wallMs: Number(row!.ms), version: row!.version, ms: clock.now() - began }
  } finally {
    await client.end().catch(() => {})
  }
}

type RedisSettings = Pick<Config['redis'], 'port' | 'password' | 'database'> & { readonly host: string }

/** @throws the client's error. */
export async function askRedis ({ host, port, password, database }: RedisSettings, clock: Clock): Promise<ServerTime> {
  const client = createClient({ ...password === undefined ? {} : { password }, database, socket: { host, port, connectTimeout: CONNECT_MS, socketTimeout: CONNECT_MS, reconnectStrategy: false } })
  client.on('error', () => {})
  try {
    await client.connect()
    const began = clock.now()
    const [seconds, micros] = await client.sendCommand(['TIME']) as unknown as [string, string]
    return { wallMs: Number(seconds) * 1000 + Number(micros) / 1000, ms: clock.now() - began }
  } finally {
    client.destroy()
  }
}

/** An HTTP server's clock, to the second; through the dialer that the service uses. @throws when it does not answer */
export async function askHttp (url: string, headers: Record<string, string>, { security: { outbound } }: Config, clock: Clock): Promise<ServerTime & { status: number }> {
  await using dialer = new GuardedDialer(outbound)
  const began = clock.now()
  const answer = await dialer.fetch('service')(url, { method: 'GET', headers, redirect: 'manual', signal: AbortSignal.timeout(CONNECT_MS) })
  await answer.body?.cancel()
  return { wallMs: Date.parse(answer.headers.get('date') ?? ''), ms: clock.now() - began, status: answer.status }
}
