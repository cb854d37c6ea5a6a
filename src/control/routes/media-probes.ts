import { z } from 'zod'
import type { Api } from '../http-types.ts'
import type { ControlParts } from '../parts.ts'
import { responses } from './responses.ts'

const tags = ['service']
const mediaProbe = z.object({
  username: z.string().meta({ description: 'USERNAME of a check' }),
  password: z.string().meta({ description: 'What a check is signed with' }),
  candidates: z.array(z.object({ protocol: z.enum(['udp', 'tcp']), address: z.string(), port: z.int() })).readonly()
}).meta({ id: 'MediaProbe' })

/** For a few seconds the media ports answer checks (RFC 8445) of whoever knows the answer: `auralink doctor` asks. */
export function mediaProbeRoutes (api: Api, probeMedia: NonNullable<ControlParts['probeMedia']>): void {
  api.post('/media-probes', {
    config: { scope: 'admin', everywhere: true, audit: 'media.probe' },
    schema: { tags, summary: 'Find out whether the media ports can be reached', response: responses({ 201: mediaProbe }) }
  }, async (request, reply) => reply.code(201).send(probeMedia(request.ip)))
}
