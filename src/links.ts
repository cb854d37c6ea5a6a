import { Links } from './legs/webrtc/client/links.ts'
import type { WebRtcSettings } from './legs/webrtc/settings.ts'
import type { Clock } from './lib/clock.ts'
import { messageOf } from './lib/errors.ts'
import type { Logger } from './lib/log.ts'
import type { TransportHub } from './protocols/webrtc/transport-hub.ts'
import type { Bridge } from './room/bridge.ts'
import type { Transcode } from './room/track.ts'
import type { GuardedDialer } from './services/guarded-dialer.ts'
import type { Ingress, Ingresses } from './store/ingresses.ts'
import type { Destination, Stream, Streams } from './store/streams.ts'

export type LinksParts = {
  readonly ingresses: Ingresses
  readonly streams: Streams
  readonly bridge: Bridge
  readonly transports: TransportHub
  readonly dialer: GuardedDialer
  readonly transcode: Transcode
  readonly settings: WebRtcSettings
  readonly clock: Clock
}

/** Keeps the connections that ingresses and streams ask for, from now on; `resume` begins those of before the last start. */
export function openLinks ({ ingresses, streams, bridge, transports, dialer, transcode, settings, clock }: LinksParts): Links {
  const links = new Links({
    bridge, transports, transcode, settings, clock,
    dialer: { send: (url, request) => dialer.send(url, 'whip', request), reachable: (url, candidates) => dialer.reachable(url, 'whip', candidates) }
  })
  ingresses.onPull = ingress => pull(links, ingress)
  ingresses.onClosed = id => {
    void links.stop(id, 'its ingress was closed')
    for (const session of bridge.sessions.values()) if (session.describe().externalId === id) void session.close('its ingress was closed')
  }
  streams.onOpened = (stream, destination) => push(links, stream, destination)
  streams.onClosed = id => { void links.stop(id, 'its destination was removed') }
  return links
}

/** What was kept before the last start. One that cannot be begun does not hold up the others. */
export async function resume (links: Links, { ingresses, streams, log }: Pick<LinksParts, 'ingresses' | 'streams'> & { readonly log: Logger }): Promise<void> {
  const attempt = async (id: string, work: Promise<void>): Promise<void> => {
    try { await work } catch (error) { log.error({ id, error: messageOf(error) }, 'a connection to elsewhere is not taken up again') }
  }
  for (const ingress of await ingresses.pulled()) await attempt(ingress.id, pull(links, ingress))
  for (const stream of await streams.own()) for (const destination of stream.destinations) await attempt(destination.id, push(links, stream, destination))
}

const pull = async (links: Links, { id, room, identity, name, source }: Ingress): Promise<void> => { if (source) await links.pull(id, { room, identity, name, server: source }) }
const push = async (links: Links, { room, participant }: Stream, { id, target }: Destination): Promise<void> => { if (target) await links.push(id, { room, participant, server: target }) }
