import { z } from 'zod'
import type { Bridge } from '../../room/bridge.ts'
import type { Api } from '../http-types.ts'
import { responses } from './responses.ts'

const tags = ['service']
const drainState = z.object({ draining: z.boolean(), sessions: z.int() }).meta({ id: 'Drain' })

/** Takes the bridge out of service before it is stopped: not ready, nothing new, those who are here may finish. */
export function drainRoutes (api: Api, bridge: Bridge, drain: () => void): void {
  api.post('/drain', {
    config: { scope: 'admin', everywhere: true, audit: 'bridge.drain' },
    schema: { tags, summary: 'Take nothing new from now on', response: responses({ 202: drainState }) }
  }, async (_request, reply) => {
    drain()
    return reply.code(202).send({ draining: bridge.draining, sessions: bridge.sessions.size })
  })

  api.get('/drain', {
    config: { scope: 'admin', everywhere: true },
    schema: { tags, summary: 'How far draining is', response: responses({ 200: drainState }) }
  }, async () => ({ draining: bridge.draining, sessions: bridge.sessions.size }))
}
