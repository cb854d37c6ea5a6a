import { say } from './notices.ts'
import { refreshSoon } from './refresh.ts'

/** Does what a button promises: says how it went, and brings the page up to date. */
export async function act<T> (work: Promise<T>, done?: string): Promise<T | undefined> {
  try {
    const result = await work
    if (done) say(done)
    return result
  } catch (error) {
    say(error instanceof Error ? error.message : String(error), 'bad')
    return undefined
  } finally {
    refreshSoon()
  }
}
