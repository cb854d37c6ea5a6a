import {
  HoconError, type ConcatenationNode, type HoconArray, type HoconObject, type HoconScalar, type HoconValue, type ListNode, type Node, type ObjectNode,
  type Origin, type SubstitutionNode
} from './values.ts'

/** What a file of a few lines can be made to unfold to. */
const MAX_STEPS = 200_000
const MAX_TEXT = 65_536
const MAX_ITEMS = 10_000

export type Resolved = {
  readonly root: HoconObject
  /** Substitutions that lead nowhere. Their fields are left out of `root`. */
  readonly errors: readonly HoconError[]
}

/**
 * Replaces every substitution by the final value at its path, or by the environment variable of that name.
 * A substitution that comes back to itself sees what was assigned before it, as the spec has it (“self-referential fields”).
 */
export function resolve (root: ObjectNode, environment: Readonly<Record<string, string | undefined>> = {}): Resolved {
  const resolver = new Resolver(root, environment)
  const value = resolver.value([root])
  return { root: value as HoconObject, errors: resolver.errors }
}

type Lazy = SubstitutionNode | ConcatenationNode
type Fields = ObjectNode | HoconObject

class Resolver {
  readonly errors: HoconError[] = []
  readonly #root: ObjectNode
  readonly #environment: Readonly<Record<string, string | undefined>>
  /** Substitutions being worked on, with their depth: meeting one again is a circle. */
  readonly #open = new Map<Lazy, number>()
  readonly #known = new Map<Lazy, HoconValue | undefined>()
  /** The outermost open substitution that what is being computed has looked behind. What depends on it is not kept. */
  #lookedBehind = Infinity
  #steps = 0

  constructor (root: ObjectNode, environment: Readonly<Record<string, string | undefined>>) {
    this.#root = root
    this.#environment = environment
  }

  /** The value of a field from all that was assigned to it, first to last. */
  value (stack: readonly Node[]): HoconValue | undefined {
    const layers: Fields[] = []
    for (const node of stack.toReversed()) {
      if (isLazy(node) && this.#open.has(node)) {
        this.#lookBehind(node)
        layers.length = 0 // What was assigned after the circle does not count for it either.
        continue
      }
      const found = isLazy(node) ? this.#evaluate(node) : node
      if (found === undefined) continue
      if (hasFields(found)) layers.unshift(found)
      else if (layers.length > 0) break // The objects after it hide it.
      else return found.type === 'list' ? this.#list(found) : found
    }
    return layers.length > 0 ? this.#object(layers) : undefined
  }

