export type RecorderSettings = {
  /** What a crash can cost: a fragment is a little shorter. At most 1000. */
  readonly fragmentMs: number
  /** How long a recording waits for a participant that left to come back. */
  readonly rejoinGraceMs: number
  /** How long it waits for its first frame. */
  readonly mediaTimeoutMs: number
  /** A longer file goes on in another part: its index would take too much memory. */
  readonly maxPartMs: number
  /** Below this much free disk space, or this share of the disk if that is less, nothing is recorded. */
  readonly minFreeBytes: number
  readonly minFreeShare: number
}

export const defaultRecorderSettings: RecorderSettings = {
  fragmentMs: 500,
  rejoinGraceMs: 5000,
  mediaTimeoutMs: 60_000,
  maxPartMs: 12 * 3_600_000,
  minFreeBytes: 1 << 30,
  minFreeShare: 0.05
}
