import type { FastifyInstance } from 'fastify'

/** The methods that a path takes, as the header `Allow` has them; undefined where there is no such path. */
export type Allowed = (path: string) => string | undefined

/** Notes which methods each path has. Call before the first route is made. */
export function noteMethods (app: FastifyInstance): Allowed {
  const noted = new Map<string, Set<string>>()
  app.addHook('onRoute', ({ url, method }) => {
    const methods = noted.get(url) ?? new Set()
    for (const name of [method].flat()) methods.add(name)
    noted.set(url, methods)
  })
  let patterns: { readonly pattern: RegExp, readonly methods: ReadonlySet<string> }[] | undefined
  return path => {
    patterns ??= [...noted].filter(([url]) => !url.includes('*')).map(([url, methods]) => ({ pattern: patternOf(url), methods }))
    const allowed = new Set(patterns.filter(({ pattern }) => pattern.test(path)).flatMap(({ methods }) => [...methods]))
    return allowed.size === 0 ? undefined : [...allowed].sort().join(', ')
  }
}

const patternOf = (url: string): RegExp => new RegExp(`^${url.split('/').map(part => part.startsWith(':') ? '[^/]+' : RegExp.escape(part)).join('/')}$`)