  #object (layers: readonly Fields[]): HoconObject {
    const fields = new Map<string, HoconValue>()
    const keys = new Set(layers.flatMap(layer => [...layer.fields.keys()]))
    for (const key of keys) {
      this.#step(layers[0] as Fields)
      const stack = layers.flatMap(layer => assigned(layer, key))
      const value = this.value(stack)
      if (value !== undefined) fields.set(key, value)
      else this.#reportCircle(stack)
    }
    return { type: 'object', origin: (layers.at(-1) as Fields).origin, fields }
  }

  /** An object asked for by one of its own fields, as in `a { b = ${a} }`, has no end. */
  #reportCircle (stack: readonly Node[]): void {
    const circle = stack.find(node => isLazy(node) && this.#open.has(node))
    if (circle && !('optional' in circle && circle.optional)) this.#report(new HoconError('this leads back to itself', circle.origin))
  }

  #list ({ items, origin }: ListNode): HoconArray {
    return { type: 'array', origin, items: items.map(item => this.value([item])).filter(item => item !== undefined) }
  }

  #evaluate (node: Lazy): HoconValue | undefined {
    this.#step(node)
    if (this.#known.has(node)) return this.#known.get(node)
    const outer = this.#lookedBehind
    const depth = this.#open.size
    this.#lookedBehind = Infinity
    this.#open.set(node, depth)
    const value = node.type === 'substitution' ? this.#substitution(node) : this.#concatenation(node)
    this.#open.delete(node)
    if (this.#lookedBehind >= depth) this.#known.set(node, value) // Looking behind oneself is part of one's own value.
    this.#lookedBehind = Math.min(outer, this.#lookedBehind < depth ? this.#lookedBehind : Infinity)
    return value
  }

  #substitution (node: SubstitutionNode): HoconValue | undefined {
    const { prefix, path, optional, origin } = node
    const nearby = prefix.length > 0 ? this.#lookUp([...prefix, ...path]) : undefined
    const found = nearby ?? this.#lookUp(path) ?? this.#variable(node)
    if (found === undefined && !optional) this.#report(new HoconError(`\${${path.join('.')}} is not defined, or leads back to itself`, origin))
    return found
  }

  #variable ({ path, origin }: SubstitutionNode): HoconValue | undefined {
    const name = path.join('.')
    const value = Object.hasOwn(this.#environment, name) ? this.#environment[name] : undefined
    if (value === undefined) return undefined
    return { type: 'string', value, origin: { ...origin, source: `environment variable ${name}, at ${origin.source}` } }
  }

  #lookUp (path: readonly string[]): HoconValue | undefined {
    let stack: readonly Node[] = [this.#root]
    for (const key of path) stack = this.#descend(stack, key)
    return stack.length === 0 ? undefined : this.value(stack)
  }

  /** All that was assigned to one field of what `stack` makes, without computing its other fields. */
  #descend (stack: readonly Node[], key: string): Node[] {
    let found: Node[] = []
    for (const node of stack.toReversed()) {
      this.#step(node)
      if (isLazy(node) && this.#open.has(node)) {
        this.#lookBehind(node)
        found = []
        continue
      }
      const value = isLazy(node) ? this.#evaluate(node) : node
      if (value === undefined) continue
      if (!hasFields(value)) break
      found = [...assigned(value, key), ...found]
    }
    return found
  }

  #concatenation ({ parts, origin }: ConcatenationNode): HoconValue | undefined {
    const present: { value: HoconValue, blank: boolean }[] = []
    for (const { node, blank } of parts) {
      const value = this.value([node])
      if (value !== undefined) present.push({ value, blank })
    }
    const solid = present.filter(part => !part.blank).map(part => part.value)
    if (solid.length === 0) return undefined
    if (solid.every(value => value.type === 'object')) return this.#object(solid)
    if (solid.every(value => value.type === 'array')) return this.#joinLists(solid, origin)
    if (solid.some(value => value.type === 'object' || value.type === 'array')) {
      this.#report(new HoconError(`${solid.map(value => value.type).join(' and ')} cannot be put together`, origin))
      return undefined
    }
    return this.#joinText(present.map(part => part.value as HoconScalar), origin)
  }

  #joinLists (lists: readonly HoconArray[], origin: Origin): HoconArray {
    const items = lists.flatMap(list => list.items)
    if (items.length > MAX_ITEMS) throw new HoconError(`a list holds at most ${MAX_ITEMS} items`, origin)
    return { type: 'array', origin, items }
  }

  #joinText (values: readonly HoconScalar[], origin: Origin): HoconValue {
    const text = values.map(textOf).join('')
    if (text.length > MAX_TEXT) throw new HoconError(`a text holds at most ${MAX_TEXT} characters`, origin)
    return { type: 'string', value: text, origin }
  }

  #lookBehind (node: Lazy): void { this.#lookedBehind = Math.min(this.#lookedBehind, this.#open.get(node) ?? Infinity) }

  #report (error: HoconError): void {
    if (!this.errors.some(known => known.message === error.message)) this.errors.push(error)
  }

  #step ({ origin }: Node): void {
    if (++this.#steps > MAX_STEPS) throw new HoconError('the substitutions unfold to more than a configuration can hold', origin)
  }
}

const isLazy = (node: Node): node is Lazy => node.type === 'substitution' || node.type === 'concatenation'
const hasFields = (node: Node): node is Fields => node.type === 'fields' || node.type === 'object'
const textOf = (value: HoconScalar): string => value.type === 'number' ? value.text : value.type === 'null' ? 'null' : String(value.value)

/** All that one object assigns to a key. */
function assigned (node: Fields, key: string): readonly Node[] {
  if (node.type === 'fields') return node.fields.get(key) ?? []
  const value = node.fields.get(key)
  return value === undefined ? [] : [value]
}
