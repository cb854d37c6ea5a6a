import { describeOrigin } from './hocon/values.ts'
import type { Problem } from './problems.ts'
import type { Config } from './settings.ts'
import { DEFAULT_ORIGIN, GENERATED_ORIGIN } from './sources.ts'
import { type Entry, nearestVariable } from './table.ts'

const TCP_PORTS = ['http.port', 'health.http.port', 'metrics.prometheus.port', 'rtmp.ingest_port', 'rtmp.tls_port', 'media.tcp_port', 'sip.port', 'sip.tls_port'].map(key => `auralink.${key}`)

const MAX_FRAGMENT_MS = 1_000

/** What everybody types first, and the values in the seed's examples. */
const WELL_KNOWN = new Set(['secret', 'password', 'changeme', 'admin', 'test', 'auralink', 'dev-dashboard-key'])

/** Mistakes that need more than one setting to be seen. */
export function crossChecks (entries: readonly Entry[]): Problem[] {
  const value = (key: string): unknown => entries.find(entry => entry.key === key)?.value
  const problems: Problem[] = []
  const taken = new Map<unknown, string>()
  for (const key of TCP_PORTS) {
    const entry = entries.find(e => e.key === key)
    if (!entry || entry.value === 0) continue
    if (key === 'auralink.media.tcp_port' && value('auralink.media.tcp_enabled') === false) continue
    if (key === 'auralink.health.http.port' && entry.value === value('auralink.http.port')) continue // The probes are there already.
    const other = taken.get(entry.value)
    if (other !== undefined) problems.push({ origin: entry.origin, key, message: `port ${String(entry.value)} is also ${other}` })
    taken.set(entry.value, key)
  }
  const fragment = entries.find(e => e.key === 'auralink.recording.fragment')
  if (fragment && Number(fragment.value) > MAX_FRAGMENT_MS) {
    problems.push({ origin: fragment.origin, key: fragment.key, message: `expected at most ${MAX_FRAGMENT_MS / 1000}s: it is what a crash can cost a recording` })
  }
  if (value('auralink.health.http.liveness_path') === value('auralink.health.http.readiness_path')) {
    problems.push({ origin: DEFAULT_ORIGIN, key: 'auralink.health.http', message: 'liveness_path and readiness_path are the same' })
  }
  if ((value('auralink.tls.cert_file') === undefined) !== (value('auralink.tls.key_file') === undefined)) {
    problems.push({ origin: DEFAULT_ORIGIN, key: 'auralink.tls', message: 'cert_file and key_file are needed together' })
  }
  for (const entry of entries.filter(e => e.key === 'auralink.webrtc.ice_servers')) {
    for (const server of entry.value as Config['webrtc']['iceServers']) {
      const message = wrongCredentials(server)
      if (message) problems.push({ origin: entry.origin, key: entry.key, message })
    }
  }
  return problems
}

function wrongCredentials ({ urls, username, credential, secret }: Config['webrtc']['iceServers'][number]): string | undefined {
  if (urls.length === 0) return 'expected urls in each object'
  if (secret !== '') return username === '' && credential === '' ? undefined : `${urls[0]}: expected either secret, or username and credential`
  if ((username === '') !== (credential === '')) return `${urls[0]}: username and credential are needed together`
  return username === '' && urls.some(url => /^turn/i.test(url)) ? `${urls[0]}: a TURN server needs username and credential, or secret` : undefined
}

/** What is accepted, but deserves a word. */
export function notesOn (entries: readonly Entry[], variables: readonly string[]): string[] {
  const production = entries.find(entry => entry.key === 'auralink.service.environment')?.value === 'production'
  const misspelt = variables.flatMap(name => {
    const near = nearestVariable(name)
    return near === undefined ? [] : [`the environment variable ${name} is not known; is it ${near}?`]
  })
  return [...misspelt, ...entries.flatMap(entry => notesOnOne(entry, production))]
}

function notesOnOne ({ key, setting: { extras }, value, origin }: Entry, production: boolean): string[] {
  const where = describeOrigin(origin)
  const given = origin !== DEFAULT_ORIGIN && origin !== GENERATED_ORIGIN
  if (given && extras.later) return [`${key} has no effect yet (${where})`]
  const guessable = production && extras.secret && typeof value === 'string' && WELL_KNOWN.has(value)
  return guessable ? [`${key} is a well-known value (${where}): change it`] : []
}
