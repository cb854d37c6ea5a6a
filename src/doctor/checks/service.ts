import { type Check, failed, ok, warning } from '../check.ts'

export const service: Check = {
  name: 'service',
  async look ({ service: running, url, config: { http: { port } } }) {
    if (!running && url !== undefined) return failed(`Nobody answers like the service at ${url}.`, 'Is the address right, and its port open from here?')
    if (!running) return warning(`The service does not run here: nobody answers like it on port ${port}.`, 'Start it, or go on: what needs no running service is checked all the same.')
    if (running.ready) return ok(`The service runs at ${running.url} and is ready.`)
    const missing = Object.entries(running.checks).filter(([, healthy]) => !healthy).map(([name]) => name)
    if (missing.length === 0) return warning(`The service at ${running.url} is draining.`, 'It stops soon, or was told to take nothing new: start it again for new sessions.')
    return failed(`The service at ${running.url} is not ready: it misses ${missing.join(', ')}.`, 'See below what is wrong with them.')
  }
}
