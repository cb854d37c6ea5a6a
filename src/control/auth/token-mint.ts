import { hkdfSync, randomBytes, randomUUID } from 'node:crypto'
import type { Clock } from '../../lib/clock.ts'
import { jose } from './jose.ts'
import { JwtVerifier } from './jwt.ts'
import type { Scope } from './principal.ts'

export const MEDIA_TOKEN_TYPE = 'media+jwt'
const ISSUER = 'auralink-ingress-egress'
export const MAX_MEDIA_TOKEN_SECONDS = 3600

export type MediaTokenRequest = {
  readonly subject: string
  readonly scopes: readonly Scope[]
  readonly room: string | undefined
  readonly identity?: string | undefined
  readonly expiresInSeconds: number
}

/**
 * Short-lived tokens for browsers and encoders that speak WHIP and WHEP. Signed with a key of their own and typed, so that
 * neither kind of token passes for the other.
 */
export class TokenMint {
  readonly verifier: JwtVerifier
  readonly #secret: Uint8Array
  readonly #clock: Clock

  /** @param shared a secret that several bridges have in common: each then takes the others' tokens. Otherwise they end with the process. */
  constructor (clock: Clock, shared?: string) {
    this.#clock = clock
    this.#secret = shared === undefined ? randomBytes(32) : new Uint8Array(hkdfSync('sha256', shared, '', MEDIA_TOKEN_TYPE, 32))
    const settings = { issuer: ISSUER, audience: ISSUER, secret: this.#secret, types: [MEDIA_TOKEN_TYPE], shortLived: true }
    this.verifier = new JwtVerifier(settings, clock)
  }

  async mint ({ subject, scopes, room, identity, expiresInSeconds }: MediaTokenRequest): Promise<{ token: string, expiresAt: Date }> {
    const now = Math.floor(this.#clock.wall() / 1000)
    const exp = now + Math.min(expiresInSeconds, MAX_MEDIA_TOKEN_SECONDS)
    const { SignJWT } = await jose()
    const token = await new SignJWT({ scopes, ...(room === undefined ? {} : { room }), ...(identity === undefined ? {} : { identity }) })
      .setProtectedHeader({ alg: 'HS256', typ: MEDIA_TOKEN_TYPE })
      .setIssuer(ISSUER).setAudience(ISSUER).setSubject(subject).setJti(randomUUID()).setIssuedAt(now).setExpirationTime(exp)
      .sign(this.#secret)
    return { token, expiresAt: new Date(exp * 1000) }
  }
}
