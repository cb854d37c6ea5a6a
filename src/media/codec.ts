/** The codecs this service can carry, by their SDP encoding names, with the RTP clock (Hz) of each. */
export const codecTable = {
  H264: { kind: 'video', clockRate: 90_000 },
  H265: { kind: 'video', clockRate: 90_000 },
  VP8: { kind: 'video', clockRate: 90_000 },
  VP9: { kind: 'video', clockRate: 90_000 },
  AV1: { kind: 'video', clockRate: 90_000 },
  opus: { kind: 'audio', clockRate: 48_000 },
  AAC: { kind: 'audio', clockRate: 48_000 },
  PCMU: { kind: 'audio', clockRate: 8_000 },
  PCMA: { kind: 'audio', clockRate: 8_000 },
  G722: { kind: 'audio', clockRate: 8_000 },
  L16: { kind: 'audio', clockRate: 48_000 }
} as const satisfies Record<string, { kind: 'audio' | 'video', clockRate: number }>

export type CodecName = keyof typeof codecTable
export type MediaKind = 'audio' | 'video'

/** What one track carries. Two tracks of the same codec name may differ in the rest. */
export type Codec = {
  readonly name: CodecName
  readonly kind: MediaKind
  /** Hz of the RTP timestamp. AAC: the sampling rate. */
  readonly clockRate: number
  /** Audio only. */
  readonly channels?: number
  /** What a decoder must have before the first frame, where the stream does not carry it: AAC's AudioSpecificConfig (ISO 14496-3). */
  readonly config?: Buffer
  /** SDP format parameters, e.g. `profile-level-id`. */
  readonly parameters?: Readonly<Record<string, string>>
}

/** A codec with the table's kind and clock, and what the caller knows better. */
export function codec (name: CodecName, more: Partial<Omit<Codec, 'name' | 'kind'>> = {}): Codec {
  return { name, ...codecTable[name], ...more }
}

export const opus: Codec = codec('opus', { channels: 2 })
/** What telephones speak. G.722 sounds twice as wide. */
export const telephoneCodecs: readonly Codec[] = (['G722', 'PCMU', 'PCMA'] as const).map(name => codec(name, { channels: 1 }))
