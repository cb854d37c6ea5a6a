/** What the kinds of legs are called among people. */
export const sourceNames: Readonly<Record<string, string>> = {
  rtmp: 'RTMP',
  rtmps: 'RTMPS',
  srt: 'SRT',
  rtsp: 'RTSP',
  whip: 'WHIP',
  whep: 'WHEP',
  sip: 'SIP',
  recording: 'Recording',
  livekit: 'LiveKit',
  jitsi: 'Jitsi'
}

/** What the codecs of the service's table are called. */
export const codecNames: Readonly<Record<string, string>> = {
  H264: 'H.264',
  H265: 'H.265',
  opus: 'Opus',
  PCMU: 'G.711 µ-law',
  PCMA: 'G.711 A-law',
  G722: 'G.722',
  L16: 'PCM'
}
