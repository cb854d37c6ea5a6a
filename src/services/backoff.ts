/** Up to this share is added, so that what failed together does not come back together. */
const JITTER = 0.25

/** The wait after the n-th failure in a row (n from 1), in milliseconds: doubles each time. cockatiel's own would wait on through an abort, and knows no clock. */
export const backoff = (failures: number, { firstMs, longestMs }: { readonly firstMs: number, readonly longestMs: number }, random: () => number = Math.random): number =>
  Math.min(firstMs * 2 ** (failures - 1), longestMs) * (1 + JITTER * random())
