/** A default leaves room for the number that keeps it apart. */
const MAX_LENGTH = 48

/** `Kamera Süd (2)` -> `kamera-sud-2`: short, and safe in a URL or on a command line. Empty where nothing of it is left. */
export const slugOf = (text: string): string => text.normalize('NFKD').replace(/\p{M}+/gu, '').toLowerCase()
  .replace(/[^a-z0-9]+/g, '-').slice(0, MAX_LENGTH).replace(/^-+|-+$/g, '')

/** The first of `camera`, `camera-2`, `camera-3`, … that nobody has. */
export function firstFree (wanted: string, taken: ReadonlySet<string>): string {
  if (!taken.has(wanted)) return wanted
  for (let number = 2; ; number++) if (!taken.has(`${wanted}-${number}`)) return `${wanted}-${number}`
}
