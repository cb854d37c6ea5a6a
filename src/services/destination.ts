import { isIP } from 'node:net'
import { AppError } from '../lib/errors.ts'
import { hostName } from '../lib/addresses.ts'

/** What an outgoing connection is for: each use has its schemes and its usual ports. */
export type Use = 'service' | 'webhook' | 'whip' | 'push' | 'storage'

type Rule = {
  readonly schemes: readonly string[]
  readonly ports: readonly number[]
  /** The operator wrote this URL into the configuration: private addresses and every port are as good as others. */
  readonly trusted?: true
}

export const rules: Readonly<Record<Use, Rule>> = {
  /** Dashboard, key sets, and whatever else the configuration names. */
  service: { schemes: ['http', 'https'], ports: [], trusted: true },
  webhook: { schemes: ['http', 'https'], ports: [80, 443] },
  whip: { schemes: ['http', 'https'], ports: [80, 443] },
  push: { schemes: ['rtmp', 'rtmps'], ports: [443, 1935, 1936] },
  storage: { schemes: ['http', 'https'], ports: [80, 443] }
}

const DEFAULT_PORTS: Readonly<Record<string, number>> = { http: 80, https: 443, rtmp: 1935, rtmps: 443 }
const SECURE: ReadonlySet<string> = new Set(['https', 'rtmps'])
const MAX_URL = 2048

/** Names that lead to a machine's own metadata or to itself, whatever they resolve to. */
const NEVER_NAMED = /^(localhost|.+\.localhost|metadata|metadata\.goog|metadata\.google\.internal|instance-data|instance-data\.ec2\.internal)$/

export type Destination = { readonly host: string, readonly port: number, readonly secure: boolean, readonly namesItself: boolean }

export const refused = (detail: string): AppError => new AppError('destination_not_allowed', detail)

/**
 * Takes a URL apart, for any of the schemes of its use. The host is as WHATWG URLs have it: `0x7f.1` is 127.0.0.1.
 * @throws AppError `destination_not_allowed`, which shows nothing of the URL but its scheme.
 */
export function parseDestination (url: string, use: Use): Destination {
  const scheme = /^([a-z][a-z0-9+.-]{0,20}):\/\//i.exec(url)?.[1]?.toLowerCase()
  const { schemes } = rules[use]
  if (scheme === undefined || !schemes.includes(scheme)) throw refused(`A URL must begin with ${schemes.map(name => `${name}://`).join(' or ')} here.`)
  if (url.length > MAX_URL) throw refused(`A URL has at most ${MAX_URL} characters.`)
  const [http, https] = ['http', 'https'].map(as => URL.parse(`${as}${url.slice(scheme.length)}`))
  if (!http || !https || /[\s\0]/.test(url)) throw refused('The URL is not valid.')
  if (http.username !== '' || http.password !== '') throw refused('A URL may not hold a user or a password.')
  const host = hostName(http.hostname.replace(/^\[(.*)\]$/, '$1'))
  if (host === '') throw refused('The URL names no host.')
  const port = Number(http.port || https.port) || DEFAULT_PORTS[scheme] || 0 // Each hides its own default port; none hides both.
  return { host, port, secure: SECURE.has(scheme), namesItself: isIP(host) === 0 && NEVER_NAMED.test(host) }
}
