import { isIP } from 'node:net'
import type { Candidate } from './sdp-types.ts'

const MAX_PORT = 65_535
const MAX_LINE_CHARACTERS = 512

/**
 * Reads the value of an `a=candidate` line.
 * @returns undefined for one nobody here could use: malformed, or a name instead of an address
 */
export function parseCandidate (line: string): Candidate | undefined {
  if (line.length > MAX_LINE_CHARACTERS) return undefined
  const words = line.replace(/^(a=)?candidate:/, '').trim().split(/\s+/)
  const [foundation = '', component, transport = '', priority, address = '', port, typ, type = '', ...rest] = words
  const protocol = transport.toLowerCase()
  if (typ !== 'typ' || (protocol !== 'udp' && protocol !== 'tcp') || isIP(address) === 0) return undefined
  const numbers = [Number(component), Number(priority), Number(port)]
  if (!numbers.every(Number.isInteger) || numbers[2]! < 0 || numbers[2]! > MAX_PORT) return undefined
  const tcpAt = rest.indexOf('tcptype')
  const tcpType = tcpAt < 0 ? undefined : rest[tcpAt + 1]
  return { foundation, component: numbers[0]!, protocol, priority: numbers[1]!, address, port: numbers[2]!, type, ...(tcpType === undefined ? {} : { tcpType }) }
}

/** Prints what stands after `a=`. */
export function printCandidate (candidate: Candidate): string {
  const { foundation, component, protocol, priority, address, port, type, tcpType } = candidate
  return `candidate:${foundation} ${component} ${protocol} ${priority} ${address} ${port} typ ${type}${tcpType === undefined ? '' : ` tcptype ${tcpType}`}`
}

/** Type preference 126 for host candidates, then a local preference, component 1 (RFC 8445 section 5.1.2.1). */
export const hostPriority = (localPreference: number): number => 126 * 2 ** 24 + localPreference * 2 ** 8 + 255

/** What a check says of the address it comes from (RFC 8445 section 7.1.1). */
export const peerReflexivePriority = 110 * 2 ** 24 + 65_535 * 2 ** 8 + 255

/** Below every other kind, passive candidates at 4 of the 8 direction preferences (RFC 6544 section 4.2). */
const TCP_TYPE_PREFERENCE = 90
const PASSIVE_PREFERENCE = 4 * 2 ** 13
const MAX_OTHER_PREFERENCE = 2 ** 13 - 1

/** The same addresses, for clients that connect over TCP (RFC 6544 section 4.1). */
export const passive = (candidates: readonly Candidate[], port: number): Candidate[] => candidates.map((candidate, index) => ({
  ...candidate,
  foundation: `t${candidate.foundation}`,
  protocol: 'tcp',
  priority: TCP_TYPE_PREFERENCE * 2 ** 24 + (PASSIVE_PREFERENCE + MAX_OTHER_PREFERENCE - index) * 2 ** 8 + 255,
  port,
  tcpType: 'passive'
}))
