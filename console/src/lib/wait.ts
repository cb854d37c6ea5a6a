/**
 * How long to wait before the next try, in milliseconds: doubles from `firstMs` to `mostMs`, less up to a quarter, so that a
 * crowd spreads out.
 */
export function backoff (failures: number, { firstMs = 500, mostMs = 10_000, random = Math.random } = {}): number {
  const full = Math.min(mostMs, firstMs * 2 ** Math.max(0, failures - 1))
  return Math.round(full * (1 - random() / 4))
}

/** Resolves after `ms`, or as soon as the signal is aborted. Never rejects. */
export function sleep (ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal?.aborted) return resolve()
    const done = (): void => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal?.addEventListener('abort', done)
  })
}
