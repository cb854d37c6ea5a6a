import { aborted } from '../../lib/abort.ts'
import type { Clock } from '../../lib/clock.ts'
import { AppError } from '../../lib/errors.ts'
import type { Transport } from '../../protocols/webrtc/transport.ts'

/**
 * Waits for ICE and DTLS.
 * @throws AppError `connect_timeout`, or the signal's reason.
 */
export async function connected (transport: Transport, { timeoutMs, signal, clock }: { timeoutMs: number, signal: AbortSignal, clock: Clock }): Promise<void> {
  signal.throwIfAborted()
  const late = Promise.withResolvers<void>()
  using _timer = clock.after(timeoutMs, late.resolve)
  await Promise.race([transport.connected, late.promise, aborted(signal)])
  signal.throwIfAborted()
  if (transport.state === 'connected') return
  const why = transport.state === 'ended' ? 'ICE or DTLS failed' : `no ICE and DTLS within ${timeoutMs / 1000} s`
  throw new AppError('connect_timeout', `The client did not connect: ${why}.`)
}
