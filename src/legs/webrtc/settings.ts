import type { IceServers } from './ice-servers.ts'

/** Times in milliseconds. */
export type WebRtcSettings = IceServers & {
  /** From the answer to a working DTLS connection. */
  readonly connectTimeoutMs: number
  /** A publisher may be away this long; viewers wait, and see the new stream as the continuation of the old one. */
  readonly rejoinGraceMs: number
  /** A viewer may ask this long before the publisher's first media. */
  readonly mediaWaitMs: number
}

export const defaultWebRtcSettings: WebRtcSettings = { connectTimeoutMs: 15_000, rejoinGraceMs: 30_000, mediaWaitMs: 1500, iceServers: [], turnCredentialLifetimeMs: 6 * 3_600_000 }
