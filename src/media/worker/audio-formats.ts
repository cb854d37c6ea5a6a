import type { CodecName } from '../codec.ts'

/** How FFmpeg decodes a codec. Without a rate and a channel count, the stream itself or its config says them. */
export type DecoderFormat = { readonly decoder: 'aac' | 'libopus' | 'pcm_mulaw' | 'pcm_alaw' | 'g722', readonly sampleRate?: number, readonly channels?: number }

/** How FFmpeg encodes a codec: one frame of `frameSamples` in, one packet out, the n-th packet from the n-th frame. */
export type EncoderFormat = {
  readonly encoder: 'libopus' | 'aac' | 'pcm_mulaw' | 'pcm_alaw' | 'g722'
  readonly sampleRate: number
  readonly channels: 1 | 2
  readonly frameSamples: number
  readonly planar: boolean
  readonly bytesPerSample: 2 | 4
  /** Samples by which the decoded sound comes later than the packet's place: taken off the timestamp, so that lips and words stay together. */
  readonly lookahead: number
  readonly bitRate?: number
  readonly options?: Readonly<Record<string, string>>
}

export const decoderFormats: Partial<Record<CodecName, DecoderFormat>> = {
  AAC: { decoder: 'aac' },
  opus: { decoder: 'libopus', sampleRate: 48_000, channels: 2 },
  PCMU: { decoder: 'pcm_mulaw', sampleRate: 8_000, channels: 1 },
  PCMA: { decoder: 'pcm_alaw', sampleRate: 8_000, channels: 1 },
  G722: { decoder: 'g722', sampleRate: 16_000, channels: 1 } // Its RTP clock says 8,000; that is an old mistake (RFC 3551 section 4.5.2).
}

/** Telephone frames of 20 ms, 16-bit. */
const telephone = { sampleRate: 8_000, channels: 1, frameSamples: 160, planar: false, bytesPerSample: 2, lookahead: 0 } as const

export const encoderFormats: Partial<Record<CodecName, EncoderFormat>> = {
  opus: {
    encoder: 'libopus', sampleRate: 48_000, channels: 2, frameSamples: 960, planar: false, bytesPerSample: 4, lookahead: 312, bitRate: 96_000,
    options: { application: 'audio', compression_level: '5' } // At 96 kbit/s nobody hears 10, which costs 1.6 times as much.
  },
  AAC: { encoder: 'aac', sampleRate: 48_000, channels: 2, frameSamples: 1024, planar: true, bytesPerSample: 4, lookahead: 1024, bitRate: 128_000 },
  PCMU: { encoder: 'pcm_mulaw', ...telephone },
  PCMA: { encoder: 'pcm_alaw', ...telephone },
  G722: { encoder: 'g722', ...telephone, sampleRate: 16_000, frameSamples: 320, lookahead: 22 }
}
