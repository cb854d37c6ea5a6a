import fastify from 'fastify'
import type { AddressInfo } from 'node:net'
import { sendProblem, toAppError } from '../../src/control/problem.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { type Logger, silentLogger } from '../../src/lib/log.ts'
import { defaultWebRtcSettings, type WebRtcSettings } from '../../src/legs/webrtc/settings.ts'
import { type WebRtcRoutesOptions, whepRoutes } from '../../src/legs/webrtc/whep-routes.ts'
import { whipRoutes } from '../../src/legs/webrtc/whip-routes.ts'
import { TransportHub } from '../../src/protocols/webrtc/transport-hub.ts'
import { Bridge, localEngine } from '../../src/room/bridge.ts'
import type { Leg } from '../../src/room/leg.ts'
import type { Room } from '../../src/room/room.ts'
import { noTranscode } from './no-transcode.ts'

export type EdgeOptions = Partial<Pick<WebRtcRoutesOptions, 'authorize' | 'transcode'>> & { settings?: Partial<WebRtcSettings>, bindAddress?: string, port?: number, log?: Logger, page?: string
  /** Led through a network of the test's own: what becomes of each answer on its way to the client. */
  answer?: (sdp: string) => string
  /** Media over TCP too. */
  tcp?: boolean
}

/** The WebRTC side of the service alone, on free ports: a bridge, the media port, and HTTP with its routes and one page. */
export interface Edge extends AsyncDisposable {
  readonly url: string
  readonly bridge: Bridge
  readonly transports: TransportHub
  /** A room that stays open, with nobody in it. */
  room (name: string): Promise<Room>
}

/** Holds a room open. */
const anchor: Leg = { kind: 'anchor', run: (_room, { signal }) => new Promise(resolve => signal.addEventListener('abort', () => resolve())), stats: () => ({ packetsIn: 0, packetsOut: 0, bytesIn: 0, bytesOut: 0, advice: [], detail: {} }) }

export async function openEdge (options: EdgeOptions = {}): Promise<Edge> {
  const { authorize = async () => ({}), transcode = noTranscode, settings, bindAddress = '127.0.0.1', port = 0, log = silentLogger, page = '', answer, tcp = false } = options
  await using stack = new AsyncDisposableStack()
  const transports = stack.use(await TransportHub.open({ port: 0, bindAddress }))
  if (tcp) await transports.openTcp({ port: 0, log, clock: systemClock })
  const journal = { roomChanged () {}, participantChanged () {}, sessionChanged () {} }
  const bridge = stack.use(new Bridge({ engine: localEngine, journal, log, limits: { sessions: 1000, rooms: 100 } }))
  const app = fastify({ forceCloseConnections: true })
  app.setErrorHandler((thrown, _request, reply) => sendProblem(reply, toAppError(thrown)))
  if (answer) app.addHook('onSend', async (_request, reply, payload) => reply.statusCode === 201 ? answer(String(payload)) : payload)
  app.get('/', (_request, reply) => reply.type('text/html').send(page))
  const routes = { bridge, transports, transcode, authorize, clock: systemClock, settings: { ...defaultWebRtcSettings, ...settings } }
  await app.register(whepRoutes, routes)
  await app.register(whipRoutes, routes)
  stack.defer(() => app.close())
  await app.listen({ host: '127.0.0.1', port })
  const owned = stack.move()
  return {
    url: `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`,
    bridge,
    transports,
    room: async name => (await bridge.admit(anchor, { room: name })).room,
    [Symbol.asyncDispose]: () => owned.disposeAsync()
  }
}
