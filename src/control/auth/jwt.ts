import type { CryptoKey, JWTPayload } from 'jose'
import type { Clock } from '../../lib/clock.ts'
import { AppError } from '../../lib/errors.ts'
import { duplicateKey } from './duplicate-key.ts'
import { jose } from './jose.ts'
import { type AsymmetricAlgorithm, asymmetricAlgorithms, type Jwks } from './jwks.ts'
import { type Principal, type Scope, scopes } from './principal.ts'

/** Why a token is refused: for the metrics. Whoever sent it learns only that it is. */
export const jwtReasons = [
  'too_long', 'malformed', 'encrypted', 'algorithm_none', 'algorithm', 'type', 'critical_header', 'embedded_key', 'key_id', 'duplicate_field',
  'unknown_key', 'signature_missing', 'signature', 'expiry_missing', 'expiry_type', 'expiry_range', 'expired', 'not_yet_valid', 'time_type',
  'issued_in_future', 'issuer', 'audience', 'subject', 'scopes', 'room_claim', 'identity_claim', 'replayed', 'not_configured'
] as const
export type JwtReason = typeof jwtReasons[number]

export class JwtRefused extends AppError {
  readonly reason: JwtReason

  constructor (reason: JwtReason) {
    super('unauthorized')
    this.name = 'JwtRefused'
    this.reason = reason
  }
}

const MAX_TOKEN_BYTES = 8 * 1024
const MAX_KEY_ID_LENGTH = 200
const MAX_LEEWAY_SECONDS = 60
/** Longer than any honest token lives; such a time is a mistake, or somebody's attempt at a token for ever. */
const MAX_LIFETIME_SECONDS = 366 * 24 * 3600
const MIN_SECRET_BYTES = 32
const MAX_SINGLE_USE = 10_000
const ROOM = /^[A-Za-z0-9][A-Za-z0-9._~-]{0,127}$/
const IDENTITY = /^[^\p{Cc}\p{Cs}]{1,128}$/u
const BASE64URL_PARTS = /^[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)+$/

export type HmacAlgorithm = 'HS256' | 'HS384' | 'HS512'

export type JwtSettings = {
  readonly issuer: string
  readonly audience: string
  readonly leewaySeconds?: number
  /** Shared with the issuer; at least 32 bytes. */
  readonly secret?: string | Uint8Array | undefined
  readonly algorithm?: HmacAlgorithm | undefined
  readonly jwks?: Jwks | undefined
  /** What the header's `typ` may say (RFC 8725 section 3.11); left out is `JWT`. */
  readonly types?: readonly string[]
  readonly shortLived?: boolean
}

type Header = { alg: string, kid?: string }

/** Checks JSON Web Tokens (RFC 7519, hardened by RFC 8725). The algorithm follows from our keys, never from the token alone. */
export class JwtVerifier {
  readonly #settings: JwtSettings
  readonly #clock: Clock
  readonly #secret: Uint8Array | undefined
  readonly #leeway: number
  readonly #types: readonly string[]
  readonly #seen = new Map<string, number>()

  constructor (settings: JwtSettings, clock: Clock) {
    this.#settings = settings
    this.#clock = clock
    this.#secret = settings.secret === undefined ? undefined : checkedSecret(settings.secret)
    this.#leeway = Math.min(settings.leewaySeconds ?? 30, MAX_LEEWAY_SECONDS)
    this.#types = settings.types ?? ['jwt', 'at+jwt']
  }

