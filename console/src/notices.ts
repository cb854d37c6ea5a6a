import { signal } from '@preact/signals'

export type Notice = { readonly id: number, readonly text: string, readonly tone: 'good' | 'bad' | 'quiet' }

const STAY_MS = { good: 4_000, bad: 9_000, quiet: 1_500 } as const

/** What has just happened. Read out by screen readers; `quiet` ones are only that. */
export const notices = signal<readonly Notice[]>([])
let lastId = 0

export function say (text: string, tone: Notice['tone'] = 'good'): void {
  const notice = { id: ++lastId, text, tone }
  notices.value = [...notices.value, notice]
  setTimeout(() => dismiss(notice.id), STAY_MS[tone])
}

export function dismiss (id: number): void {
  notices.value = notices.value.filter(notice => notice.id !== id)
}
