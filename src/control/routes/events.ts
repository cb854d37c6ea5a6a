import { z } from 'zod'
import { AppError } from '../../lib/errors.ts'
import type { EventStreams } from '../event-stream.ts'
import { principalOf } from '../gate.ts'
import type { Api } from '../http-types.ts'
import { limits } from '../limits.ts'
import type { Events } from '../parts.ts'
import { event, listOf, page, roomName } from '../schemas.ts'
import { mayUse, type Principal } from '../auth/principal.ts'
import { eventView } from '../views.ts'
import { bytes, responses } from './responses.ts'

const tags = ['events']
const sequence = z.coerce.number('expected a number').int('expected a whole number').min(0, 'expected at least 0')
const listQuery = z.strictObject({
  after: sequence.default(0),
  limit: page.limit,
  last: page.limit.unwrap().optional().meta({ description: 'the newest so many instead; `after` and `limit` do not count then' }),
  room: roomName.optional()
})
const streamQuery = z.strictObject({
  after: sequence.optional().meta({ description: 'from now on, if neither this nor Last-Event-ID is given' }),
  room: roomName.optional()
})

/** Everything that happens, in one order: by pages, or as it comes. */
export function eventRoutes (api: Api, events: Events, streams: EventStreams): void {
  const roomFor = (principal: Principal, room: string | undefined): string | undefined => {
    if (room !== undefined && !mayUse(principal, room)) throw new AppError('forbidden', 'These credentials are for another room.')
    return room ?? principal.room
  }

  api.get('/events', {
    config: { scope: 'rooms' },
    schema: {
      tags,
      summary: 'Events after one already seen, or the newest, oldest first',
      querystring: listQuery,
      response: responses({ 200: listOf(event) })
    }
  }, async request => {
    const { after, limit, last } = request.query
    const room = roomFor(principalOf(request), request.query.room)
    if (last !== undefined) return { items: (await events.newest({ limit: last, room })).map(eventView), next: null }
    const found = await events.after(after, { limit: limit + 1, room })
    const shown = found.slice(0, limit)
    return { items: shown.map(eventView), next: found.length > limit ? String(shown.at(-1)!.sequence) : null }
  })

  api.get('/events/stream', {
    config: { scope: 'rooms', endless: true },
    exposeHeadRoute: false,
    schema: {
      tags,
      summary: 'Events as they come (text/event-stream)',
      querystring: streamQuery,
      response: responses({ 200: bytes('A stream of events', 'text/event-stream') })
    }
  }, async (request, reply) => {
    const room = roomFor(principalOf(request), request.query.room)
    const last = lastEventId(request.headers['last-event-id'])
    const after = last ?? request.query.after ?? await events.last()
    if (streams.open >= limits.eventStreams) throw new AppError('overloaded', `At most ${limits.eventStreams} event streams at once.`)
    for (const [name, value] of Object.entries(reply.getHeaders())) if (value !== undefined) reply.raw.setHeader(name, value)
    reply.hijack()
    await streams.run(reply.raw, { after, room })
  })
}

/** What a browser sends when it comes back; anything but a number was not ours. */
const lastEventId = (header: string | string[] | undefined): number | undefined =>
  typeof header === 'string' && /^\d{1,15}$/.test(header) ? Number(header) : undefined
