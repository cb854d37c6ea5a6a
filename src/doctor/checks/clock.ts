import { paths } from '../../services/dashboard/contract.ts'
import { type Check, type CheckContext, type Finding, ok, skipped, warning } from '../check.ts'
import { askDatabase, askHttp, askRedis, type ServerTime } from '../stores.ts'

/** Tokens, leases and TURN credentials of bridges that differ by more (ms) end too early or too late. */
const MAX_OFFSET_MS = 1_000
const HTTP_DATE_MS = 1_000

type Reading = ServerTime & { readonly name: string, readonly granularityMs: number, readonly localMs: number }

export const clock: Check = {
  name: 'clock',
  async look (context) {
    const readings = (await Promise.all(readers(context).map(read => read().catch(() => undefined)))).filter(reading => reading !== undefined && !Number.isNaN(reading.wallMs))
    return readings.length === 0 ? skipped('There is no other clock to compare with: no PostgreSQL, Redis or Dashboard answers.') : readings.map(reading => judge(reading!))
  }
}

function readers ({ config, clock: own }: CheckContext): (() => Promise<Reading>)[] {
  const { database, redis, dashboard: { url } } = config
  const reading = async (name: string, granularityMs: number, ask: Promise<ServerTime>): Promise<Reading> => ({ ...await ask, name, granularityMs, localMs: own.wall() })
  return [
    ...database.url === undefined ? [] : [() => reading('PostgreSQL', 0, askDatabase({ ...database, url: database.url! }, own))],
    ...redis.host === undefined ? [] : [() => reading('Redis', 0, askRedis({ ...redis, host: redis.host! }, own))],
    ...url === undefined ? [] : [() => reading('the Dashboard', HTTP_DATE_MS, askHttp(url.replace(/\/+$/, '') + paths.health, {}, config, own))]
  ]
}

/** The server read its clock at some time within the request, and may have left out what is less than a second. */
function judge ({ name, wallMs, ms, granularityMs, localMs }: Reading): Finding {
  const ahead = localMs - wallMs
  const beyond = ahead > ms + granularityMs ? ahead - ms - granularityMs : ahead < 0 ? ahead : 0
  if (Math.abs(beyond) <= MAX_OFFSET_MS) return ok(`This machine’s clock agrees with that of ${name}.`)
  const size = `${(Math.abs(beyond) / 1000).toFixed(1)} s`
  return warning(`This machine’s clock is ${size} ${beyond > 0 ? 'ahead of' : 'behind'} that of ${name}.`, 'Let both follow the same time servers (chrony, systemd-timesyncd).')
}
