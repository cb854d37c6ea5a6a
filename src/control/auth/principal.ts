import { AppError } from '../../lib/errors.ts'

export const scopes = ['rooms', 'publish', 'view', 'sip', 'stream', 'record', 'admin'] as const
/** What somebody may do: look after rooms, publish into them, watch them, call, stream out, record; `admin` means all of it. */
export type Scope = typeof scopes[number]

/** Whoever is behind a request. */
export type Principal = {
  readonly kind: 'apiKey' | 'token' | 'console'
  /** For the audit log: a key's id, a token's subject, a person. */
  readonly subject: string
  readonly scopes: ReadonlySet<Scope>
  /** The one room its rights are about; everywhere if undefined. */
  readonly room: string | undefined
  /** The one participant it may be in a room; anybody if left out. */
  readonly identity?: string | undefined
  /** Minted here for a browser: good for media, not for minting more. */
  readonly shortLived: boolean
  /** The API key it stands on, if it does. */
  readonly keyId: string | undefined
}

export const mayUse = (principal: Principal, room: string): boolean => principal.room === undefined || principal.room === room

export const allows = (principal: Principal, scope: Scope): boolean => principal.scopes.has(scope) || principal.scopes.has('admin')

/** @throws AppError `forbidden`, naming the scope: it says what to ask for, and nothing about what is there. */
export function requireScope (principal: Principal, scope: Scope): void {
  if (!allows(principal, scope)) throw new AppError('forbidden', `This needs the scope “${scope}”.`)
}

/** @throws AppError `forbidden` where a room's token is used for another room. */
export function requireRoom (principal: Principal, room: string): void {
  if (!mayUse(principal, room)) throw new AppError('forbidden', 'These credentials are for another room.')
}

/** For what is no room's business: webhooks, keys, draining. */
export function requireEverywhere (principal: Principal): void {
  if (principal.room !== undefined) throw new AppError('forbidden', 'These credentials are for one room only.')
}
