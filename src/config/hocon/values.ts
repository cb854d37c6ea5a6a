/** Where a value was written: a place in a file, or the name of what gave it (`environment variable DB_USER`). */
export type Origin = { readonly source: string, readonly line?: number, readonly column?: number }

/** `auralink.conf:29:15`, the form editors and terminals make a link of. */
export const describeOrigin = ({ source, line, column }: Origin): string =>
  line === undefined ? source : `${source}:${line}:${column ?? 1}`

export type HoconNull = { readonly type: 'null', readonly origin: Origin }
export type HoconBoolean = { readonly type: 'boolean', readonly origin: Origin, readonly value: boolean }
/** `text` is the number as written: concatenation uses it, so that `1.0` stays `1.0`. */
export type HoconNumber = { readonly type: 'number', readonly origin: Origin, readonly value: number, readonly text: string }
export type HoconString = { readonly type: 'string', readonly origin: Origin, readonly value: string }
export type HoconArray = { readonly type: 'array', readonly origin: Origin, readonly items: readonly HoconValue[] }
export type HoconObject = { readonly type: 'object', readonly origin: Origin, readonly fields: ReadonlyMap<string, HoconValue> }

/** A value without anything left to resolve. */
export type HoconValue = HoconNull | HoconBoolean | HoconNumber | HoconString | HoconArray | HoconObject
export type HoconScalar = HoconNull | HoconBoolean | HoconNumber | HoconString

/** A value as written: it may hold substitutions. */
export type Node = HoconValue | ListNode | ObjectNode | SubstitutionNode | ConcatenationNode
export type ListNode = { readonly type: 'list', readonly origin: Origin, readonly items: readonly Node[] }
/** Each field keeps everything that was assigned to it, first to last: what wins is known only when substitutions are. */
export type ObjectNode = { readonly type: 'fields', readonly origin: Origin, readonly fields: Map<string, Node[]> }
/** `prefix` is where the file holding it was included: `${a}` is looked up below it first. */
export type SubstitutionNode = {
  readonly type: 'substitution'
  readonly origin: Origin
  readonly path: readonly string[]
  readonly optional: boolean
  readonly prefix: readonly string[]
}
export type ConcatenationNode = { readonly type: 'concatenation', readonly origin: Origin, readonly parts: readonly Part[] }
/** A piece of a concatenation. Blank pieces matter between strings and vanish between arrays or objects. */
export type Part = { readonly node: Node, readonly blank: boolean }

/** A mistake in a HOCON file, with its place. */
export class HoconError extends Error {
  readonly origin: Origin
  /** The sentence without the place. */
  readonly detail: string

  constructor (detail: string, origin: Origin) {
    super(`${describeOrigin(origin)}: ${detail}`)
    this.name = 'HoconError'
    this.detail = detail
    this.origin = origin
  }
}

export const string = (value: string, origin: Origin): HoconString => ({ type: 'string', value, origin })
export const object = (origin: Origin): ObjectNode => ({ type: 'fields', origin, fields: new Map() })

/** Adds one more assignment at `path` below `root`, making the objects on the way. */
export function assign (root: ObjectNode, path: readonly string[], node: Node): void {
  let at = root
  for (const key of path.slice(0, -1)) {
    const inner = object(node.origin)
    stack(at, key).push(inner)
    at = inner
  }
  stack(at, path.at(-1) ?? '').push(node)
}

function stack (node: ObjectNode, key: string): Node[] {
  const found = node.fields.get(key)
  if (found) return found
  const fresh: Node[] = []
  node.fields.set(key, fresh)
  return fresh
}

/** Lays `over` on top of `base`: what `over` assigns comes after what `base` assigns. */
export function layer (base: ObjectNode, over: ObjectNode): void {
  for (const [key, nodes] of over.fields) stack(base, key).push(...nodes)
}

/** A plain JavaScript value as a node: for defaults, the environment and the command line. */
export function nodeOf (value: unknown, origin: Origin): Node {
  if (value === null || value === undefined) return { type: 'null', origin }
  if (typeof value === 'boolean') return { type: 'boolean', value, origin }
  if (typeof value === 'number') return { type: 'number', value, text: String(value), origin }
  if (Array.isArray(value)) return { type: 'list', items: value.map(item => nodeOf(item, origin)), origin }
  if (typeof value !== 'object') return string(String(value), origin)
  return { type: 'fields', origin, fields: new Map(Object.entries(value).map(([key, inner]) => [key, [nodeOf(inner, origin)]])) }
}

/** A resolved value as plain JavaScript. Maps become objects without a prototype. */
export function plain (value: HoconValue): unknown {
  if (value.type === 'null') return null
  if (value.type === 'array') return value.items.map(plain)
  if (value.type !== 'object') return value.value
  const result = Object.create(null) as Record<string, unknown>
  for (const [key, inner] of value.fields) result[key] = plain(inner)
  return result
}
