import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Clock } from '../../lib/clock.ts'
import { AppError } from '../../lib/errors.ts'
import { printAnswer } from '../../protocols/webrtc/sdp-answer.ts'
import { MAX_SDP_BYTES, parseOffer } from '../../protocols/webrtc/sdp-offer.ts'
import type { Transport } from '../../protocols/webrtc/transport.ts'
import type { TransportHub } from '../../protocols/webrtc/transport-hub.ts'
import type { Bridge } from '../../room/bridge.ts'
import type { Participant } from '../../room/room.ts'
import type { Session } from '../../room/session.ts'
import type { Transcode } from '../../room/track.ts'
import type { WebRtcSettings } from './settings.ts'
import { findSubject, sceneOf } from './subject.ts'
import { negotiateViewing } from './viewing.ts'
import { WhepLeg } from './whep-leg.ts'

const SDP = 'application/sdp'
/** Bytes of a session URL's secret: whoever has the URL may end the session. */
const SECRET_BYTES = 24
/** Ended sessions are forgotten, oldest first, when there are more than this many in all. */
const REMEMBERED_SESSIONS = 256
const LOOK_EVERY_MS = 50
/** Seconds until a viewer of a room without media should ask again. */
const RETRY_AFTER_S = 2

export type WebRtcRoutesOptions = {
  readonly bridge: Bridge
  readonly transports: TransportHub
  readonly transcode: Transcode
  readonly settings: WebRtcSettings
  readonly clock: Clock
  /** Lets the request pass, or throws what to answer. */
  readonly authorize: (request: FastifyRequest, action: 'publish' | 'view', room: string) => Promise<unknown>
}

type Viewer = { readonly session: Session, readonly transport: Transport }
type ViewRequest = { Params: { room: string }, Querystring: { participant?: string } }
type SessionRequest = { Params: { secret: string } }

/**
 * WHEP (draft-ietf-wish-whep-04): `POST /whep/{room}[?participant=]` answers an offer, `DELETE` on the URL it returns ends the
 * session. A Fastify plugin; its errors are AppErrors, printed by whoever registers it.
 */
export async function whepRoutes (app: FastifyInstance, options: WebRtcRoutesOptions): Promise<void> {
  const viewers = new Viewers()
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(SDP, { parseAs: 'string', bodyLimit: MAX_SDP_BYTES }, (_request, body, done) => done(null, body))
  const mayView = async (request: FastifyRequest<ViewRequest>): Promise<void> => { await options.authorize(request, 'view', request.params.room) }

  app.post<ViewRequest>('/whep/:room', { onRequest: mayView }, (request, reply) => watch(request, reply, options, viewers))
  // Section 4.1: nothing to see, said with success; HEAD tells players that this is a WHEP endpoint (section 4.2).
  app.get('/whep/:room', (_request, reply) => reply.type(SDP).send(''))
  app.options('/whep/:room', (_request, reply) => reply.header('accept-post', SDP).header('allow', 'GET, HEAD, OPTIONS, POST').code(204).send())
  app.delete<SessionRequest>('/whep/sessions/:secret', async (request, reply) => {
    await viewers.get(request.params.secret).session.close('the viewer left')
    return reply.code(200).send()
  })
}

/**
 * Sessions by the secret in their URL. The URL is the credential: it is unguessable, and known to nobody but the viewer; an
 * unknown one and another's look the same. One that ended is known for a while: browsers close the connection, then say DELETE.
 */
class Viewers {
  readonly #viewers = new Map<string, Viewer>()

  add (viewer: Viewer): string {
    const secret = randomBytes(SECRET_BYTES).toString('base64url')
    this.#viewers.set(secret, viewer)
    for (const [old, { session }] of this.#viewers) {
      if (this.#viewers.size <= REMEMBERED_SESSIONS) break
      if (session.state === 'ended' || session.state === 'failed') this.#viewers.delete(old)
    }
    return secret
  }

  get (secret: string): Viewer {
    const viewer = this.#viewers.get(secret)
    if (!viewer) throw new AppError('not_found', 'There is no such session.')
    return viewer
  }
}

async function watch (request: FastifyRequest<ViewRequest>, reply: FastifyReply, options: WebRtcRoutesOptions, viewers: Viewers): Promise<FastifyReply> {
  const { bridge, transports, transcode, settings, clock } = options
  const { params: { room }, query: { participant: wanted }, body } = request
  if (typeof body !== 'string') throw new AppError('unsupported_media_type', `The body must be an SDP offer, with content type ${SDP}.`)
  const offer = parseOffer(body)
  const participant = await publisher(options, room, wanted)
  if (!participant) {
    // Section 4.4: 409 with Retry-After until there is something to watch.
    reply.header('retry-after', String(RETRY_AFTER_S))
    throw new AppError('not_live', wanted === undefined ? `Nobody is sending audio or video in room “${room}”.` : `“${wanted}” is not sending audio or video in room “${room}”.`)
  }
  const cname = participant.info.id
  const viewing = negotiateViewing(offer, sceneOf(participant), cname)
  const transport = transports.accept(offer.transport)
  const leg = new WhepLeg({ transport, viewing, participant: wanted, cname, transcode, settings, clock })
  const session = await bridge.admit(leg, { room, remoteAddress: request.ip }).catch(async error => {
    await transport.close()
    throw error
  })
  const secret = viewers.add({ session, transport })
  const answer = printAnswer({ sections: viewing.sections, transport: transport.local, candidates: transports.candidatesOf(transport), extmapAllowMixed: offer.extmapAllowMixed })
  for (const link of settings.iceServerLinks) reply.header('link', link)
  return reply.code(201).type(SDP).header('location', `/whep/sessions/${secret}`).header('etag', `"${transport.local.ufrag}"`).header('cache-control', 'no-store').send(answer)
}

/** Who is to be watched, as soon as there is something to see or hear; undefined if there is nothing for a while. */
async function publisher ({ bridge, settings, clock }: WebRtcRoutesOptions, room: string, wanted: string | undefined): Promise<Participant | undefined> {
  const deadline = clock.now() + settings.mediaWaitMs
  for (;;) {
    const open = bridge.room(room)
    const found = open && findSubject(open, wanted)
    if (found && found.tracks.size > 0) return found
    if (clock.now() >= deadline) return undefined
    await sleep(LOOK_EVERY_MS)
  }
}
