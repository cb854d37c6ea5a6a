/** One STUN or TURN server, as `RTCConfiguration` takes it. */
export type IceServer = { readonly urls: string, readonly username?: string, readonly credential?: string }

/** One link of a header: its target, then parameters, of which quoted ones may hold anything. */
const LINK = /<([^>]*)>((?:\s*;\s*[\w-]+(?:=(?:"(?:[^"\\]|\\.)*"|[^\s";,]*))?)*)/g
const PARAMETER = /;\s*([\w-]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s";,]*))/g

/** The ICE servers in a `Link` header (RFC 8288, RFC 9725 section 4.6); several headers come as one, with commas between. */
export function iceServersIn (header: string): IceServer[] {
  return [...header.matchAll(LINK)].flatMap(([, urls = '', rest = '']) => {
    const parameters = new Map([...rest.matchAll(PARAMETER)].map(([, name = '', quoted, plain = '']) => [name.toLowerCase(), quoted?.replaceAll(/\\(.)/g, '$1') ?? plain]))
    if (parameters.get('rel') !== 'ice-server' || !/^(stun|turn)s?:/i.test(urls)) return []
    const [username, credential] = [parameters.get('username'), parameters.get('credential')]
    return [username === undefined || credential === undefined ? { urls } : { urls, username, credential }]
  })
}
