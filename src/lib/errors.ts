/**
 * The one table of errors: what HTTP, SIP and RTMP peers are told, and the sentence a person reads. Codes are stable; tests
 * and clients compare codes, never sentences. `docs/errors.md` explains each, and a test compares the two.
 */
export const errorTable = {
  bad_request: { http: 400, sip: 400, title: 'The request is not valid' },
  unauthorized: { http: 401, sip: 401, title: 'Credentials are missing or wrong' },
  forbidden: { http: 403, sip: 403, title: 'These credentials do not allow this' },
  not_found: { http: 404, sip: 404, title: 'There is no such thing' },
  method_not_allowed: { http: 405, sip: 405, title: 'This method is not allowed here' },
  request_timeout: { http: 408, sip: 408, title: 'The request did not arrive in time' },
  conflict: { http: 409, sip: 491, title: 'The current state does not allow this' },
  identity_taken: { http: 409, sip: 486, title: 'Somebody with this identity is already in the room' },
  stream_key_in_use: { http: 409, sip: 486, title: 'Somebody is already publishing with this stream key' },
  not_live: { http: 409, sip: 480, title: 'Nobody is sending media here yet' },
  precondition_failed: { http: 412, sip: 412, title: 'The entity tag does not match' },
  payload_too_large: { http: 413, sip: 413, title: 'The body is too large' },
  unsupported_media_type: { http: 415, sip: 415, title: 'This content type is not understood here' },
  range_not_satisfiable: { http: 416, sip: 400, title: 'The file has no such range' },
  unprocessable_sdp: { http: 422, sip: 488, title: 'The session description cannot be used' },
  no_common_codec: { http: 422, sip: 488, title: 'No codec is common to both sides' },
  precondition_required: { http: 428, sip: 428, title: 'This request needs an If-Match header' },
  rate_limited: { http: 429, sip: 503, title: 'Too many requests' },
  headers_too_large: { http: 431, sip: 513, title: 'The header fields are too large' },
  internal: { http: 500, sip: 500, title: 'Something went wrong inside the service' },
  transcoding_unavailable: { http: 501, sip: 488, title: 'Transcoding is not available on this service' },
  dependency_unavailable: { http: 503, sip: 503, title: 'A service this request needs is not available' },
  overloaded: { http: 503, sip: 503, title: 'The service is at its limit' },
  draining: { http: 503, sip: 503, title: 'The service is shutting down and takes nothing new' },
  disk_full: { http: 507, sip: 500, title: 'There is too little free disk space' },
  destination_not_allowed: { http: 400, sip: 403, title: 'This destination is not allowed' },
  protocol_error: { http: 400, sip: 400, title: 'The peer broke the protocol' },
  media_timeout: { http: 408, sip: 408, title: 'No media arrived in time' },
  connect_timeout: { http: 408, sip: 408, title: 'The connection was not made in time' },
  worker_failed: { http: 500, sip: 500, title: 'The media worker failed' }
} as const

export type ErrorCode = keyof typeof errorTable

/** A mistake in one named field of a request. */
export type FieldProblem = { readonly field: string, readonly expected: string }

/** An error whose meaning is known: it has a row in `errorTable`. Foreign errors become its `cause` where they enter. */
export class AppError extends Error {
  readonly code: ErrorCode
  readonly problems: readonly FieldProblem[]

  /** @param detail one sentence: what happened here, and what to do about it. Never a secret. */
  constructor (code: ErrorCode, detail?: string, options?: { cause?: unknown, problems?: readonly FieldProblem[] }) {
    super(detail ?? errorTable[code].title, options?.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'AppError'
    this.code = code
    this.problems = options?.problems ?? []
  }

  get httpStatus (): number { return errorTable[this.code].http }
  get sipStatus (): number { return errorTable[this.code].sip }
}

/** Bytes that break a protocol. That connection ends; the process and everybody else go on. */
export class ProtocolError extends AppError {
  /** Where in the message, in bytes, if known. */
  readonly offset: number | undefined

  constructor (detail: string, offset?: number) {
    super('protocol_error', offset === undefined ? detail : `${detail} (at byte ${offset})`)
    this.name = 'ProtocolError'
    this.offset = offset
  }
}

/** The sentence of anything that was thrown: for logs, with what is behind it where an error of ours does not tell whoever asked. */
export const messageOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error)
  const hides = error instanceof AppError && error.code === 'dependency_unavailable' && error.cause instanceof Error && !error.message.includes(error.cause.message)
  return hides ? `${error.message.replace(/\.$/, '')}: ${(error.cause as Error).message}` : error.message
}
