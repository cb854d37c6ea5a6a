import type { FastifyRequest } from 'fastify'
import { z } from 'zod'
import { AppError } from '../../lib/errors.ts'
import { mayUse, requireRoom } from '../auth/principal.ts'
import { principalOf } from '../gate.ts'
import type { Api } from '../http-types.ts'
import { limits } from '../limits.ts'
import type { Links, Stream, Streams } from '../parts.ts'
import { destinationRequest, idParameter, listOf, page, roomName, stream, streamRequest } from '../schemas.ts'
import { pageOf, streamView } from '../views.ts'
import { noContent, responses } from './responses.ts'

const tags = ['streams']
const destinationParameters = z.strictObject({ ...idParameter.shape, destinationId: z.string().min(1).max(limits.maxParameterLength) })

/** What is sent out of rooms, and where to. URLs and tokens go in, and never come out whole. */
export function streamRoutes (api: Api, streams: Streams, links: Links | undefined): void {
  const view = (found: Stream) => streamView(found, links)
  const get = async (id: string, request: FastifyRequest): Promise<Stream> => {
    const found = await streams.get(id)
    if (!found || !mayUse(principalOf(request), found.room)) throw unknown()
    return found
  }

  api.post('/streams', {
    config: { scope: 'stream', audit: 'stream.start' },
    schema: {
      tags,
      summary: 'Send a participant of a room to WHIP servers',
      description: 'Picture and sound go out as they came wherever the server takes them. Each destination is connected to when there is something to send, and again and again, also after a restart, until it is removed.',
      body: streamRequest,
      response: responses({ 201: stream })
    }
  }, async (request, reply) => {
    requireRoom(principalOf(request), request.body.room)
    const made = await streams.create(request.body)
    return reply.code(201).header('location', `/api/v1/streams/${made.id}`).send(view(made))
  })

  api.get('/streams', {
    config: { scope: 'stream' },
    schema: { tags, summary: 'Streams, newest first', querystring: z.strictObject({ ...page, room: roomName.optional() }), response: responses({ 200: listOf(stream) }) }
  }, async request => {
    const { room = principalOf(request).room, limit, after } = request.query
    if (room !== undefined && !mayUse(principalOf(request), room)) return { items: [], next: null }
    return pageOf(await streams.list({ room, after, limit: limit + 1 }), request.query, view, item => item.id)
  })

  api.get('/streams/:id', {
    config: { scope: 'stream' },
    schema: { tags, summary: 'One stream, and how it goes with each destination', params: idParameter, response: responses({ 200: stream }, 404) }
  }, async request => view(await get(request.params.id, request)))

  api.delete('/streams/:id', {
    config: { scope: 'stream', audit: 'stream.stop' },
    schema: { tags, summary: 'Stop sending', params: idParameter, response: responses({ 204: noContent }, 404, 409) }
  }, async (request, reply) => {
    const { id } = await get(request.params.id, request)
    if (!await streams.delete(id)) throw unknown()
    return reply.code(204).send(null)
  })

  api.post('/streams/:id/destinations', {
    config: { scope: 'stream', audit: 'stream.addDestination' },
    schema: { tags, summary: 'Send to one more server', params: idParameter, body: destinationRequest, response: responses({ 200: stream }, 404, 409) }
  }, async request => {
    const { id } = await get(request.params.id, request)
    const changed = await streams.addDestination(id, request.body)
    if (!changed) throw unknown()
    return view(changed)
  })

  api.delete('/streams/:id/destinations/:destinationId', {
    config: { scope: 'stream', audit: 'stream.removeDestination' },
    schema: { tags, summary: 'Send to one server less; the others do not notice', params: destinationParameters, response: responses({ 204: noContent }, 404, 409) }
  }, async (request, reply) => {
    const { id } = await get(request.params.id, request)
    if (!await streams.removeDestination(id, request.params.destinationId)) throw new AppError('not_found', 'This stream has no such destination.')
    return reply.code(204).send(null)
  })
}

const unknown = () => new AppError('not_found', 'There is no such stream.')
