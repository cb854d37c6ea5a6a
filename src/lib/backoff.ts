/** Up to this share is added, so that what failed together does not come back together. */
const JITTER = 0.25

export type BackoffLimits = { readonly firstMs: number, readonly longestMs: number }

/**
 * The wait after the n-th failure in a row (n from 1), in milliseconds: it doubles each time. cockatiel's own retry waits on
 * through an abort, and cannot be handed a clock.
 */
export const backoff = (failures: number, { firstMs, longestMs }: BackoffLimits, random: () => number = Math.random): number =>
  Math.min(firstMs * 2 ** (failures - 1), longestMs) * (1 + JITTER * random())
