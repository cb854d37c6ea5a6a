import type { Signal } from '@preact/signals'
import { refreshSoon } from '../refresh.ts'
import type { Reach } from '../store.ts'
import { Button } from './button.tsx'

/** The most the service hands out at once. */
const MOST = 500
const STEP = 50

/** Looks further back into a list, which goes on being refreshed as a whole. */
export function ShowOlder ({ reach, what }: { reach: Signal<Reach>, what: string }) {
  const { limit, more } = reach.value
  if (!more) return null
  if (limit >= MOST) return <p class='muted small'>These are the newest {MOST} {what}; the API has them all.</p>
  const further = (): void => {
    reach.value = { limit: Math.min(MOST, limit + STEP), more }
    refreshSoon()
  }
  return <div><Button onClick={further}>Show older {what}</Button></div>
}
