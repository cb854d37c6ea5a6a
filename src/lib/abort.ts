import { addAbortListener } from 'node:events'

/**
 * A controller that aborts with its parent, and lets go of the parent when disposed. AbortSignal.any() would keep every
 * composite that has a listener until the parent aborts, and our parent is the process.
 */
export class ChildController implements Disposable {
  readonly #controller = new AbortController()
  readonly #link: Disposable | undefined

  constructor (parent: AbortSignal) {
    if (parent.aborted) this.#controller.abort(parent.reason)
    else this.#link = addAbortListener(parent, () => this.#controller.abort(parent.reason))
  }

  get signal (): AbortSignal { return this.#controller.signal }
  abort (reason?: unknown): void { this.#controller.abort(reason) }
  [Symbol.dispose] (): void { this.#link?.[Symbol.dispose]() }
}

/** Resolves (never rejects) once the signal is aborted. */
export function aborted (signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise(resolve => { addAbortListener(signal, () => resolve()) })
}

/**
 * Waits for `work`, at most `ms` milliseconds. For good-byes: they run when the session's own signal is already aborted.
 * @returns whether the work finished in time. The work's own failure is thrown.
 */
export async function within (ms: number, work: Promise<unknown>): Promise<boolean> {
  const late = Promise.withResolvers<false>()
  const timer = setTimeout(late.resolve, ms, false)
  try {
    return await Promise.race([work.then(() => true), late.promise])
  } finally {
    clearTimeout(timer)
  }
}
