/** What two WebRTC endpoints tell each other in SDP (RFC 9429), as far as a media server looks at it. */

export type Fingerprint = { readonly algorithm: string, readonly value: string }
export type IceCredentials = { readonly ufrag: string, readonly pwd: string }
/** Who opens the DTLS connection (RFC 5763 section 5). */
export type DtlsSetup = 'actpass' | 'active' | 'passive'
export type Direction = 'sendrecv' | 'sendonly' | 'recvonly' | 'inactive'

/** The transport of all bundled sections, as one side describes it. */
export type TransportParameters = IceCredentials & { readonly fingerprint: Fingerprint, readonly setup: DtlsSetup }

/** A candidate line without its `candidate:` (RFC 8839 section 5.1). */
export type Candidate = {
  readonly foundation: string
  readonly component: number
  readonly protocol: 'udp' | 'tcp'
  readonly priority: number
  readonly address: string
  readonly port: number
  readonly type: string
  readonly tcpType?: string
}

export type SdpCodec = {
  readonly payloadType: number
  /** The encoding name in lower case: `h264`, `opus`, `telephone-event`. */
  readonly name: string
  readonly clockRate: number
  readonly channels: number
  readonly parameters: Readonly<Record<string, string>>
  /** `nack`, `nack pli`, `ccm fir`, `transport-cc`, `goog-remb`, … */
  readonly feedback: readonly string[]
}

export type HeaderExtension = { readonly id: number, readonly uri: string }

/** One stream that will be sent in a section. */
export type SentStream = {
  /** Tracks of one stream are played together, in step. */
  readonly streamId: string
  readonly trackId: string
  readonly cname: string
  readonly ssrc: number
  readonly rtxSsrc?: number | undefined
}

export type OfferedSection = {
  readonly kind: string
  readonly mid: string
  readonly direction: Direction
  /** The formats field as offered: a section that is turned down repeats it. */
  readonly protocol: string
  readonly formats: string
  readonly codecs: readonly SdpCodec[]
  readonly extensions: readonly HeaderExtension[]
  /** RIDs the offerer will send (RFC 8853), best guess of the highest layer first as they stand. */
  readonly sendRids: readonly string[]
  readonly stream: { readonly id: string, readonly track: string } | undefined
}

export type Offer = {
  readonly sections: readonly OfferedSection[]
  readonly transport: TransportParameters
  readonly candidates: readonly Candidate[]
  readonly extmapAllowMixed: boolean
}

/** Header extensions by what they are for. */
export const ExtensionUri = {
  mid: 'urn:ietf:params:rtp-hdrext:sdes:mid',
  rid: 'urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id',
  repairedRid: 'urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id',
  audioLevel: 'urn:ietf:params:rtp-hdrext:ssrc-audio-level',
  absoluteSendTime: 'http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time',
  transportCc: 'http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01',
  playoutDelay: 'http://www.webrtc.org/experiments/rtp-hdrext/playout-delay',
  videoOrientation: 'urn:3gpp:video-orientation',
  dependencyDescriptor: 'https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension'
} as const
