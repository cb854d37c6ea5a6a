import { z } from 'zod'
import { AppError } from '../../lib/errors.ts'
import { describeRoom } from '../../room/bridge.ts'
import type { Room } from '../../room/room.ts'
import { mayUse, type Principal } from '../auth/principal.ts'
import { principalOf } from '../gate.ts'
import type { Api } from '../http-types.ts'
import { limits } from '../limits.ts'
import type { ControlParts } from '../parts.ts'
import { conference, idParameter, listOf, page, participant } from '../schemas.ts'
import { conferenceView, pageOf, participantView } from '../views.ts'
import { noContent, responses } from './responses.ts'

const tags = ['conferences']
const participantParameters = z.strictObject({ ...idParameter.shape, participantId: z.string().min(1).max(limits.maxParameterLength) })

/** Conferences and who is in them, as they are now; one that ended can still be looked up. */
export function conferenceRoutes (api: Api, { bridge, history, clock }: ControlParts): void {
  const view = (room: Room) => conferenceView(describeRoom(room), bridge.sessionsIn(room.name).length)

  /** By id, or by the room's name. Somebody else's room is no room. */
  const find = (id: string, principal: Principal): Room | undefined => {
    const room = bridge.rooms.find(r => r.id === id) ?? bridge.room(id)
    return room && mayUse(principal, room.name) ? room : undefined
  }
  const get = (id: string, principal: Principal): Room => {
    const room = find(id, principal)
    if (!room) throw new AppError('not_found', 'There is no such conference now.')
    return room
  }

  api.get('/conferences', {
    config: { scope: 'rooms' },
    schema: { tags, summary: 'Conferences open now', querystring: z.strictObject(page), response: responses({ 200: listOf(conference) }) }
  }, async request => {
    const principal = principalOf(request)
    const rooms = bridge.rooms.filter(room => mayUse(principal, room.name)).sort((a, b) => a.id < b.id ? 1 : -1)
    const { limit, after } = request.query
    return pageOf(rooms.filter(room => after === undefined || room.id < after).slice(0, limit + 1), request.query, view, room => room.id)
  })

  api.get('/conferences/:id', {
    config: { scope: 'rooms' },
    schema: {
      tags,
      summary: 'One conference, by id or by its room’s name',
      params: idParameter,
      response: responses({ 200: conference }, 404)
    }
  }, async request => {
    const { id } = request.params
    const room = find(id, principalOf(request))
    if (room) return view(room)
    const ended = await history?.conference(id)
    if (!ended || !mayUse(principalOf(request), ended.room)) throw new AppError('not_found', 'There is no such conference.')
    return conferenceView(ended, 0)
  })

  api.delete('/conferences/:id', {
    config: { scope: 'rooms', audit: 'conference.close' },
    handlerTimeout: limits.goodbyeTimeoutMs,
    schema: {
      tags,
      summary: 'End a conference: everybody in it is shown the door',
      params: idParameter,
      response: responses({ 204: noContent }, 404)
    }
  }, async (request, reply) => {
    await bridge.closeRoom(get(request.params.id, principalOf(request)).name, 'the conference was closed')
    return reply.code(204).send(null)
  })

  api.get('/conferences/:id/participants', {
    config: { scope: 'rooms' },
    schema: {
      tags,
      summary: 'Who is in it, and what they send',
      params: idParameter,
      response: responses({ 200: listOf(participant) }, 404)
    }
  }, async request => {
    const room = get(request.params.id, principalOf(request))
    return { items: [...room.participants.values()].map(p => participantView(p, clock.now())), next: null }
  })

  api.delete('/conferences/:id/participants/:participantId', {
    config: { scope: 'rooms', audit: 'participant.kick' },
    handlerTimeout: limits.goodbyeTimeoutMs,
    schema: {
      tags,
      summary: 'Show a participant the door',
      params: participantParameters,
      response: responses({ 204: noContent }, 404, 409)
    }
  }, async (request, reply) => {
    const found = get(request.params.id, principalOf(request)).find(request.params.participantId)
    if (!found) throw new AppError('not_found', 'There is no such participant in this conference.')
    const session = bridge.sessions.get(found.info.sessionId ?? '')
    if (!session) throw new AppError('conflict', 'This participant came through the conference server; it can be removed only there.')
    await session.close('removed by an administrator')
    return reply.code(204).send(null)
  })
}
