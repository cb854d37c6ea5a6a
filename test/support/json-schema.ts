import fc from 'fast-check'

/** As much of JSON Schema 2020-12 as our OpenAPI document uses. */
export type Schema = {
  $ref?: string, type?: string | string[], properties?: Record<string, Schema>, required?: string[], additionalProperties?: boolean | Schema
  items?: Schema, enum?: unknown[], const?: unknown, anyOf?: Schema[], format?: string, pattern?: string, propertyNames?: Schema
  minimum?: number, maximum?: number, minLength?: number, maxLength?: number, minItems?: number, maxItems?: number
}
export type Shapes = Readonly<Record<string, Schema>>

const resolve = (schema: Schema, shapes: Shapes): Schema => schema.$ref === undefined ? schema : shapes[schema.$ref.split('/').at(-1)!] ?? fail(schema.$ref)
const fail = (what: string): never => { throw new Error(`no shape ${what}`) }
const typeOf = (value: unknown): string => value === null ? 'null' : Array.isArray(value) ? 'array' : Number.isInteger(value) ? 'integer' : typeof value

/** Where and how a value breaks its schema. */
export function violations (given: Schema, value: unknown, shapes: Shapes, at = '$'): string[] {
  const schema = resolve(given, shapes)
  if (schema.anyOf) return schema.anyOf.some(s => violations(s, value, shapes).length === 0) ? [] : [`${at}: fits none of the choices`]
  if (schema.enum && !schema.enum.includes(value)) return [`${at}: ${JSON.stringify(value)} is not one of ${schema.enum.join(', ')}`]
  if ('const' in schema && schema.const !== value) return [`${at}: is not ${JSON.stringify(schema.const)}`]
  const type = typeOf(value)
  const types = [schema.type ?? []].flat()
  if (types.length > 0 && !types.includes(type) && !(type === 'integer' && types.includes('number'))) return [`${at}: is ${type}, not ${types.join(' or ')}`]
  if (schema.format === 'date-time' && typeof value === 'string' && Number.isNaN(Date.parse(value))) return [`${at}: is no time`]
  if (typeof value === 'number' && (value < (schema.minimum ?? -Infinity) || value > (schema.maximum ?? Infinity))) return [`${at}: ${value} is out of range`]
  if (Array.isArray(value)) return value.flatMap((item, i) => violations(schema.items ?? {}, item, shapes, `${at}[${i}]`))
  return type === 'object' ? objectViolations(schema, value as Record<string, unknown>, shapes, at) : []
}

function objectViolations (schema: Schema, value: Record<string, unknown>, shapes: Shapes, at: string): string[] {
  const missing = (schema.required ?? []).filter(name => !(name in value)).map(name => `${at}.${name}: is missing`)
  return [...missing, ...Object.entries(value).flatMap(([name, inner]) => {
    const property = schema.properties?.[name] ?? schema.additionalProperties ?? true
    if (property === false) return [`${at}.${name}: is not described`]
    return property === true ? [] : violations(property, inner, shapes, `${at}.${name}`)
  })]
}

const oddText = fc.constantFrom('', '../../x', '..%2f', '\0', 'a'.repeat(300), '💥', '\r\nX: y', '<script>', "' OR 1=1 --", '__proto__', 'NaN', '-1', '1e309')
const junk = fc.oneof(oddText, fc.jsonValue({ maxDepth: 2 }), fc.string())

/** Values that mostly fit a schema, and sometimes do not at all. */
export function valuesOf (given: Schema, shapes: Shapes, known: fc.Arbitrary<string>): fc.Arbitrary<unknown> {
  return fc.oneof({ weight: 6, arbitrary: fitting(resolve(given, shapes), shapes, known) }, { weight: 1, arbitrary: junk })
}

function fitting (schema: Schema, shapes: Shapes, known: fc.Arbitrary<string>): fc.Arbitrary<unknown> {
  if (schema.anyOf) return fc.oneof(...schema.anyOf.map(s => valuesOf(s, shapes, known)))
  if (schema.enum) return fc.constantFrom(...schema.enum)
  const type = [schema.type ?? 'string'].flat()[0]
  if (type === 'boolean') return fc.boolean()
  if (type === 'integer' || type === 'number') return fc.integer({ min: schema.minimum ?? 0, max: Math.min(schema.maximum ?? 1000, 2 ** 31 - 1) })
  if (type === 'array') return fc.array(valuesOf(schema.items ?? {}, shapes, known), { maxLength: 4 })
  if (type === 'object') {
    const fields = Object.entries(schema.properties ?? {}).map(([name, inner]) => [name, valuesOf(inner, shapes, known)])
    return fc.record(Object.fromEntries(fields) as Record<string, fc.Arbitrary<unknown>>, { requiredKeys: schema.required ?? [] })
  }
  if (schema.format === 'uri') return fc.constantFrom('https://example.com/hook', 'http://127.0.0.1/')
  return schema.format === 'date-time' ? fc.constant('2030-01-01T00:00:00Z') : fc.oneof(known, fc.string({ maxLength: 20 }))
}
