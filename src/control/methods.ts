import type { FastifyInstance, HTTPMethods } from 'fastify'
import { AppError } from '../lib/errors.ts'

const known: readonly HTTPMethods[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']

/** Notes which methods each path has. Call before the first route is made. */
export function noteMethods (app: FastifyInstance): ReadonlyMap<string, ReadonlySet<string>> {
  const methods = new Map<string, Set<string>>()
  app.addHook('onRoute', ({ url, method }) => {
    const noted = methods.get(url) ?? new Set()
    for (const name of [method].flat()) noted.add(name)
    methods.set(url, noted)
  })
  return methods
}

/** A path that exists, asked in a way it does not know, says which ways it knows (RFC 9110 section 15.5.6). Call after the last route. */
export function answerOtherMethods (app: FastifyInstance, methods: ReadonlyMap<string, ReadonlySet<string>>): void {
  const preflights = methods.get('*')?.has('OPTIONS') ?? false // Where other origins are let in, OPTIONS is theirs.
  for (const [url, has] of Array.from(methods)) { // A copy: what is added here is noted too.
    if (url.includes('*')) continue
    const others = known.filter(name => !has.has(name) && !(preflights && name === 'OPTIONS'))
    const allow = [...has].sort().join(', ')
    if (others.length === 0) continue
    app.route({
      method: others,
      url,
      config: { scope: 'none', audit: 'none' },
      schema: { hide: true },
      // Before the body is read: whatever it is, it is not wanted.
      onRequest: async (_request, reply) => {
        reply.header('allow', allow)
        throw new AppError('method_not_allowed', `This path takes ${allow}.`)
      },
      handler: () => {}
    })
  }
}
