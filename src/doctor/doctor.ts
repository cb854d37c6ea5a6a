import type { Config } from '../config/load.ts'
import type { Clock } from '../lib/clock.ts'
import { type Check, examine, type Result } from './check.ts'
import { addresses } from './checks/addresses.ts'
import { clock as clockCheck } from './checks/clock.ts'
import { dashboard } from './checks/dashboard.ts'
import { dataFolder } from './checks/data-folder.ts'
import { database } from './checks/database.ts'
import { descriptors } from './checks/descriptors.ts'
import { disk } from './checks/disk.ts'
import { media } from './checks/media.ts'
import { node } from './checks/node.ts'
import { ports } from './checks/ports.ts'
import { redis } from './checks/redis.ts'
import { service } from './checks/service.ts'
import { tls } from './checks/tls.ts'
import { transcoder } from './checks/transcoder.ts'
import { findService } from './running-service.ts'

/** In the order they are shown: what explains others stands first. */
const checks: readonly Check[] = [node, service, ports, media, addresses, tls, dataFolder, disk, database, redis, dashboard, clockCheck, descriptors, transcoder]

/** Of a service elsewhere, only what is seen from here. */
const fromOutside: readonly Check[] = [service, media]

export type DoctorOptions = { readonly config: Config, readonly clock: Clock, readonly key: string | undefined, readonly url?: string | undefined }

/** Looks at everything that keeps the service from working, or from working for everybody. Changes nothing. */
export async function * diagnose ({ config, clock, key, url }: DoctorOptions): AsyncGenerator<Result> {
  yield * examine(url === undefined ? checks : fromOutside, { config, clock, url, service: await findService(config, key, url) })
}

const marks = { ok: 'ok', warning: 'warning', failed: 'FAILED', skipped: '–' } as const
const NAME_COLUMNS = 17
const MARK_COLUMNS = 8

/** For a person: a line for each finding, and what to do about it below. */
export function describe ({ check, status, finding, remedy }: Result): string {
  const line = `${marks[status].padEnd(MARK_COLUMNS)} ${check.padEnd(NAME_COLUMNS)} ${finding}\n`
  return remedy === undefined ? line : `${line}${' '.repeat(MARK_COLUMNS + NAME_COLUMNS + 2)}→ ${remedy}\n`
}
