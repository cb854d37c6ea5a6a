import { messageOf } from '../../lib/errors.ts'
import { API_KEY_HEADER, paths } from '../../services/dashboard/contract.ts'
import { type Check, ok, skipped, warning } from '../check.ts'
import { askHttp } from '../stores.ts'

export const dashboard: Check = {
  name: 'Dashboard',
  async look ({ config, clock }) {
    const { url, apiKey } = config.dashboard
    if (url === undefined) return skipped('DASHBOARD_SERVICE_URL is not set: the service runs without one.')
    try {
      const { status, ms } = await askHttp(url.replace(/\/+$/, '') + paths.health, apiKey === undefined ? {} : { [API_KEY_HEADER]: apiKey }, config, clock)
      if (status >= 200 && status <= 299) return ok(`The Dashboard answers in ${ms.toFixed(0)} ms.`)
      return warning(`The Dashboard answered ${status}.`, status === 401 || status === 403 ? 'Check DASHBOARD_API_KEY.' : 'Is DASHBOARD_SERVICE_URL its base address?')
    } catch (error) {
      return warning(`The Dashboard does not answer: ${messageOf(error)}.`, 'Check DASHBOARD_SERVICE_URL. The service works without it; reports wait on disk, and with DASHBOARD_ADMISSION=closed nobody gets in.')
    }
  }
}
