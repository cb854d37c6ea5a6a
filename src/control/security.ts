import cookie from '@fastify/cookie'
import cors from '@fastify/cors'
import rateLimit from '@fastify/rate-limit'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { TooManyRequests } from './too-many-requests.ts'

/** Read at each request: all of it may change while we run. */
export type RateLimit = { readonly enabled: boolean, readonly requestsPerMinute: number, readonly burst: number }
export type Cors = { readonly origins: readonly string[], readonly methods: readonly string[] }
export type SecurityOptions = { readonly rateLimit?: RateLimit | undefined, readonly cors?: Cors | undefined }

/** A page that shows everything as it changes asks more often than a program does; so do all viewers behind one address. */
const BUSY_FACTOR = 10
const MINUTE_MS = 60_000
const REMEMBERED_CALLERS = 10_000

/** What our pages may load and do (CSP level 3): what we serve, and nothing in the page itself. */
const contentPolicy = {
  'default-src': "'none'",
  'script-src': "'self'",
  'style-src': "'self'",
  'img-src': "'self' data:",
  'font-src': "'self'",
  'media-src': "'self' blob:",
  'connect-src': "'self'",
  'manifest-src': "'self'",
  'base-uri': "'none'",
  'form-action': "'self'",
  'frame-ancestors': "'none'"
}

/** Helmet's set of headers. It would make them anew for each answer; ours never change. */
const securityHeaders = {
  'content-security-policy': Object.entries(contentPolicy).map(([name, sources]) => `${name} ${sources}`).join(';'),
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'origin-agent-cluster': '?1',
  'referrer-policy': 'no-referrer',
  'strict-transport-security': 'max-age=31536000', // Not of subdomains: what else the name serves is not ours to decide.
  'x-content-type-options': 'nosniff',
  'x-dns-prefetch-control': 'off',
  'x-download-options': 'noopen',
  'x-frame-options': 'SAMEORIGIN',
  'x-permitted-cross-domain-policies': 'none',
  'x-xss-protection': '0'
}

/** Headers that tell browsers what not to do, and who else may ask. */
export async function browserRules (app: FastifyInstance, { cors: allowed }: SecurityOptions): Promise<void> {
  await app.register(cookie)
  app.addHook('onRequest', (_request, reply, done) => {
    reply.headers(securityHeaders)
    done()
  })
  if (!allowed || allowed.origins.length === 0) return
  const any = allowed.origins.includes('*')
  // Never with credentials: a page of another origin brings its own token or nothing.
  await app.register(cors, {
    origin: any ? '*' : [...allowed.origins],
    methods: [...allowed.methods],
    credentials: false,
    exposedHeaders: ['Location', 'Link', 'ETag', 'X-Request-Id', 'Retry-After', 'Content-Range']
  })
}

/**
 * At most so many requests a minute from one caller: from one key or person, where they are known, else from one address.
 * Whoever holds the scope `admin` is not counted: it is the operator, whose scripts poll, and who could lift the limit anyway.
 * Guessing at keys is bounded elsewhere, by the failures of each address.
 */
export async function limitRates (app: FastifyInstance, { rateLimit: rate }: SecurityOptions, isBusy: (request: FastifyRequest) => boolean): Promise<void> {
  if (!rate) return
  const max = (): number => rate.requestsPerMinute + rate.burst
  await app.register(rateLimit, {
    timeWindow: MINUTE_MS,
    allowList: request => !rate.enabled || (request.principal?.scopes.has('admin') ?? false),
    max: request => isBusy(request) ? max() * BUSY_FACTOR : max(),
    cache: REMEMBERED_CALLERS,
    hook: 'preValidation', // After the gate, which knows who it is; before the body's meaning is looked at.
    keyGenerator: request => request.principal ? `${request.principal.kind}:${request.principal.subject}` : request.ip,
    errorResponseBuilder: (_request, { ttl }) => new TooManyRequests(ttl)
  })
}
