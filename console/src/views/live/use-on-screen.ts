import type { RefObject } from 'preact'
import { useEffect, useState } from 'preact/hooks'

/** Who scrolls past, or looks at another tab for a moment, should not find every picture reconnecting. */
const LEAVE_AFTER_MS = 3_000

/** Whether a person can see the element: it is in the window, and the tab is in front. */
export function useOnScreen (element: RefObject<Element | null>): boolean {
  const [seen, setSeen] = useState(false)
  useEffect(() => {
    if (!element.current) return
    let inWindow = false
    let leaving: ReturnType<typeof setTimeout> | undefined
    const look = (): void => {
      clearTimeout(leaving)
      if (inWindow && !document.hidden) setSeen(true)
      else leaving = setTimeout(setSeen, LEAVE_AFTER_MS, false)
    }
    const observer = new IntersectionObserver(entries => {
      inWindow = entries.at(-1)?.isIntersecting ?? false
      look()
    })
    observer.observe(element.current)
    document.addEventListener('visibilitychange', look)
    return () => {
      observer.disconnect()
      document.removeEventListener('visibilitychange', look)
      clearTimeout(leaving)
    }
  }, [])
  return seen
}
