import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Clock } from '../../lib/clock.ts'
import { AppError } from '../../lib/errors.ts'
import { parseOffer } from '../../protocols/webrtc/sdp-offer.ts'
import type { TransportHub } from '../../protocols/webrtc/transport-hub.ts'
import type { Bridge } from '../../room/bridge.ts'
import type { Transcode } from '../../room/track.ts'
import { commonRoutes, HttpSessions, offerIn, sendAnswer, takeSdp } from './http-sessions.ts'
import { iceServerLinks } from './ice-servers.ts'
import type { WebRtcSettings } from './settings.ts'
import { type Audience, cast, isEmpty, type Scene } from './stage.ts'
import { extensionLinks, viewerExtensions } from './viewer-extensions.ts'
import { negotiateViewing, placesIn } from './viewing.ts'
import { WhepLeg } from './whep-leg.ts'

const LOOK_EVERY_MS = 50
/** Seconds until a viewer of a room without media should ask again. */
const RETRY_AFTER_S = 2

export type WebRtcRoutesOptions = {
  readonly bridge: Bridge
  readonly transports: TransportHub
  readonly transcode: Transcode
  readonly settings: WebRtcSettings
  readonly clock: Clock
  /** Lets the request pass, or throws what to answer. @returns who it is in the room, where its credentials say so */
  readonly authorize: (request: FastifyRequest, action: 'publish' | 'view', room: string) => Promise<{ readonly identity?: string | undefined }>
}

type ViewRequest = { Params: { room: string }, Querystring: { participant?: string, identity?: string } }

/**
 * WHEP (draft-ietf-wish-whep-04): `POST /whep/{room}[?participant=][&identity=]` answers an offer, `DELETE` on the URL it returns
 * ends the session. A Fastify plugin; its errors are AppErrors, printed by whoever registers it.
 */
export async function whepRoutes (app: FastifyInstance, options: WebRtcRoutesOptions): Promise<void> {
  const sessions = new HttpSessions()
  takeSdp(app)
  const mayView = async (request: FastifyRequest<ViewRequest>): Promise<void> => {
    const { identity } = await options.authorize(request, 'view', request.params.room)
    if (identity !== undefined) request.query.identity ??= identity
  }
  app.post<ViewRequest>('/whep/:room', { onRequest: mayView }, (request, reply) => watch(request, reply, options, sessions))
  await app.register(viewerExtensions, { bridge: options.bridge, clock: options.clock, sessions, path: '/whep' })
  commonRoutes(app, {
    path: '/whep',
    sessions,
    goodbye: 'the viewer left',
    linksFor: async request => {
      await options.authorize(request, 'view', request.params.room)
      return iceServerLinks(options.settings, 'whep', options.clock.wall())
    }
  })
}

async function watch (request: FastifyRequest<ViewRequest>, reply: FastifyReply, options: WebRtcRoutesOptions, sessions: HttpSessions): Promise<FastifyReply> {
  const { bridge, transports, transcode, settings, clock } = options
  const { params: { room }, query: { participant: wanted, identity: self } } = request
  const offer = parseOffer(offerIn(request))
  const audience = { wanted, self, places: placesIn(offer, wanted) }
  const scene = await sceneIn(options, room, audience)
  if (!scene) {
    // Section 4.4: 409 with Retry-After until there is something to watch.
    reply.header('retry-after', String(RETRY_AFTER_S))
    throw new AppError('not_live', `${wanted === undefined ? 'Nobody' : `Nobody called “${wanted.slice(0, 128)}”`} is sending audio or video in room “${room}”.`)
  }
  const cname = [...scene.video, ...scene.audio].find(part => part !== undefined)!.owner.info.id
  const { sections, viewed } = negotiateViewing(offer, scene, cname)
  const transport = transports.accept(offer.transport, request.ip)
  const leg = new WhepLeg({ transport, viewing: { viewed }, wanted, self, cname, transcode, settings, clock })
  const session = await bridge.admit(leg, { room, remoteAddress: request.ip }).catch(async error => {
    await transport.close()
    throw error
  })
  const secret = sessions.add(session, transport, sections)
  return sendAnswer({ reply, path: '/whep', secret, offer, sections, transport, links: [...iceServerLinks(settings, session.id, clock.wall()), ...extensionLinks(`/whep/sessions/${secret}`)] })
}

/** What is to be watched, as soon as there is something to see or hear; undefined if there is nothing for a while. */
async function sceneIn ({ bridge, settings, clock }: WebRtcRoutesOptions, room: string, audience: Audience): Promise<Scene | undefined> {
  const deadline = clock.now() + settings.mediaWaitMs
  for (;;) {
    const open = bridge.room(room)
    const scene = open && cast(open, audience)
    if (scene && !isEmpty(scene)) return scene
    if (clock.now() >= deadline) return undefined
    await sleep(LOOK_EVERY_MS)
  }
}
