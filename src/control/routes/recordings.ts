import type { FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { AppError } from '../../lib/errors.ts'
import { mayUse, requireRoom } from '../auth/principal.ts'
import { sendFile } from '../file-response.ts'
import { principalOf } from '../gate.ts'
import type { Api } from '../http-types.ts'
import { limits } from '../limits.ts'
import { type RecordingInfo, type Recordings, recordingStates } from '../parts.ts'
import { idParameter, listOf, page, recording, recordingRequest, roomName } from '../schemas.ts'
import { pageOf, recordingView } from '../views.ts'
import { bytes, noContent, responses } from './responses.ts'

const tags = ['recordings']
const MAX_PART = 9_999
const listQuery = z.strictObject({ ...page, room: roomName.optional(), state: z.enum(recordingStates).optional() })
const fileQuery = z.strictObject({
  part: z.coerce.number('expected a number').int('expected a whole number').min(1, 'expected at least 1')
    .max(MAX_PART, `expected at most ${MAX_PART}`).optional(),
  download: z.enum(['0', '1'], 'expected 0 or 1').optional().meta({ description: '1: to be saved rather than played' })
})

type FileRequest = { Params: z.infer<typeof idParameter>, Querystring: z.infer<typeof fileQuery> }

/** Starting, stopping, finding, fetching recordings. */
export function recordingRoutes (api: Api, recordings: Recordings): void {
  const get = async (id: string, request: FastifyRequest): Promise<RecordingInfo> => {
    const found = recordings.get(id)
    if (!found || !mayUse(principalOf(request), found.room)) throw unknown()
    return found
  }

  api.post('/recordings', {
    config: { scope: 'record', audit: 'recording.start' },
    schema: {
      tags,
      summary: 'Record a participant of a room',
      body: recordingRequest,
      response: responses({ 201: recording }, 404, 409, 507)
    }
  }, async (request, reply) => {
    requireRoom(principalOf(request), request.body.room)
    const started = await recordings.start(request.body)
    return reply.code(201).header('location', `/api/v1/recordings/${started.id}`).send(recordingView(started))
  })

  api.get('/recordings', {
    config: { scope: 'record' },
    schema: { tags, summary: 'Recordings, newest first', querystring: listQuery, response: responses({ 200: listOf(recording) }) }
  }, async request => {
    const { room = principalOf(request).room, state, limit, after } = request.query
    if (room !== undefined && !mayUse(principalOf(request), room)) return { items: [], next: null }
    const found = recordings.list({ room, state, after, limit: limit + 1 })
    return pageOf(found, request.query, recordingView, item => item.id)
  })

  api.get('/recordings/:id', {
    config: { scope: 'record' },
    schema: { tags, summary: 'One recording', params: idParameter, response: responses({ 200: recording }, 404) }
  }, async request => recordingView(await get(request.params.id, request)))

  api.post('/recordings/:id/stop', {
    config: { scope: 'record', audit: 'recording.stop' },
    handlerTimeout: limits.goodbyeTimeoutMs,
    schema: {
      tags,
      summary: 'Stop it; the file is complete when the state says so',
      params: idParameter,
      response: responses({ 200: recording }, 404, 409)
    }
  }, async request => {
    const stopped = await recordings.stop((await get(request.params.id, request)).id)
    if (!stopped) throw unknown()
    return recordingView(stopped)
  })

  const file = async (request: FastifyRequest<FileRequest>, reply: FastifyReply) => {
    const { part, download } = request.query
    const { id } = await get(request.params.id, request)
    const found = part === undefined ? await recordings.file(id) : await recordings.file(id, part)
    if (!found) throw new AppError('not_found', 'This recording has no such file.')
    return sendFile(request, reply, found, download === '1')
  }
  const fileSchema = { tags, summary: 'The file itself, whole or by ranges; also while it grows', params: idParameter, querystring: fileQuery }
  const types = ['video/mp4', 'audio/mp4']
  const response = responses({ 200: bytes('The file', ...types), 206: bytes('A part of it', ...types), 304: noContent }, 404, 416)
  // HEAD has a route of its own: the one Fastify makes would read the whole file to throw it away.
  api.get('/recordings/:id/file', {
    config: { scope: 'record', endless: true },
    exposeHeadRoute: false,
    schema: { ...fileSchema, response }
  }, file)
  api.head('/recordings/:id/file', { config: { scope: 'record' }, schema: { ...fileSchema, response } }, file)

  api.delete('/recordings/:id', {
    config: { scope: 'record', audit: 'recording.delete' },
    schema: { tags, summary: 'Delete a recording and its files', params: idParameter, response: responses({ 204: noContent }, 404, 409) }
  }, async (request, reply) => {
    const { id } = await get(request.params.id, request)
    if (!await recordings.delete(id)) throw unknown()
    return reply.code(204).send(null)
  })
}

const unknown = () => new AppError('not_found', 'There is no such recording.')
