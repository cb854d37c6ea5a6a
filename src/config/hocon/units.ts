import type { HoconValue } from './values.ts'

/** How HOCON reads text as a duration, a size, a boolean or a number. A value that does not fit gives undefined. */

const MILLISECONDS: Readonly<Record<string, number>> = {
  ...names(1e-6, 'ns nano nanos nanosecond nanoseconds'),
  ...names(1e-3, 'us micro micros microsecond microseconds'),
  ...names(1, 'ms milli millis millisecond milliseconds'),
  ...names(1000, 's second seconds'),
  ...names(60_000, 'm minute minutes'),
  ...names(3_600_000, 'h hour hours'),
  ...names(86_400_000, 'd day days')
}

const PREFIXES = ['kilo', 'mega', 'giga', 'tera', 'peta', 'exa']
const BYTES: Readonly<Record<string, number>> = {
  ...names(1, 'B b byte bytes'),
  ...Object.assign({}, ...PREFIXES.map(sizeNames)) as Record<string, number>
}

function names (factor: number, list: string): Record<string, number> {
  return Object.fromEntries(list.split(' ').map(name => [name, factor]))
}

/** `kB` and `kilobyte` count in thousands; `K`, `k`, `Ki`, `KiB` and `kibibyte` in 1024s. */
function sizeNames (prefix: string, index: number): Record<string, number> {
  const letter = prefix[0] ?? ''
  const capital = letter.toUpperCase()
  const binary = `${prefix.slice(0, 2)}bi`
  return {
    ...names(1000 ** (index + 1), `${prefix}byte ${prefix}bytes ${index === 0 ? 'kB' : `${capital}B`}`),
    ...names(1024 ** (index + 1), `${binary}byte ${binary}bytes ${letter} ${capital} ${capital}i ${capital}iB`)
  }
}

const QUANTITY = /^([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([A-Za-z]*)$/

function quantity (value: HoconValue, units: Readonly<Record<string, number>>, bareUnit: number): number | undefined {
  if (value.type === 'number') return value.value * bareUnit
  if (value.type !== 'string') return undefined
  const [, amount = '', unit = ''] = QUANTITY.exec(value.value.trim()) ?? []
  if (amount === '') return undefined
  const factor = unit === '' ? bareUnit : Object.hasOwn(units, unit) ? units[unit] : undefined
  return factor === undefined ? undefined : Number(amount) * factor
}

/** Milliseconds of `10s`, `1.5 minutes`, or of a bare number counted in `bareUnit` milliseconds. */
export const durationOf = (value: HoconValue, bareUnit = 1): number | undefined => quantity(value, MILLISECONDS, bareUnit)

/** Bytes of `512K`, `1 GiB`, or of a bare number of bytes. */
export const bytesOf = (value: HoconValue): number | undefined => quantity(value, BYTES, 1)

export function booleanOf (value: HoconValue): boolean | undefined {
  if (value.type === 'boolean') return value.value
  if (value.type !== 'string') return undefined
  const word = value.value.trim().toLowerCase()
  return /^(true|yes|on)$/.test(word) ? true : /^(false|no|off)$/.test(word) ? false : undefined
}

const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/

export function numberOf (value: HoconValue): number | undefined {
  if (value.type === 'number') return value.value
  return value.type === 'string' && NUMBER.test(value.value.trim()) ? Number(value.value) : undefined
}

export function stringOf (value: HoconValue): string | undefined {
  if (value.type === 'string') return value.value
  if (value.type === 'number') return value.text
  return value.type === 'boolean' ? String(value.value) : undefined
}

/** A list, or an object whose keys are all whole numbers, in their order: the spec lets one stand for the other. */
export function itemsOf (value: HoconValue): readonly HoconValue[] | undefined {
  if (value.type === 'array') return value.items
  if (value.type !== 'object' || value.fields.size === 0 || ![...value.fields.keys()].every(key => /^\d{1,9}$/.test(key))) return undefined
  return [...value.fields].sort(([a], [b]) => Number(a) - Number(b)).map(([, item]) => item)
}
