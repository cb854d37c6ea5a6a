import { within } from '../../../lib/abort.ts'
import { AppError, type ErrorCode, messageOf } from '../../../lib/errors.ts'
import { ConnectionError } from '../../../lib/persevere.ts'
import { redactText, shownUrl } from '../../../lib/redact.ts'
import type { Candidate } from '../../../protocols/webrtc/sdp-types.ts'
import { SDP } from '../http-sessions.ts'

/** RFC 9725 section 4.5: a redirect keeps the offer. More than this many in a row lead nowhere. */
const MAX_REDIRECTS = 3
/** From a request to its whole answer: some servers gather candidates meanwhile. */
const ANSWER_WITHIN_MS = 10_000
/** A good-bye that is not heard by then is given up: the server finds out by itself. */
const GOODBYE_WITHIN_MS = 2_000
/** Of what a server says when it refuses, so much is shown. */
const MAX_WORDS = 160

export type HttpAnswer = { readonly status: number, readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>, readonly text: string }
type Request = { readonly method: 'POST' | 'DELETE', readonly headers: Readonly<Record<string, string>>, readonly body?: string, readonly timeoutMs: number, readonly signal?: AbortSignal }

/** How the outside is reached: whoever provides this checks every address before anything is sent to it. */
export interface Dialer {
  send (url: string, request: Request): Promise<HttpAnswer>
  /** Those of a server's candidates to which media may be sent. */
  reachable (url: string, candidates: readonly Candidate[]): Promise<readonly Candidate[]>
}

/** Where a WHIP or WHEP server is, and what it wants to hear. Both may be secrets. */
export type EndpointAddress = { readonly url: string, readonly token?: string | undefined }

/** The server's answer to an offer. */
export type Opened = { readonly sdp: string, readonly candidatesFrom: string, readonly session: string | undefined }

/**
 * The HTTP side of a WHIP or WHEP client (RFC 9725 section 4.2; the WHEP draft has the same): an offer goes out, an answer comes
 * back with the URL of a session, which is deleted at the end. Servers of ICE in `Link` headers are not used: our candidates are
 * our own addresses.
 */
export class Endpoint {
  readonly #dialer: Dialer
  readonly #address: EndpointAddress

  constructor (dialer: Dialer, address: EndpointAddress) {
    this.#dialer = dialer
    this.#address = address
  }

  /** What may be shown of the URL: paths and parameters of such URLs are often keys. */
  get shown (): string { return shownUrl(this.#address.url) }

  /** @throws ConnectionError for what the server says, AppError `destination_not_allowed`, `connect_timeout`, `dependency_unavailable` */
  async post (offer: string, signal: AbortSignal): Promise<Opened> {
    let url = this.#address.url
    for (let redirects = 0; ; redirects++) {
      const answer = await this.#send(url, { method: 'POST', headers: { 'content-type': SDP, accept: SDP }, body: offer, timeoutMs: ANSWER_WITHIN_MS, signal })
      const location = URL.parse(one(answer.headers.location) ?? '', url)?.href
      if (answer.status === 200 || answer.status === 201) {
        return { sdp: answer.text, candidatesFrom: url, session: one(answer.headers.location) === undefined ? undefined : location }
      }
      if (answer.status !== 307 && answer.status !== 308) throw refusalOf(answer)
      if (redirects === MAX_REDIRECTS || location === undefined) throw new ConnectionError('protocol_error', `The server redirects ${location === undefined ? 'to no place' : 'in circles'}.`)
      if (isSecure(url) && !isSecure(location)) throw new AppError('destination_not_allowed', 'The server redirects from https to http.')
      url = location
    }
  }

  /** Ends a session; never throws, and takes at most two seconds. */
  async delete (session: string): Promise<void> {
    const request = this.#send(session, { method: 'DELETE', headers: {}, timeoutMs: GOODBYE_WITHIN_MS }).then(() => {}, () => {})
    await within(GOODBYE_WITHIN_MS, request)
  }

  /** Whoever redirects us has the token already; it only must not travel in the clear where it did not before. */
  async #send (url: string, { headers, ...request }: Request): Promise<HttpAnswer> {
    const { token } = this.#address
    const mayKnow = token !== undefined && (isSecure(url) || !isSecure(this.#address.url))
    try {
      return await this.#dialer.send(url, { ...request, headers: mayKnow ? { ...headers, authorization: `Bearer ${token}` } : headers })
    } catch (cause) {
      if (cause instanceof AppError || request.signal?.aborted) throw cause
      throw new AppError('dependency_unavailable', 'The server cannot be reached.', { cause: new Error(messageOf(cause)) })
    }
  }
}

const isSecure = (url: string): boolean => url.toLowerCase().startsWith('https:')
const one = (header: string | readonly string[] | undefined): string | undefined => typeof header === 'string' ? header : header?.[0]

const meanings: Readonly<Record<number, { code: ErrorCode, what: string, final?: true }>> = {
  400: { code: 'unprocessable_sdp', what: 'does not understand the offer' },
  401: { code: 'unauthorized', what: 'wants other credentials: check the token', final: true },
  403: { code: 'forbidden', what: 'does not allow this: check the token', final: true },
  404: { code: 'not_found', what: 'knows nothing under this URL' },
  405: { code: 'method_not_allowed', what: 'takes no offers under this URL: check it', final: true },
  406: { code: 'no_common_codec', what: 'cannot answer this offer' },
  409: { code: 'not_live', what: 'has nothing there yet, or somebody else is there' },
  410: { code: 'not_found', what: 'has nothing under this URL any more' },
  415: { code: 'unsupported_media_type', what: 'takes no SDP under this URL: check it', final: true },
  422: { code: 'unprocessable_sdp', what: 'cannot use the offer' },
  429: { code: 'rate_limited', what: 'asks for a pause' }
}

function refusalOf ({ status, headers, text }: HttpAnswer): ConnectionError {
  const { code, what, final = false } = meanings[status] ?? { code: 'dependency_unavailable' as const, what: 'does not take the offer' }
  const words = wordsIn(one(headers['content-type']) ?? '', text)
  return new ConnectionError(code, `The server ${what} (status ${status}${words === '' ? '' : `: “${words}”`}).`, { final, retryAfterMs: retryAfter(one(headers['retry-after'])) })
}

/** Seconds or a date (RFC 9110 section 10.2.3), in milliseconds from now. */
function retryAfter (header: string | undefined): number {
  if (header === undefined) return 0
  const ms = /^\d{1,9}$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now()
  return Number.isFinite(ms) ? Math.max(0, ms) : 0
}

/** What a person may want to read of the body: plain text, or a problem's detail (RFC 9457). */
function wordsIn (contentType: string, text: string): string {
  let words = ''
  if (contentType.startsWith('text/plain')) words = text
  if (/^application\/(problem\+)?json/.test(contentType)) words = detailIn(text)
  return redactText(words).replace(/[^\p{L}\p{N}\p{P}\p{Zs}\p{S}]/gu, ' ').trim().slice(0, MAX_WORDS)
}

function detailIn (json: string): string {
  try {
    const problem = JSON.parse(json) as { detail?: unknown, error?: unknown } | null
    return [problem?.detail, problem?.error].find(value => typeof value === 'string') as string | undefined ?? ''
  } catch {
    return ''
  }
}
