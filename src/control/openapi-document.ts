import { STATUS_CODES } from './node-http.ts'

type Json = null | boolean | number | string | Json[] | { [name: string]: Json }
type Fields = { [name: string]: Json }
type Generated = { components: { schemas: Fields } & Fields, paths: Record<string, Record<string, Fields>> }

/** Shapes that are sent to us: what may be left out of them is what the sender may leave out. */
const sentToUs = /(?:Request|Change)$/
const TWIN = 'Input'

/**
 * The generated document, as somebody would write it: one shape under one name (the generator makes a twin of each, for
 * either direction), times without the regular expression that proves them, answers with a description, operations with an id.
 */
export function tidied (document: object): object {
  const { components, paths, ...rest } = structuredClone(document) as Generated
  const schemas: Fields = {}
  for (const [name, schema] of Object.entries(components.schemas)) {
    const plain = name.endsWith(TWIN) ? name.slice(0, -TWIN.length) : name
    if (name === plain ? !sentToUs.test(plain) : sentToUs.test(plain)) schemas[plain] = schema
  }
  for (const [path, operations] of Object.entries(paths)) {
    for (const [method, operation] of Object.entries(operations)) {
      operation['operationId'] = operationId(method, path)
      describeAnswers(operation['responses'] as Record<string, Fields> | undefined)
    }
  }
  return walk({ ...rest, components: { ...components, schemas }, paths } as Json) as object
}

/** `get /api/v1/recordings/{id}/file` becomes `getRecordingsIdFile`. */
const operationId = (method: string, path: string): string =>
  method + path.replace(/^\/api\/v1/, '').split(/[^A-Za-z0-9]+/).filter(Boolean).map(word => word[0]!.toUpperCase() + word.slice(1)).join('')

function describeAnswers (responses: Record<string, Fields> = {}): void {
  for (const [status, answer] of Object.entries(responses)) {
    if (answer['description'] === 'Default Response') answer['description'] = STATUS_CODES[status] ?? 'Answer'
  }
}

function walk (value: Json): Json {
  if (Array.isArray(value)) return value.map(walk)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).filter(([name]) => !(name === 'pattern' && value['format'] === 'date-time'))
  return Object.fromEntries(entries.map(([name, inner]) =>
    [name, name === '$ref' && typeof inner === 'string' && inner.endsWith(TWIN) ? inner.slice(0, -TWIN.length) : walk(inner)]))
}
