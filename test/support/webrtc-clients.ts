import type { ClientOptions } from '../../src/legs/webrtc/client/connection.ts'
import type { Dialer, EndpointAddress } from '../../src/legs/webrtc/client/endpoint.ts'
import { defaultWebRtcSettings } from '../../src/legs/webrtc/settings.ts'
import { systemClock as clock } from '../../src/lib/clock.ts'
import { type DialerOptions, GuardedDialer } from '../../src/services/guarded-dialer.ts'
import type { Edge } from './webrtc-edge.ts'

/** The dialer as the service uses it for WHIP and WHEP; by default it may reach this machine. */
export function guardedDialer (options: DialerOptions = { allowPrivate: ['127.0.0.1'], extraPorts: [] }): Dialer & AsyncDisposable {
  const dialer = new GuardedDialer(options)
  return {
    send: (url, request) => dialer.send(url, 'whip', request),
    reachable: (url, candidates) => dialer.reachable(url, 'whip', candidates),
    [Symbol.asyncDispose]: () => dialer[Symbol.asyncDispose]()
  }
}

/** What a client's leg needs, on the media port of an edge. */
export const clientOf = ({ transports }: Edge, dialer: Dialer, server: EndpointAddress): ClientOptions => ({ server, dialer, transports, settings: defaultWebRtcSettings, clock })

/** Lets the dialer reach one server on this machine, and media anywhere on it. */
export const allowing = (...urls: string[]): DialerOptions => ({ allowPrivate: ['127.0.0.1'], extraPorts: urls.map(url => new URL(url).port) })
