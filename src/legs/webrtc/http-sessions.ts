import type { FastifyContextConfig, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { AppError } from '../../lib/errors.ts'
import { drawRandom } from '../../lib/random.ts'
import { printAnswer, type AnswerSection } from '../../protocols/webrtc/sdp-answer.ts'
import { MAX_FRAGMENT_BYTES, parseFragment, printBundle, printFragment, restartIn } from '../../protocols/webrtc/sdp-fragment.ts'
import { MAX_SDP_BYTES } from '../../protocols/webrtc/sdp-offer.ts'
import type { Offer } from '../../protocols/webrtc/sdp-types.ts'
import type { Transport } from '../../protocols/webrtc/transport.ts'
import type { Session } from '../../room/session.ts'

export const SDP = 'application/sdp'
const FRAGMENT = 'application/trickle-ice-sdpfrag'
/** Bytes of a session URL's secret: whoever has the URL may end the session. */
const SECRET_BYTES = 24
/** Of ended sessions, so many of the latest are known. */
const REMEMBERED_SESSIONS = 256

export type HttpSession = {
  readonly session: Session
  readonly transport: Transport
  /** Of what was agreed on, all that a restart of ICE repeats. */
  readonly bundle: string
}

/**
 * Sessions by the secret in their URL. The URL is the credential: it is unguessable, and known to nobody but the client; an
 * unknown one and another's look the same. One that ended is known for a while: browsers close the connection, then say DELETE.
 */
export class HttpSessions {
  readonly #sessions = new Map<string, HttpSession>()
  readonly #ended = new Set<string>()

  add (session: Session, transport: Transport, sections: readonly AnswerSection[]): string {
    const secret = drawRandom(SECRET_BYTES).toString('base64url')
    this.#sessions.set(secret, { session, transport, bundle: printBundle(sections) })
    void session.done.then(() => this.#remember(secret))
    return secret
  }

  /** @returns undefined for a session that has ended. @throws AppError `not_found` */
  get (secret: string): HttpSession | undefined {
    const found = this.#sessions.get(secret)
    if (!found && !this.#ended.has(secret)) throw new AppError('not_found', 'There is no such session.')
    return found
  }

  #remember (secret: string): void {
    this.#sessions.delete(secret)
    this.#ended.add(secret)
    if (this.#ended.size > REMEMBERED_SESSIONS) this.#ended.delete(this.#ended.values().next().value!)
  }
}

/** Offers and fragments are the only bodies. */
export function takeSdp (app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(SDP, { parseAs: 'string', bodyLimit: MAX_SDP_BYTES }, (_request, body, done) => done(null, body))
  app.addContentTypeParser(FRAGMENT, { parseAs: 'string', bodyLimit: MAX_FRAGMENT_BYTES }, (_request, body, done) => done(null, { fragment: body }))
}

/** The offer in a POST. @throws AppError `unsupported_media_type` */
export function offerIn ({ body }: FastifyRequest): string {
  if (typeof body !== 'string') throw new AppError('unsupported_media_type', `The body must be an SDP offer, with content type ${SDP}.`)
  return body
}

type Created = {
  readonly reply: FastifyReply
  readonly path: string
  readonly secret: string
  readonly offer: Offer
  readonly sections: readonly AnswerSection[]
  readonly transport: Transport
  readonly links: readonly string[]
}

/** 201, with everything a client needs (RFC 9725 section 4.2). The answer holds all candidates. */
export function sendAnswer ({ reply, path, secret, offer, sections, transport, links }: Created): FastifyReply {
  const answer = printAnswer({ sections, transport: transport.local, candidates: transport.candidates, extmapAllowMixed: offer.extmapAllowMixed })
  if (links.length > 0) reply.header('link', links)
  return reply.code(201).type(SDP).headers({
    'location': `${path}/sessions/${secret}`, 'etag': entityTag(transport), 'cache-control': 'no-store', 'accept-patch': FRAGMENT
  }).send(answer)
}

/** Names one ICE session (RFC 9725 section 4.3). */
const entityTag = ({ local }: Transport): string => `"${local.ufrag}"`

type SessionRequest = { Params: { secret: string }, Headers: { 'if-match'?: string } }

export type EndpointOptions = {
  readonly path: string
  readonly sessions: HttpSessions
  readonly goodbye: string
  /** What an endpoint tells of ICE servers: to those it lets in, for they are worth money. */
  readonly linksFor: (request: FastifyRequest<{ Params: { room: string } }>) => Promise<readonly string[]>
}

/** A preflight has its headers added, and what else asks for options is answered by us (@fastify/cors). */
const preflightPasses: FastifyContextConfig & { cors: object } = { cors: { preflightContinue: true, strictPreflight: false } }

/** What endpoint and session URLs answer besides the POST (RFC 9725 sections 4.1 and 4.3; the WHEP draft has the same). */
export function commonRoutes (app: FastifyInstance, { path, sessions, goodbye, linksFor }: EndpointOptions): void {
  // Nothing to see, said with success. The content type tells players what kind of endpoint this is (WHEP section 4.2).
  app.get(`${path}/:room`, (_request, reply) => reply.type(SDP).send(''))
  app.options<{ Params: { room: string } }>(`${path}/:room`, { config: preflightPasses }, async (request, reply) => {
    // A browser asks first without credentials whether it may ask (section 4.6): that one learns of no server.
    const links = request.headers.authorization === undefined ? [] : await linksFor(request)
    if (links.length > 0) reply.header('link', links).header('cache-control', 'no-store')
    return reply.header('accept-post', SDP).header('allow', 'GET, HEAD, OPTIONS, POST').code(204).send()
  })
  app.delete<SessionRequest>(`${path}/sessions/:secret`, async (request, reply) => {
    await sessions.get(request.params.secret)?.session.close(goodbye)
    return reply.code(200).send()
  })
  app.patch<SessionRequest>(`${path}/sessions/:secret`, async ({ params, headers, body }, reply) => {
    const answer = patch(sessions.get(params.secret), headers['if-match'], body)
    if (!answer) return reply.code(204).send()
    return reply.code(200).type(FRAGMENT).headers({ 'etag': answer.etag, 'cache-control': 'no-store' }).send(answer.fragment)
  })
}

/**
 * New candidates, or new credentials, which restart ICE.
 * @returns what a restart is answered with @throws AppError `precondition_required`, `precondition_failed`, `unprocessable_sdp`
 */
function patch (found: HttpSession | undefined, ifMatch: string | undefined, body: unknown): { etag: string, fragment: string } | undefined {
  if (typeof body !== 'object' || body === null || !('fragment' in body))
    throw new AppError('unsupported_media_type', `The body must be of content type ${FRAGMENT}.`)
  const fragment = parseFragment(String(body.fragment))
  if (ifMatch === undefined) throw new AppError('precondition_required', 'PATCH needs If-Match with the entity tag of the ICE session, or “*” to restart ICE.')
  if (!found) throw new AppError('not_found', 'The session has ended.')
  const { transport, bundle } = found
  const remote = restartIn(fragment, transport.remote)
  if (ifMatch !== '*' && ifMatch !== '"*"' && ifMatch !== entityTag(transport)) throw new AppError('precondition_failed')
  if (!remote) return undefined // More candidates: a peer shows by its checks where it is.
  transport.restart(remote)
  return { etag: entityTag(transport), fragment: printFragment(transport.local, transport.candidates, bundle) }
}
