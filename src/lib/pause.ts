import { addAbortListener } from 'node:events'
import type { Clock } from './clock.ts'

/** Waits, or returns early when the signal is aborted. */
export async function pause (clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  const { promise, resolve } = Promise.withResolvers<void>()
  using _timer = clock.after(ms, resolve)
  using _listener = addAbortListener(signal, () => resolve())
  await promise
}
