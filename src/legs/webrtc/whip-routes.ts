import { randomBytes } from 'node:crypto'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { AppError } from '../../lib/errors.ts'
import { parseOffer } from '../../protocols/webrtc/sdp-offer.ts'
import { commonRoutes, HttpSessions, offerIn, sendAnswer, takeSdp } from './http-sessions.ts'
import { iceServerLinks } from './ice-servers.ts'
import { negotiatePublishing } from './publishing.ts'
import type { WebRtcRoutesOptions } from './whep-routes.ts'
import { WhipLeg } from './whip-leg.ts'

const IDENTITY = /^[^\p{Cc}\p{Cs}]{1,128}$/u
const IDENTITY_FORM = '1 to 128 printable characters'

export type WhipRoutesOptions = Omit<WebRtcRoutesOptions, 'transcode'>
type PublishRequest = { Params: { room: string }, Querystring: { identity?: string } }

/**
 * WHIP (RFC 9725): `POST /whip/{room}[?identity=]` publishes, `DELETE` on the URL it returns ends the session. Who publishes
 * again under the same identity takes the place of the connection before, which may not know yet that it is dead.
 */
export async function whipRoutes (app: FastifyInstance, options: WhipRoutesOptions): Promise<void> {
  const sessions = new HttpSessions()
  takeSdp(app)
  const mayPublish = async (request: FastifyRequest<PublishRequest>): Promise<void> => {
    const { identity } = await options.authorize(request, 'publish', request.params.room)
    if (identity !== undefined) request.query.identity = asItself(identity, request.query.identity)
  }
  app.post<PublishRequest>('/whip/:room', { onRequest: mayPublish }, (request, reply) => publish(request, reply, options, sessions))
  commonRoutes(app, {
    path: '/whip',
    sessions,
    goodbye: 'the publisher left',
    linksFor: async request => {
      await options.authorize(request, 'publish', request.params.room)
      return iceServerLinks(options.settings, 'whip', options.clock.wall())
    }
  })
}

/** Credentials for one participant publish as that one. @throws AppError `forbidden` */
function asItself (identity: string, wanted = identity): string {
  if (wanted !== identity) throw new AppError('forbidden', `These credentials are for “${identity}”: leave identity out, or give that one.`)
  return identity
}

async function publish (request: FastifyRequest<PublishRequest>, reply: FastifyReply, options: WhipRoutesOptions, sessions: HttpSessions): Promise<FastifyReply> {
  const { bridge, transports, settings, clock } = options
  const { params: { room }, query: { identity = `whip-${randomBytes(4).toString('hex')}` } } = request
  const offer = parseOffer(offerIn(request))
  if (!IDENTITY.test(identity)) {
    throw new AppError('bad_request', `identity: expected ${IDENTITY_FORM}`, { problems: [{ field: 'identity', expected: IDENTITY_FORM }] })
  }
  const { sections, published } = negotiatePublishing(offer)
  await makeWay(options, room, identity)
  const transport = transports.accept(offer.transport, request.ip)
  const leg = new WhipLeg({ transport, publishing: { published }, identity, settings, clock })
  const session = await bridge.admit(leg, { room, remoteAddress: request.ip }).catch(async error => {
    await transport.close()
    throw error
  })
  const secret = sessions.add(session, transport, sections)
  return sendAnswer({ reply, path: '/whip', secret, offer, sections, transport, links: iceServerLinks(settings, session.id, clock.wall()) })
}

/** @throws AppError `identity_taken` when somebody who did not come by WHIP has this identity. */
async function makeWay ({ bridge }: WhipRoutesOptions, room: string, identity: string): Promise<void> {
  const present = bridge.room(room)?.find(identity)
  if (!present) return
  const session = present.info.sessionId === undefined ? undefined : bridge.sessions.get(present.info.sessionId)
  if (session?.leg.kind !== 'whip') throw new AppError('identity_taken', `“${identity}” is already in room ${room}`)
  await session.close('a newer connection of the same identity took its place')
}
