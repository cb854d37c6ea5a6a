import { signal } from '@preact/signals'

/** Wall time in milliseconds, once a second: what every running clock on the page follows. */
export const now = signal(Date.now())

setInterval(() => { if (!document.hidden) now.value = Date.now() }, 1000)
document.addEventListener('visibilitychange', () => { now.value = Date.now() })
