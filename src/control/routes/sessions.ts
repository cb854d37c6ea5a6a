import { z } from 'zod'
import { AppError } from '../../lib/errors.ts'
import type { QualityPoint } from '../../room/quality/series.ts'
import { sessionQuality } from '../../room/quality/session-quality.ts'
import type { SessionInfo } from '../../room/session.ts'
import { mayUse, type Principal } from '../auth/principal.ts'
import { principalOf } from '../gate.ts'
import type { Api } from '../http-types.ts'
import { limits } from '../limits.ts'
import type { ControlParts, SessionQuery } from '../parts.ts'
import { reportPage } from '../report/page.ts'
import { reportPolicy } from '../report/style.ts'
import { idParameter, listOf, page, roomName, session, sessionQuality as sessionQualitySchema, sessionState } from '../schemas.ts'
import { pageOf, sessionView } from '../views.ts'
import { bytes, noContent, responses } from './responses.ts'

const tags = ['sessions']
const query = z.strictObject({
  ...page,
  type: z.string().regex(/^[a-z][a-z-]{0,31}$/, 'expected a type such as rtmp or whep').optional(),
  state: sessionState.optional().meta({ description: 'those that live if left out' }),
  room: roomName.optional()
})

/** Everybody's stay: live ones from the bridge, ended ones from the history where there is one. */
export function sessionRoutes (api: Api, { bridge, history, quality, clock }: ControlParts): void {
  const live = (wanted: SessionQuery): SessionInfo[] => {
    const matching = [...bridge.sessions.values()]
      .filter(({ leg, room, state, id }) => (wanted.kind ?? leg.kind) === leg.kind && (wanted.room ?? room.name) === room.name &&
        (wanted.state ?? state) === state && (wanted.after === undefined || id < wanted.after))
      .sort((a, b) => a.id < b.id ? 1 : -1)
    return matching.slice(0, wanted.limit).map(s => s.describe())
  }

  const find = async (id: string, principal: Principal): Promise<SessionInfo> => {
    const info = bridge.sessions.get(id)?.describe() ?? await history?.session(id)
    if (!info || !mayUse(principal, info.room)) throw new AppError('not_found', 'There is no such session.')
    return info
  }

  api.get('/sessions', {
    config: { scope: 'rooms' },
    schema: { tags, summary: 'Sessions, newest first', querystring: query, response: responses({ 200: listOf(session) }) }
  }, async request => {
    const { type, room = principalOf(request).room, ...rest } = request.query
    if (room !== undefined && !mayUse(principalOf(request), room)) return { items: [], next: null }
    const wanted = { ...rest, kind: type, room, limit: rest.limit + 1 }
    const over = rest.state === 'ended' || rest.state === 'failed'
    const found = over ? await history?.sessions(wanted) ?? [] : live(wanted)
    return pageOf(found, rest, sessionView, info => info.id)
  })

  api.get('/sessions/:id', {
    config: { scope: 'rooms' },
    schema: { tags, summary: 'One session, live or ended', params: idParameter, response: responses({ 200: session }, 404) }
  }, async request => sessionView(await find(request.params.id, principalOf(request))))

  const pointsOf = async ({ id, endedAt }: SessionInfo): Promise<readonly QualityPoint[]> =>
    (endedAt === undefined ? quality?.points(id) : await history?.qualityPoints(id)) ?? []

  api.get('/sessions/:id/quality', {
    config: { scope: 'rooms' },
    schema: { tags, summary: 'How a session fares, or did until it ended, and its course', params: idParameter, response: responses({ 200: sessionQualitySchema }, 404) }
  }, async request => {
    const info = await find(request.params.id, principalOf(request))
    return { ...sessionQuality(info.stats), points: [...await pointsOf(info)] }
  })

  api.get('/sessions/:id/report', {
    config: { scope: 'rooms' },
    schema: { tags, summary: 'The same as a page with plots, to read and to print', params: idParameter, response: responses({ 200: bytes('The report', 'text/html') }, 404) }
  }, async (request, reply) => {
    const info = await find(request.params.id, principalOf(request))
    const page = reportPage(info, await pointsOf(info), new Date(clock.wall()))
    return reply.type('text/html; charset=utf-8').header('content-security-policy', reportPolicy).send(page)
  })

  api.delete('/sessions/:id', {
    config: { scope: 'rooms', audit: 'session.end' },
    handlerTimeout: limits.goodbyeTimeoutMs,
    schema: { tags, summary: 'End a session', params: idParameter, response: responses({ 204: noContent }, 404, 409) }
  }, async (request, reply) => {
    const { id } = await find(request.params.id, principalOf(request))
    const running = bridge.sessions.get(id)
    if (!running) throw new AppError('conflict', 'This session is over already.')
    await running.close('ended by an administrator')
    return reply.code(204).send(null)
  })
}
