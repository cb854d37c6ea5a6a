/** What may never be shown: by the name of its field, and by what it looks like in a text. */

export const HIDDEN = '[hidden]'
const MAX_DEPTH = 8
const MAX_ITEMS = 200
const MAX_TEXT = 16_384
/** Longer names are a stranger's. */
const MAX_NAME = 64

/** Names of fields, in lower case without dashes and underscores, whose values are secrets. */
const SECRET_ENDINGS = ['authorization', 'password', 'passwd', 'pwd', 'secrets?', 'token', '(?:api|stream|access|secret|private)key', 'credentials?', 'cookie', 'ufrag', 'databaseurl', 'crypto']
const SECRET_NAME = new RegExp(`^(?:key|pin)$|(?:${SECRET_ENDINGS.join('|')})$`)

/** Names are asked about again and again, and most are ours: the verdicts on so many are kept. */
const MAX_VERDICTS = 1000
const verdicts = new Map<string, boolean>()

export function isSecretName (name: string): boolean {
  const known = verdicts.get(name)
  if (known !== undefined) return known
  const verdict = SECRET_NAME.test(name.replace(/[-_]/g, '').toLowerCase())
  if (verdicts.size < MAX_VERDICTS && name.length <= MAX_NAME) verdicts.set(name, verdict)
  return verdict
}

/** Each takes what a secret looks like in running text, and leaves what a person needs to find the place. */
const PATTERNS: readonly (readonly [RegExp, string])[] = [
  [/\b([a-z][a-z0-9+.-]{1,20}:\/\/)[^\s/?#@"'<>]*@/gi, `$1${HIDDEN}@`], // user:password@
  [/\b(rtmp[a-z]{0,2}:\/\/[^\s/"'<>]+\/[^\s/"'<>?]+\/)[^\s"'<>]+/gi, `$1${HIDDEN}`], // rtmp://host/app/streamKey
  [/([?&;][\w.-]{0,40}(?:password|passwd|passphrase|secret|token|key|signature|credential|streamid|sig|auth)=)[^\s&;"'<>]+/gi, `$1${HIDDEN}`],
  [/\b(Bearer|Basic|Digest) +[\w.~+/=-]{6,}/gi, `$1 ${HIDDEN}`],
  [/\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*/g, HIDDEN], // A JSON Web Token.
  [/\bwhsec_[\w+/=-]+/g, `whsec_${HIDDEN}`],
  [/\b(credential=")[^"]*/gi, `$1${HIDDEN}`], // Link: <turn:…>
  [/\b(a=crypto:\d+ \S+ inline:)\S+/g, `$1${HIDDEN}`],
  [/\b(a=ice-(?:pwd|ufrag):)\S+/g, `$1${HIDDEN}`]
]

/** Every pattern needs one of these: most texts have none, and are looked through once instead of nine times. */
const SUSPICIOUS = /:\/\/|=|eyJ|whsec_|(?:bearer|basic|digest) /i

/** A text without credentials in URLs, stream keys, tokens, and keys of SDP. */
export function redactText (text: string): string {
  let clean = text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text
  if (!SUSPICIOUS.test(clean)) return clean
  for (const [pattern, shown] of PATTERNS) clean = clean.replace(pattern, shown)
  return clean
}

/** A URL fit to be shown: no user, no password, no stream key, no secret parameter. Also takes what is no URL. */
export const redactUrl = (url: string | URL): string => redactText(String(url))

/** A copy fit for a log: secrets hidden wherever they stand, errors as their parts, nothing endless. */
export function redacted (value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return redactText(value)
  if (typeof value === 'bigint') return String(value)
  if (typeof value !== 'object' || value === null) return value
  if (depth >= MAX_DEPTH) return '[…]'
  if (value instanceof Error) return errorParts(value, depth)
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString()
  if (value instanceof URL) return redactUrl(value)
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`
  if (value instanceof Map) return fieldsOf(value, depth)
  if (Array.isArray(value) || value instanceof Set) return [...value as Iterable<unknown>].slice(0, MAX_ITEMS).map(item => redacted(item, depth + 1))
  return fieldsOf(Object.entries(value), depth)
}

function fieldsOf (entries: Iterable<[unknown, unknown]>, depth: number): Record<string, unknown> {
  const result: Record<string, unknown> = {}
  let count = 0
  for (const [name, inner] of entries) {
    if (++count > MAX_ITEMS) break
    result[String(name)] = isSecretName(String(name)) && inner !== undefined && inner !== null ? HIDDEN : redacted(inner, depth + 1)
  }
  return result
}

function errorParts (error: Error, depth: number): Record<string, unknown> {
  const { name, message, stack, cause, ...rest } = error
  return {
    ...fieldsOf(Object.entries(rest), depth),
    type: name,
    message: redactText(message),
    ...(stack === undefined ? {} : { stack: redactText(stack) }),
    ...(cause === undefined ? {} : { cause: redacted(cause, depth + 1) }),
    ...(error instanceof AggregateError ? { errors: redacted(error.errors, depth + 1) } : {})
  }
}

/** Of a URL, only where it leads: scheme, host, port. Paths and parameters are often keys. */
export const shownUrl = (url: string): string => {
  const [, origin = ''] = /^([a-z][a-z0-9+.-]*:\/\/[^/?#@]*)(?:[/?#]|$)/i.exec(url) ?? []
  return `${origin}/…`
}
