import { messageOf } from '../../lib/errors.ts'
import { type Check, ok, skipped, warning } from '../check.ts'
import { askRedis } from '../stores.ts'

export const redis: Check = {
  name: 'Redis',
  async look ({ config: { redis: settings }, clock }) {
    if (settings.host === undefined) return skipped('REDIS_HOST is not set: what Redis would hold is kept in memory.')
    try {
      const { ms } = await askRedis({ ...settings, host: settings.host }, clock)
      return ok(`Redis answers in ${ms.toFixed(1)} ms.`)
    } catch (error) {
      const said = messageOf(error)
      const remedy = /NOAUTH|WRONGPASS|invalid password/.test(said) ? 'The password is wrong or missing: check REDIS_PASSWORD.' : 'Check REDIS_HOST and REDIS_PORT, and whether it runs. The service works without it; what reads there gets nothing new.'
      return warning(`Redis cannot be used: ${said || settings.host}.`, remedy)
    }
  }
}
