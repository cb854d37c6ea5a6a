import type { FastifyInstance, RawReplyDefaultExpression, RawRequestDefaultExpression, RawServerDefault, FastifyBaseLogger } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import type { Principal, Scope } from './auth/principal.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What a request must be allowed to do; `any`: be somebody; `none`: nothing. Every route under /api says it. */
    scope?: Scope | 'any' | 'none'
    /** Not for credentials bound to one room. */
    everywhere?: boolean
    /** The action's name in the audit log. Every route that changes something has one. */
    audit?: string
    /** The answer may take as long as it takes: a download, a stream. */
    endless?: boolean
  }
  interface FastifyRequest {
    /** Set on routes that ask for a scope. */
    principal: Principal | null
  }
}

/** Fastify with routes typed by their zod schemas. */
export type Api = FastifyInstance<RawServerDefault, RawRequestDefaultExpression, RawReplyDefaultExpression, FastifyBaseLogger, ZodTypeProvider>
