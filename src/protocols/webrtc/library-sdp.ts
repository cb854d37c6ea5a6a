import type { TransportParameters } from './sdp-types.ts'

/** The one video section that libdatachannel believes in. */
export function describe ({ ufrag, pwd, fingerprint }: TransportParameters, setup: 'active' | 'passive', candidates: readonly string[] = []): string {
  return [
    'v=0', 'o=- 1 1 IN IP4 0.0.0.0', 's=-', 't=0 0', 'a=group:BUNDLE 0',
    'm=video 9 UDP/TLS/RTP/SAVPF 96', 'c=IN IP4 0.0.0.0', 'a=mid:0', 'a=sendrecv', 'a=rtcp-mux', 'a=rtpmap:96 H264/90000',
    `a=ice-ufrag:${ufrag}`, `a=ice-pwd:${pwd}`, `a=fingerprint:${fingerprint.algorithm} ${fingerprint.value}`, `a=setup:${setup}`, ...candidates, ''
  ].join('\r\n')
}
