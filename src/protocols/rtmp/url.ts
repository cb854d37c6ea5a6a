import { AppError } from '../../lib/errors.ts'

export const DEFAULT_PORT = 1935
export const DEFAULT_TLS_PORT = 443

/** What a publisher asked for, cleaned of the ways in which encoders split one URL. */
export type PublishTarget = { readonly app: string, readonly streamKey: string }

/**
 * `rtmp://host/live/KEY` reaches a server as app `live` and name `KEY`, but also as `live/` and `KEY`, as `live/KEY` and no name
 * (the whole URL typed into OBS's server field), and with a query string on either. The key is the last path segment.
 */
export function publishTarget (app: string, name: string): PublishTarget {
  const segments = `${withoutQuery(app)}/${withoutQuery(name)}`.split('/').filter(segment => segment !== '')
  const streamKey = segments.pop() ?? ''
  return { app: segments.join('/'), streamKey }
}

const withoutQuery = (text: string): string => text.split('?', 1)[0]!

export type RtmpUrl = {
  readonly host: string
  readonly port: number
  /** rtmps: TLS on the socket. */
  readonly secure: boolean
  readonly app: string
  readonly streamKey: string
  /** The URL as `connect` repeats it: without the stream key. */
  readonly tcUrl: string
}

/**
 * Splits a destination's URL. The key is what follows the last slash of the path, its query included; given apart, it is
 * appended to the whole path. @throws AppError `bad_request`
 */
export function parseRtmpUrl (text: string, streamKey?: string): RtmpUrl {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url || (url.protocol !== 'rtmp:' && url.protocol !== 'rtmps:') || url.hostname === '') {
    throw new AppError('bad_request', 'expected a URL such as rtmp://host/app/streamKey')
  }
  const path = `${url.pathname}${url.search}`.replace(/^\/+/, '').replace(/\/+$/, '')
  const cut = path.split('?', 1)[0]!.lastIndexOf('/')
  const [app, key] = streamKey === undefined ? [path.slice(0, Math.max(cut, 0)), path.slice(cut + 1)] : [path, streamKey]
  if (app === '' || key === '') throw new AppError('bad_request', 'an RTMP URL needs an application and a stream key: rtmp://host/app/streamKey')
  const secure = url.protocol === 'rtmps:'
  const port = url.port === '' ? (secure ? DEFAULT_TLS_PORT : DEFAULT_PORT) : Number(url.port)
  const host = url.hostname.replace(/^\[|\]$/g, '')
  return { host, port, secure, app, streamKey: key, tcUrl: `${url.protocol}//${url.host}/${app}` }
}
