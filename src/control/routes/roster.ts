import { z } from 'zod'
import type { Participant } from '../../room/room.ts'
import { requireRoom } from '../auth/principal.ts'
import { principalOf } from '../gate.ts'
import type { Api } from '../http-types.ts'
import type { ControlParts } from '../parts.ts'
import { listOf, roomName } from '../schemas.ts'
import { responses } from './responses.ts'

const attendee = z.object({
  identity: z.string().meta({ description: 'what `participant` of `/whep/{room}` takes' }),
  name: z.string(),
  source: z.string().meta({ description: '`rtmp`, `whip`, …' }),
  kinds: z.array(z.enum(['audio', 'video'])).meta({ description: 'what there is to hear and see of them' })
}).meta({ id: 'Attendee' })

/** Nothing of addresses, sessions or traffic: those are for who looks after the room. */
const attendeeView = ({ info: { identity, name, source }, tracks }: Participant) =>
  ({ identity, name, source, kinds: [...new Set([...tracks.values()].map(track => track.codec.kind))].sort() })

/** Who is in a room, for whoever may watch it. A room that is not open is one with nobody in it: somebody may come. */
export function rosterRoutes (api: Api, { bridge }: Pick<ControlParts, 'bridge'>): void {
  api.get('/rooms/:room/roster', {
    config: { scope: 'view' },
    schema: {
      tags: ['conferences'],
      summary: 'Who can be seen and heard in a room',
      params: z.strictObject({ room: roomName }),
      response: responses({ 200: listOf(attendee) })
    }
  }, async request => {
    const { room } = request.params
    requireRoom(principalOf(request), room)
    return { items: [...bridge.room(room)?.participants.values() ?? []].map(attendeeView), next: null }
  })
}
