/** Numbers as a person reads them. Decimal units, as networks and disks are sold. */

const steps = ['', 'k', 'M', 'G', 'T'] as const

function scaled (value: number, unit: string): string {
  let step = 0
  while (value >= 999.5 && step < steps.length - 1) {
    value /= 1000
    step++
  }
  const digits = step === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2
  return `${value.toFixed(digits)} ${steps[step] ?? ''}${unit}`
}

/** 12_400_000 -> `12.4 MB`. */
export const bytes = (count: number): string => scaled(Math.max(0, count), 'B')

/** Bits per second: 2_480_000 -> `2.48 Mbit/s`. */
export const bitrate = (bitsPerSecond: number): string => scaled(Math.max(0, bitsPerSecond), 'bit/s')

/** Seconds as a player shows them: `0:07`, `12:05`, `1:02:03`. */
export function duration (seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds))
  const two = (n: number): string => String(n).padStart(2, '0')
  const hours = Math.floor(whole / 3600)
  const minutes = Math.floor(whole / 60) % 60
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`
}

/** Seconds as a person says them: `0.8 s`, `42 s`, `5 min`, `2 h 10 min`, `3 days`. */
export function span (seconds: number): string {
  if (seconds < 9.95) return `${Number(Math.max(0, seconds).toFixed(1))} s`
  if (seconds < 89.5) return `${Math.round(seconds)} s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 90) return `${minutes} min`
  const hours = Math.floor(minutes / 60)
  if (hours < 48) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`
  return `${Math.round(hours / 24)} days`
}

/** How long ago, in one or two words. */
export function ago (thenMs: number, nowMs: number): string {
  const seconds = (nowMs - thenMs) / 1000
  if (seconds < 5) return 'just now'
  return `${span(Math.floor(seconds))} ago`
}

/** `one viewer`, `3 viewers`. */
export const plural = (count: number, one: string, many = `${one}s`): string => count === 1 ? `1 ${one}` : `${count} ${many}`

/** Today: the time of day. Before: the date too. */
export function moment (at: Date, now: Date, locale?: string): string {
  const time: Intl.DateTimeFormatOptions = { hour: '2-digit', minute: '2-digit' }
  const sameDay = at.toDateString() === now.toDateString()
  const sameYear = at.getFullYear() === now.getFullYear()
  const day: Intl.DateTimeFormatOptions = { day: 'numeric', month: 'short', ...(sameYear ? {} : { year: 'numeric' }) }
  return sameDay ? `Today, ${at.toLocaleTimeString(locale, time)}` : at.toLocaleString(locale, { ...day, ...time })
}
