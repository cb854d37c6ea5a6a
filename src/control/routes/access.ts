import { z } from 'zod'
import { AppError } from '../../lib/errors.ts'
import type { Auth } from '../auth/auth.ts'
import { allows, type Principal, requireRoom } from '../auth/principal.ts'
import { MAX_MEDIA_TOKEN_SECONDS } from '../auth/token-mint.ts'
import { principalOf } from '../gate.ts'
import type { Api } from '../http-types.ts'
import { identity, roomName, scope, scopeList } from '../schemas.ts'
import { responses } from './responses.ts'

const tags = ['access']
const DEFAULT_TOKEN_SECONDS = 300
const MIN_TOKEN_SECONDS = 10

export const me = z.object({
  kind: z.enum(['apiKey', 'token', 'console']),
  subject: z.string(),
  scopes: z.array(scope),
  room: z.string().nullable()
}).meta({ id: 'Me' })
export const meView = ({ kind, subject, scopes, room }: Principal) => ({ kind, subject, scopes: [...scopes], room: room ?? null })

const tokenRequest = z.strictObject({
  scopes: scopeList,
  room: roomName.optional(),
  identity: identity.optional().meta({ description: 'who its holder is in the room: the one participant it publishes as; anybody if left out' }),
  expiresIn: z.int('expected a whole number of seconds').min(MIN_TOKEN_SECONDS, `expected at least ${MIN_TOKEN_SECONDS}`)
    .max(MAX_MEDIA_TOKEN_SECONDS, `expected at most ${MAX_MEDIA_TOKEN_SECONDS}`).default(DEFAULT_TOKEN_SECONDS).meta({ description: 'seconds' })
}).meta({ id: 'TokenRequest' })
const tokenAnswer = z.object({ token: z.string(), expiresAt: z.iso.datetime() }).meta({ id: 'Token' })

/** Who am I; and tokens for browsers, worth no more than whoever asks for them. */
export function accessRoutes (api: Api, auth: Auth): void {
  api.get('/me', {
    config: { scope: 'any' },
    schema: { tags, summary: 'Who you are here, and what you may do', response: responses({ 200: me }) }
  }, async request => meView(principalOf(request)))

  api.post('/tokens', {
    config: { scope: 'any', audit: 'token.create' },
    schema: { tags, summary: 'A short-lived token for WHIP and WHEP', body: tokenRequest, response: responses({ 201: tokenAnswer }) }
  }, async (request, reply) => {
    const principal = principalOf(request)
    const { scopes, room = principal.room, identity = principal.identity, expiresIn } = request.body
    if (principal.shortLived) throw new AppError('forbidden', 'A short-lived token cannot make another.')
    if (room !== undefined) requireRoom(principal, room)
    if (principal.identity !== undefined && identity !== principal.identity) throw new AppError('forbidden', `You are “${principal.identity}” yourself.`)
    const missing = scopes.find(wanted => !allows(principal, wanted))
    if (missing !== undefined) throw new AppError('forbidden', `You do not have the scope “${missing}” yourself.`)
    const { token, expiresAt } = await auth.mint.mint({ subject: principal.subject, scopes, room, identity, expiresInSeconds: expiresIn })
    return reply.code(201).send({ token, expiresAt: expiresAt.toISOString() })
  })
}
