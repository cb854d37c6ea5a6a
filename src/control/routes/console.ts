import type { FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { AppError } from '../../lib/errors.ts'
import { type Auth, SESSION_COOKIE } from '../auth/auth.ts'
import { COOKIE_MAX_AGE_S } from '../auth/console-sessions.ts'
import type { Api } from '../http-types.ts'
import { me, meView } from './access.ts'
import { noContent, responses } from './responses.ts'

const tags = ['console']
const secret = z.string('expected text').min(1, 'expected at least one character').max(1_000, 'expected at most 1000 characters')
const credentials = z.union([z.strictObject({ token: secret }), z.strictObject({ apiKey: secret })], 'expected either token or apiKey')
const ways = z.object({
  token: z.boolean(),
  apiKey: z.boolean(),
  oidc: z.string().nullable().meta({ description: 'where to go to log in at the provider' })
})
/** Not strict: providers add what they like. */
const callbackQuery = z.object({ code: z.string().max(4_000).optional(), state: z.string().max(200).optional() })

const BASE = '/api/v1/console'
/** Ties a login at the provider to the browser that began it. Lax, because the way back begins at another site. */
const OIDC_COOKIE = 'auralink_oidc'

/** Logging in to the console page, and out. */
export function consoleRoutes (api: Api, auth: Auth): void {
  const { oidc } = auth

  api.get('/console/login', { config: { scope: 'none' }, schema: { tags, summary: 'How one can log in', response: { 200: ways } } },
    async () => ({ token: true, apiKey: true, oidc: oidc ? `${BASE}/oidc/login` : null }))

  api.post('/console/login', {
    config: { scope: 'none', audit: 'console.login' },
    schema: {
      tags,
      summary: 'Log in with the one-time token of the first start, or with an API key',
      body: credentials,
      response: responses({ 200: me })
    }
  }, async (request, reply) => {
    const { cookie, principal } = await auth.login(request, request.body)
    request.principal = principal
    setSession(request, reply, cookie)
    return meView(principal)
  })

  api.post('/console/logout', {
    config: { scope: 'any', audit: 'console.logout' },
    schema: { tags, summary: 'Log out', response: responses({ 204: noContent }) }
  }, async (request, reply) => {
    const cookie = request.cookies[SESSION_COOKIE]
    if (cookie !== undefined) auth.console.close(cookie)
    return reply.clearCookie(SESSION_COOKIE, { path: '/' }).code(204).send(null)
  })

  if (!oidc) return

  api.get('/console/oidc/login', {
    config: { scope: 'none' },
    exposeHeadRoute: false,
    schema: { tags, summary: 'Log in at the identity provider', response: responses({ 302: z.null() }) }
  }, async (request, reply) => {
    const { url, browser } = await oidc.begin()
    const cookie = { ...cookieOptions(request), sameSite: 'lax', path: `${BASE}/oidc`, maxAge: oidc.loginSeconds } as const
    return reply.setCookie(OIDC_COOKIE, browser, cookie).redirect(url, 302)
  })

  api.get('/console/oidc/callback', {
    config: { scope: 'none' },
    exposeHeadRoute: false,
    schema: { tags, summary: 'The way back from the identity provider', querystring: callbackQuery, response: responses({ 302: z.null() }) }
  }, async (request, reply) => {
    const { code, state } = request.query
    const browser = request.cookies[OIDC_COOKIE]
    reply.clearCookie(OIDC_COOKIE, { path: `${BASE}/oidc` })
    if (code === undefined || state === undefined || browser === undefined) {
      auth.refusals.count('oidc')
      throw new AppError('unauthorized', 'The identity provider did not let you in.')
    }
    try {
      const principal = await oidc.finish({ code, state, browser })
      setSession(request, reply, auth.console.open(principal))
    } catch (error) {
      auth.refusals.count('oidc')
      throw error
    }
    return reply.redirect('/', 302)
  })
}

const cookieOptions = (request: FastifyRequest) => ({ httpOnly: true, secure: request.protocol === 'https' })

function setSession (request: FastifyRequest, reply: FastifyReply, cookie: string): void {
  reply.setCookie(SESSION_COOKIE, cookie, { ...cookieOptions(request), sameSite: 'strict', path: '/', maxAge: COOKIE_MAX_AGE_S })
}
