/** Times in milliseconds. */
export type WebRtcSettings = {
  /** From the answer to a working DTLS connection. */
  readonly connectTimeoutMs: number
  /** A publisher may be away this long; viewers wait, and see the new stream as the continuation of the old one. */
  readonly rejoinGraceMs: number
  /** A viewer may ask this long before the publisher's first media. */
  readonly mediaWaitMs: number
  /** STUN and TURN servers handed to clients (RFC 9725 section 4.6): the values of `Link` headers. */
  readonly iceServerLinks: readonly string[]
}

export const defaultWebRtcSettings: WebRtcSettings = { connectTimeoutMs: 15_000, rejoinGraceMs: 30_000, mediaWaitMs: 1500, iceServerLinks: [] }
