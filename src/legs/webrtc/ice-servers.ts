import { createHmac } from 'node:crypto'

/** STUN and TURN servers that clients are told of. An empty text is none. */
export type IceServer = {
  readonly urls: readonly string[]
  readonly username: string
  readonly credential: string
  /** Shared with the TURN server: credentials are made from it, for each client its own. */
  readonly secret: string
}

export type IceServers = {
  readonly iceServers: readonly IceServer[]
  /** How long a client may open TURN connections with what was made for it, in milliseconds. */
  readonly turnCredentialLifetimeMs: number
}

const MS_PER_SECOND = 1000

/**
 * The values of the `Link` headers that tell a client of STUN and TURN servers (RFC 9725 section 4.6).
 * @param user shows up in the TURN server's log: an id that is no secret
 * @param wallMs now, in ms since 1970
 */
export function iceServerLinks ({ iceServers, turnCredentialLifetimeMs }: IceServers, user: string, wallMs: number): string[] {
  const expiry = Math.floor((wallMs + turnCredentialLifetimeMs) / MS_PER_SECOND)
  return iceServers.flatMap(server => server.urls.map(url => {
    const { username, credential } = /^turn/i.test(url) ? credentialsOf(server, user, expiry) : { username: '', credential: '' }
    const login = username === '' ? '' : `; username=${quoted(username)}; credential=${quoted(credential)}; credential-type="password"`
    return `<${url}>; rel="ice-server"${login}`
  }))
}

/** Time-limited ones as in draft-uberti-behave-turn-rest-00 section 2.2, which is what `use-auth-secret` of coturn and its like check. */
function credentialsOf ({ username, credential, secret }: IceServer, user: string, expiry: number): { username: string, credential: string } {
  if (secret === '') return { username, credential }
  const limited = `${expiry}:${user}`
  return { username: limited, credential: createHmac('sha1', secret).update(limited).digest('base64') }
}

/** RFC 9110 section 5.6.4. */
const quoted = (text: string): string => `"${text.replaceAll(/["\\]/g, '\\$&')}"`
