import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { InjectOptions, LightMyRequestResponse } from 'fastify'
import test from 'node:test'
import { admin, controlUnderTest, type ControlUnderTest, restingLeg } from './support/control.ts'
import { type Schema, type Shapes, valuesOf, violations } from './support/json-schema.ts'

/** More with FUZZ_REQUESTS=50000, for a night. */
const REQUESTS = Number(process.env['FUZZ_REQUESTS'] ?? 3_000)
const SEED = 20261122

type Answer = { content?: Record<string, { schema: Schema }> }
type Operation = {
  operationId: string
  parameters?: { name: string, in: 'path' | 'query', schema: Schema, required?: boolean }[]
  requestBody?: { content: Record<string, { schema: Schema }> }
  responses: Record<string, Answer>
}
type Target = { method: string, path: string, operation: Operation }

/** What any path may say, described or not: about the bytes of the request rather than its meaning. */
const framing = new Set(['400', '413', '415', '431'])

const contentTypes = fc.constantFrom('application/json', 'application/json; charset=utf-8', 'text/plain', 'application/json garbage', 'application/x-www-form-urlencoded', 'multipart/form-data', '')

const textOf = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value)).toWellFormed()

function requests ({ method, path, operation }: Target, shapes: Shapes, ids: fc.Arbitrary<string>): fc.Arbitrary<InjectOptions> {
  const { parameters = [], requestBody } = operation
  const schema = Object.values(requestBody?.content ?? {})[0]?.schema
  const part = (where: 'path' | 'query') => fc.record(Object.fromEntries(parameters.filter(p => p.in === where).map(p => [p.name, valuesOf(p.schema, shapes, ids)])),
    where === 'path' ? {} : { requiredKeys: [] })
  const body = schema ? fc.oneof({ weight: 9, arbitrary: valuesOf(schema, shapes, ids).map(value => JSON.stringify(value)) }, { weight: 1, arbitrary: fc.string() }) : fc.constant(undefined)
  return fc.record({ inPath: part('path'), inQuery: part('query'), body, type: fc.oneof({ weight: 9, arbitrary: fc.constant('application/json') }, contentTypes), range: fc.option(fc.constantFrom('bytes=0-1', 'bytes=9-', 'x'), { freq: 5 }) })
    .map(({ inPath, inQuery, body: payload, type, range }) => ({
      method: method as 'GET',
      url: path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(textOf(inPath[name]))),
      query: Object.fromEntries(Object.entries(inQuery).map(([name, value]) => [name, textOf(value)])),
      headers: { ...admin, ...(range === null ? {} : { range }), ...(payload === undefined || type === '' ? {} : { 'content-type': type }) },
      ...(payload === undefined ? {} : { payload })
    }))
}

/** Some of everything, so that known ids hit something: by the collection of the path that they are found in. */
async function furnish (it: ControlUnderTest): Promise<Record<string, string[]>> {
  await it.bridge.admit(restingLeg('rtmp', { identity: 'camera' }), { room: 'hall' })
  const ingress = await it.ingresses.create({ protocol: 'rtmp', room: 'hall' })
  const recording = await it.recordings.start({ room: 'hall' })
  const stream = await it.streams.create({ room: 'hall', destinations: [{ url: 'https://example.com/whip' }] })
  const { webhook } = await it.webhooks.create({ url: 'https://example.com/' })
  const { row } = await it.auth.apiKeys.create({ name: 'fuzz', scopes: ['view'] })
  it.events.append('session.started', { kind: 'rtmp' }, 'hall')
  return {
    'conferences': ['hall', 'camera', it.bridge.rooms[0]!.id], 'ingresses': [ingress.id], 'recordings': [recording.id], 'streams': [stream.id, stream.destinations[0]!.id], 'webhooks': [webhook.id], 'api-keys': [row.id],
    'sessions': [[...it.bridge.sessions.keys()][0]!], 'events': ['evt_1', 'none']
  }
}

