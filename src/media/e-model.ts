/** What a conversation is up against. */
export type SpeechConditions = {
  readonly codec: string
  /** Packets that never came, 0 to 1. */
  readonly lossFraction: number
  /** From mouth to ear, in milliseconds. */
  readonly delayMs: number
  /** How much losses come in heaps: 1 where they come at random. */
  readonly burstRatio?: number
}

/** R of a call with nothing wrong: the default values of ITU-T G.107, table 3. */
const PERFECT_R = 93.2

/**
 * Equipment impairment Ie and robustness to loss Bpl (ITU-T G.113, appendix I). Opus has no entry there: it is taken as G.711 with
 * concealment, which it is no worse than. Wideband codecs sound better than this scale, made for telephones, can say.
 */
const impairments: Readonly<Record<string, { readonly ie: number, readonly bpl: number }>> = {
  PCMU: { ie: 0, bpl: 25.1 },
  PCMA: { ie: 0, bpl: 25.1 },
  opus: { ie: 0, bpl: 25.1 }
}

/**
 * The mean opinion score a listener would give, from 1 to 4.5, by the E-model (ITU-T G.107). An estimate for planning: nobody listened.
 * @returns undefined for a codec whose impairments are not known
 */
export function estimatedMos ({ codec, lossFraction, delayMs, burstRatio = 1 }: SpeechConditions): number | undefined {
  const impairment = impairments[codec]
  if (!impairment) return undefined
  const { ie, bpl } = impairment
  const lossPercent = Math.min(1, Math.max(0, lossFraction)) * 100
  const effective = ie + (95 - ie) * lossPercent / (lossPercent / burstRatio + bpl)
  return mosOfR(PERFECT_R - delayImpairment(delayMs) - effective)
}

/** Idd: what delay costs a conversation; nothing up to 100 ms (G.107, equation 7-27). */
export function delayImpairment (delayMs: number): number {
  if (delayMs <= 100) return 0
  const x = Math.log2(delayMs / 100)
  return 25 * ((1 + x ** 6) ** (1 / 6) - 3 * (1 + (x / 3) ** 6) ** (1 / 6) + 2)
}

/** G.107, annex B. */
export function mosOfR (r: number): number {
  if (r <= 0) return 1
  if (r >= 100) return 4.5
  return Math.max(1, 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6)
}