  /** @throws JwtRefused with the reason; AppError `dependency_unavailable` when the keys cannot be had. */
  async verify (token: string): Promise<Principal> {
    const header = this.#checkForm(token)
    const key = await this.#keyFor(header)
    const now = Math.floor(this.#clock.wall() / 1000)
    const { issuer, audience } = this.#settings
    const { jwtVerify, errors } = await jose()
    const claims = await jwtVerify(token, key, {
      issuer, audience, algorithms: [header.alg], clockTolerance: this.#leeway, currentDate: new Date(this.#clock.wall()), requiredClaims: ['exp']
    }).then(({ payload }) => payload, error => { throw refusalOf(error, errors) })
    if (duplicateKey(decoded(token.split('.')[1]!))) throw new JwtRefused('duplicate_field')
    this.#checkTimes(claims, now)
    const principal = this.#principal(claims)
    if (claims['singleUse'] === true) this.#useUp(claims, now)
    return principal
  }

  /** Everything that can be said without a key. Cheap, so that rubbish costs little. */
  #checkForm (token: string): Header {
    if (token.length > MAX_TOKEN_BYTES) throw new JwtRefused('too_long')
    if (!BASE64URL_PARTS.test(token)) throw new JwtRefused('malformed')
    const parts = token.split('.')
    if (parts.length === 5) throw new JwtRefused('encrypted')
    if (parts.length !== 3) throw new JwtRefused('malformed')
    const text = decoded(parts[0]!)
    const header = parsed(text)
    if (duplicateKey(text)) throw new JwtRefused('duplicate_field')
    const { alg, kid, typ = 'JWT' } = header
    if (typeof alg !== 'string') throw new JwtRefused('malformed')
    if (alg.toLowerCase() === 'none') throw new JwtRefused('algorithm_none')
    if (typeof typ !== 'string' || !this.#types.includes(typ.toLowerCase())) throw new JwtRefused('type')
    if ('crit' in header) throw new JwtRefused('critical_header') // We understand no extension, RFC 7515 section 4.1.11.
    if (['jku', 'x5u', 'jwk', 'x5c'].some(name => name in header)) throw new JwtRefused('embedded_key')
    if (kid !== undefined && (typeof kid !== 'string' || kid.length > MAX_KEY_ID_LENGTH)) throw new JwtRefused('key_id')
    if (parts[2] === '') throw new JwtRefused('signature_missing')
    return kid === undefined ? { alg } : { alg, kid }
  }

  async #keyFor ({ alg, kid }: Header): Promise<Uint8Array | CryptoKey> {
    const { algorithm = 'HS256', jwks } = this.#settings
    if (this.#secret && alg === algorithm) return this.#secret
    if (!jwks || !isAsymmetric(alg)) throw new JwtRefused(this.#secret || jwks ? 'algorithm' : 'not_configured')
    const key = await jwks.find(kid, alg)
    if (!key) throw new JwtRefused('unknown_key')
    return key
  }

  /** What jose leaves open. */
  #checkTimes ({ exp = 0, iat }: JWTPayload, now: number): void {
    if (exp > now + MAX_LIFETIME_SECONDS) throw new JwtRefused('expiry_range')
    if (iat !== undefined && iat > now + this.#leeway) throw new JwtRefused('issued_in_future')
  }

  #principal (claims: JWTPayload): Principal {
    const { sub } = claims
    if (typeof sub !== 'string' || sub === '' || sub.length > 256) throw new JwtRefused('subject')
    const room = claims['room']
    if (room !== undefined && (typeof room !== 'string' || !ROOM.test(room))) throw new JwtRefused('room_claim')
    const identity = claims['identity']
    if (identity !== undefined && (typeof identity !== 'string' || !IDENTITY.test(identity))) throw new JwtRefused('identity_claim')
    return { kind: 'token', subject: sub, scopes: scopesOf(claims), room, identity, shortLived: this.#settings.shortLived ?? false, keyId: undefined }
  }

  #useUp ({ jti, exp = 0 }: JWTPayload, now: number): void {
    if (typeof jti !== 'string' || this.#seen.has(jti)) throw new JwtRefused('replayed')
    for (const [id, until] of this.#seen) if (until < now) this.#seen.delete(id)
    if (this.#seen.size >= MAX_SINGLE_USE) throw new AppError('overloaded', 'Too many single-use tokens at once.')
    this.#seen.set(jti, exp + this.#leeway)
  }
}

/** A list in `scopes`, or OAuth's words in `scope` (RFC 9068 section 2.2.3). Words we do not know are somebody else's. */
function scopesOf (claims: JWTPayload): ReadonlySet<Scope> {
  const { scopes: list, scope: words = '' } = claims as { scopes?: unknown, scope?: unknown }
  const given = list ?? (typeof words === 'string' ? words.split(' ') : undefined)
  if (!Array.isArray(given) || given.some(word => typeof word !== 'string')) throw new JwtRefused('scopes')
  return new Set(scopes.filter(scope => given.includes(scope)))
}

function refusalOf (error: unknown, errors: typeof import('jose').errors): AppError {
  if (error instanceof AppError) return error
  if (error instanceof errors.JWTExpired) return new JwtRefused('expired')
  if (error instanceof errors.JWTClaimValidationFailed) return new JwtRefused(claimReason(error.claim, error.reason))
  if (error instanceof errors.JWSSignatureVerificationFailed) return new JwtRefused('signature')
  if (error instanceof errors.JOSEAlgNotAllowed) return new JwtRefused('algorithm')
  return new JwtRefused(error instanceof errors.JOSEError ? 'malformed' : 'signature')
}

function claimReason (claim: string, reason: string): JwtReason {
  if (claim === 'exp') return reason === 'missing' ? 'expiry_missing' : 'expiry_type'
  if (claim === 'nbf' && reason === 'check_failed') return 'not_yet_valid'
  if (claim === 'iss') return 'issuer'
  return claim === 'aud' ? 'audience' : 'time_type'
}

/** A token's header, proving nothing: it says which key to check the token with. */
export function decodedHeader (token: string): { alg?: unknown, kid?: string, typ?: unknown } {
  const { kid, ...rest } = parsed(decoded(token.slice(0, Math.max(0, token.indexOf('.')))))
  return { ...rest, ...(typeof kid === 'string' ? { kid } : {}) }
}

const isAsymmetric = (alg: string): alg is AsymmetricAlgorithm => (asymmetricAlgorithms as readonly string[]).includes(alg)
const decoded = (part: string): string => Buffer.from(part, 'base64url').toString()

function parsed (text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  } catch {}
  throw new JwtRefused('malformed')
}

/** A public key mistaken for a secret would let anybody sign. */
function checkedSecret (secret: string | Uint8Array): Uint8Array {
  const bytes = typeof secret === 'string' ? Buffer.from(secret) : secret
  if (bytes.length < MIN_SECRET_BYTES) throw new AppError('bad_request', `security.jwt.secret: expected at least ${MIN_SECRET_BYTES} bytes`)
  if (/-----BEGIN|"kty"/.test(Buffer.from(bytes).toString('latin1'))) {
    throw new AppError('bad_request', 'security.jwt.secret: this is a public key; give it as a JWKS')
  }
  return bytes
}
