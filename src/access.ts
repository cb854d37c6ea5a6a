import path from 'node:path'
import type { Config } from './config/load.ts'
import { ApiKeys } from './control/auth/api-keys.ts'
import { Auth } from './control/auth/auth.ts'
import { type Fetch, Jwks } from './control/auth/jwks.ts'
import { JwtVerifier } from './control/auth/jwt.ts'
import type { Oidc } from './control/auth/oidc.ts'
import type { Scope } from './control/auth/principal.ts'
import { TokenMint } from './control/auth/token-mint.ts'
import type { Clock } from './lib/clock.ts'
import type { Logger } from './lib/log.ts'
import { adminApiKey, StoredApiKeys } from './store/api-key-rows.ts'
import type { Database } from './store/database.ts'

type Surroundings = { readonly config: Config, readonly database: Database, readonly log: Logger, readonly clock: Clock, readonly fetch: Fetch }

/** Who may do what: API keys, tokens, console logins. @returns also where a generated admin key lies, and whether it is new. */
export async function openAccess ({ config, database, log, clock, fetch }: Surroundings): Promise<{ auth: Auth, keyFile: string | undefined, isFirstRun: boolean }> {
  const { security, service } = config
  const configured = security.adminApiKey || undefined
  const kept = configured === undefined ? await adminApiKey(service.dataDir) : undefined
  const apiKeys = new ApiKeys(new StoredApiKeys<Scope>(database, log), clock, configured ?? kept?.secret)
  const auth = new Auth({
    clock, apiKeys, mint: new TokenMint(clock, security.jwt.secret), jwt: verifierOf(config, clock, fetch), oidc: await providerOf(config, clock, fetch), apiKeyHeader: security.apiKeys.headerName, acceptApiKeys: security.apiKeys.enabled
  })
  return { auth, keyFile: kept && path.join(service.dataDir, 'admin-api-key'), isFirstRun: kept?.isNew ?? false }
}

function verifierOf ({ security: { jwt: { enabled, secret, algorithm, issuer, audience, jwksUrl } } }: Config, clock: Clock, fetch: Fetch): JwtVerifier | undefined {
  if (!enabled || (secret === undefined && jwksUrl === undefined)) return undefined
  const jwks = jwksUrl === undefined ? undefined : new Jwks({ url: jwksUrl, fetch, clock })
  return new JwtVerifier({ issuer, audience, secret, algorithm, jwks }, clock)
}

async function providerOf ({ features, security: { oidc }, http: { publicUrl } }: Config, clock: Clock, fetch: Fetch): Promise<Oidc | undefined> {
  const { issuer, clientId, clientSecret, roleClaim, adminRole } = oidc
  if (!features.enableSso || issuer === undefined || clientId === undefined || publicUrl === undefined) return undefined
  const { Oidc } = await import('./control/auth/oidc.ts')
  return new Oidc({ issuer, clientId, clientSecret, publicUrl, roleClaim, roles: { [adminRole]: ['admin'] } }, { fetch, clock })
}
