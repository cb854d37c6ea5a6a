/** Text that needs no quotes in HOCON, and means the same without them. */
const BARE = /^(?:(?!(?:true|false|null|include)$)[A-Za-z_/][A-Za-z0-9_./-]*|\d+[A-Za-z]+)$/

/** A value as HOCON, on one line. */
export function inHocon (value: unknown): string {
  if (typeof value === 'string') return BARE.test(value) && !value.includes('//') ? value : JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(inHocon).join(', ')}]`
  const fields = value instanceof Map ? [...value] : typeof value === 'object' && value !== null ? Object.entries(value) : undefined
  if (!fields) return String(value)
  return `{ ${fields.map(([name, inner]) => `${keyInHocon(String(name))} = ${inHocon(inner)}`).join(', ')} }`
}

const keyInHocon = (name: string): string => /^[a-z][a-z0-9_]*$/.test(name) ? name : JSON.stringify(name)