function check ({ method, path, operation }: Target, answer: LightMyRequestResponse, shapes: Shapes): void {
  const status = String(answer.statusCode)
  const where = `${method} ${path} answered ${status}: ${answer.body.slice(0, 300)}`
  assert.ok(answer.statusCode < 500 || status in operation.responses, where)
  if (framing.has(status) && !(status in operation.responses)) return
  // An id of odd characters may not lead to this operation at all.
  if ((status === '404' || status === '405' || status === '302') && !(status in operation.responses)) return
  assert.ok(status in operation.responses, `${where}\nis not described`)
  const type = String(answer.headers['content-type'] ?? '').split(';')[0]!
  const schema = operation.responses[status]!.content?.[type]?.schema
  if (answer.body === '' || (!schema && !type.endsWith('json'))) return
  assert.ok(schema, `${where}\n${type} is not described`)
  if (type.endsWith('json')) assert.deepEqual(violations(schema, answer.json(), shapes), [], where)
}

test(`${REQUESTS} requests made from the description: no answer is a mistake of ours, each is as described`, async () => {
  await using it = await controlUnderTest()
  const document = (await it.ask('GET', '/openapi.json')).json() as { paths: Record<string, Record<string, Operation>>, components: { schemas: Shapes } }
  const shapes = document.components.schemas
  const targets = Object.entries(document.paths).flatMap(([path, methods]) => Object.entries(methods).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })))
    .filter(({ path }) => !/\/(?:stream|drain)$|^\/(?:docs|metrics|openapi.json)$/.test(path)) // No end, an end for all, and what is no JSON.
  it.recordings.path = import.meta.filename
  let ids = await furnish(it)
  const one = (list: () => readonly string[]): fc.Arbitrary<string> => fc.noBias(fc.nat()).map(n => list()[n % list().length]!)
  const foreign = one(() => Object.values(ids).flat())
  const knownIn = (path: string): fc.Arbitrary<string> => {
    const collection = path.split('/')[3] ?? ''
    return fc.oneof({ weight: 3, arbitrary: one(() => ids[collection] ?? Object.values(ids).flat()) }, { weight: 1, arbitrary: foreign })
  }
  const any = fc.noBias(fc.nat({ max: targets.length - 1 })).chain(n => requests(targets[n]!, shapes, knownIn(targets[n]!.path)).map(request => ({ target: targets[n]!, request })))
  let done = 0
  const succeeded = new Set<string>()
  await fc.assert(fc.asyncProperty(any, async ({ target, request }) => {
    if (done++ % 25 === 0) ids = await furnish(it) // They are deleted as we go.
    const answer = await it.app.inject(request)
    if (answer.statusCode < 300) succeeded.add(target.operation.operationId)
    check(target, answer, shapes)
  }), { numRuns: REQUESTS, seed: SEED, endOnFailure: true })
  assert.ok(succeeded.size > targets.length * 0.75, `only ${succeeded.size} of ${targets.length} operations ever succeeded`)
})

test('the description is whole: every reference leads somewhere, every operation has an id of its own and says what it needs', async () => {
  await using it = await controlUnderTest()
  const text = (await it.ask('GET', '/openapi.json')).body
  const document = JSON.parse(text) as { openapi: string, paths: Record<string, Record<string, Operation & { security: unknown, summary: string }>>, components: { schemas: Shapes } }
  assert.equal(document.openapi, '3.1.0')
  for (const [, name = ''] of text.matchAll(/"#\/components\/schemas\/(\w+)"/g)) assert.ok(name in document.components.schemas, name)
  const operations = Object.values(document.paths).flatMap(methods => Object.values(methods))
  assert.equal(new Set(operations.map(o => o.operationId)).size, operations.length)
  for (const { operationId, security, summary, responses } of operations) assert.ok(security && summary && Object.keys(responses).length > 0, operationId)
})
