import { randomBytes } from 'node:crypto'
import type { Clock } from '../../lib/clock.ts'
import { newCredentials } from './ice-credentials.ts'
import type { TransportHub } from './transport-hub.ts'

/** How long it answers, in milliseconds. */
const PROBE_MS = 10_000

/** What it takes to make a connectivity check here: the address of each way in, and credentials of its own. */
export type MediaProbe = {
  readonly username: string
  readonly password: string
  readonly candidates: readonly { readonly protocol: 'udp' | 'tcp', readonly address: string, readonly port: number }[]
}

/**
 * Lets somebody find out whether checks get through to the media ports, without a session: a transport that answers them for a
 * while and that no DTLS connection can be made with.
 * @param client who asks: an address
 * @throws AppError `rate_limited`, `overloaded`
 */
export function openMediaProbe (transports: TransportHub, clock: Clock, client: string): MediaProbe {
  const fingerprint = { algorithm: 'sha-256', value: randomBytes(32).toString('hex').toUpperCase().match(/../g)!.join(':') }
  const prober = newCredentials()
  const transport = transports.accept({ ...prober, fingerprint, setup: 'actpass' }, client)
  const due = clock.after(PROBE_MS, () => { void transport.close() })
  void transport.closed.then(() => due[Symbol.dispose]())
  const { ufrag, pwd } = transport.local
  return { username: `${ufrag}:${prober.ufrag}`, password: pwd, candidates: transport.candidates.map(({ protocol, address, port }) => ({ protocol, address, port })) }
}
