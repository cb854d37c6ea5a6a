import type { FastifyRequest } from 'fastify'
import { z } from 'zod'
import { AppError } from '../../lib/errors.ts'
import { mayUse, requireRoom } from '../auth/principal.ts'
import { principalOf } from '../gate.ts'
import type { Api } from '../http-types.ts'
import type { ControlParts, Ingress, Ingresses, Target } from '../parts.ts'
import { idParameter, ingress, ingressChange, ingressRequest, ingressWithKey, listOf, page, roomName } from '../schemas.ts'
import { ingressView, pageOf, serverShown } from '../views.ts'
import { noContent, responses } from './responses.ts'

const tags = ['ingresses']

export type IngressOptions = {
  /** Where encoders publish, for a client that reached us under this host name: `rtmp://name:1935/live`. */
  readonly rtmpUrl: (hostname: string) => string
}

/** Doors for encoders. Only who asks for one door sees its key; lists never show any. */
export function ingressRoutes (api: Api, ingresses: Ingresses, { bridge, links }: ControlParts, { rtmpUrl }: IngressOptions): void {
  const view = (found: Ingress, request: FastifyRequest) => {
    const link = links?.status(found.id)
    const url = found.protocol === 'rtmp' ? rtmpUrl(request.hostname) : serverShown(found.source)
    // A session that pulls goes on while its connection is lost.
    const live = link ? link.state === 'connected' : bridge.sessionsIn(found.room).some(s => s.describe().externalId === found.id)
    return ingressView(found, { url, live, link })
  }
  const withKey = (found: Ingress, request: FastifyRequest) => ({ ...view(found, request), streamKey: found.protocol === 'rtmp' ? found.streamKey : null })
  const get = async (id: string, request: FastifyRequest): Promise<Ingress> => {
    const found = await ingresses.get(id)
    if (!found || !mayUse(principalOf(request), found.room)) throw unknown()
    return found
  }

  api.post('/ingresses', {
    config: { scope: 'rooms', audit: 'ingress.create' },
    schema: {
      tags,
      summary: 'Make a door for an encoder, or pull what a WHEP server shows',
      description: 'What is pulled is a participant of the room whenever the server has something; it is connected to again and again, also after a restart, until the ingress is disabled or deleted.',
      body: ingressRequest,
      response: responses({ 201: ingressWithKey }, 409)
    }
  }, async (request, reply) => {
    const { protocol, room, identity, name } = request.body
    requireRoom(principalOf(request), room)
    const made = await ingresses.create({ protocol, room, identity, name, source: sourceIn(request.body) })
    return reply.code(201).header('location', `/api/v1/ingresses/${made.id}`).send(withKey(made, request))
  })

  api.get('/ingresses', {
    config: { scope: 'rooms' },
    schema: {
      tags,
      summary: 'Doors, newest first, without their keys',
      querystring: z.strictObject({ ...page, room: roomName.optional() }),
      response: responses({ 200: listOf(ingress) })
    }
  }, async request => {
    const { room = principalOf(request).room, limit, after } = request.query
    if (room !== undefined && !mayUse(principalOf(request), room)) return { items: [], next: null }
    const found = await ingresses.list({ room, after, limit: limit + 1 })
    return pageOf(found, request.query, item => view(item, request), item => item.id)
  })

  api.get('/ingresses/:id', {
    config: { scope: 'rooms' },
    schema: { tags, summary: 'One door, with its key', params: idParameter, response: responses({ 200: ingressWithKey }, 404) }
  }, async request => withKey(await get(request.params.id, request), request))

  api.patch('/ingresses/:id', {
    config: { scope: 'rooms', audit: 'ingress.update' },
    schema: {
      tags,
      summary: 'Change a door; what is coming through goes on as it was, and what is pulled is pulled anew',
      params: idParameter,
      body: ingressChange,
      response: responses({ 200: ingress }, 404, 409)
    }
  }, async request => {
    const { id } = await get(request.params.id, request)
    if (request.body.room !== undefined) requireRoom(principalOf(request), request.body.room)
    const changed = await ingresses.update(id, request.body)
    if (!changed) throw unknown()
    return view(changed, request)
  })

  api.post('/ingresses/:id/rotate-key', {
    config: { scope: 'rooms', audit: 'ingress.rotateKey' },
    schema: { tags, summary: 'A new key; the old one, and what comes through by it, ends at once', params: idParameter, response: responses({ 200: ingressWithKey }, 404, 409) }
  }, async request => {
    const { id } = await get(request.params.id, request)
    const changed = await ingresses.rotateKey(id)
    if (!changed) throw unknown()
    return withKey(changed, request)
  })

  api.delete('/ingresses/:id', {
    config: { scope: 'rooms', audit: 'ingress.delete' },
    schema: { tags, summary: 'Close a door for good', params: idParameter, response: responses({ 204: noContent }, 404, 409) }
  }, async (request, reply) => {
    const { id } = await get(request.params.id, request)
    if (!await ingresses.delete(id)) throw unknown()
    return reply.code(204).send(null)
  })
}

/** A door for encoders has no source, and one that is pulled has. */
function sourceIn ({ protocol, url, token }: z.infer<typeof ingressRequest>): Target | undefined {
  const expected = (field: string, what: string) => new AppError('bad_request', `${field}: expected ${what}`, { problems: [{ field, expected: what }] })
  if (protocol === 'whep') {
    if (url === undefined) throw expected('url', 'the URL of the WHEP endpoint to watch')
    return { url, token }
  }
  for (const [field, value] of Object.entries({ url, token })) if (value !== undefined) throw expected(field, 'nothing: encoders come to us')
  return undefined
}

const unknown = () => new AppError('not_found', 'There is no such ingress.')
