import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import test from 'node:test'
import { ADMIN_KEY, admin, controlOptions, controlParts, controlUnderTest } from '../../test/support/control.ts'
import { systemClock } from '../lib/clock.ts'
import { limits } from './limits.ts'
import { openControl } from './server.ts'

const json = { ...admin, 'content-type': 'application/json' }

test('every error is a problem with a code: what is asked wrongly', async () => {
  await using it = await controlUnderTest()
  const big = JSON.stringify({ protocol: 'rtmp', room: 'a'.repeat(limits.maxJsonBytes) })
  for (const [method, url, headers, payload, status, code] of [
    ['GET', '/nope', admin, undefined, 404, 'not_found'],
    ['GET', '/api/v1/nope', {}, undefined, 404, 'not_found'],
    ['GET', '/api/v1/sessions/ses_none', admin, undefined, 404, 'not_found'],
    ['GET', '/api/v1/sessions/%zz', admin, undefined, 400, 'bad_request'],
    ['GET', `/api/v1/sessions/${'a'.repeat(300)}`, admin, undefined, 400, 'bad_request'],
    ['GET', '/api/v1/sessions', {}, undefined, 401, 'unauthorized'],
    ['PUT', '/api/v1/ingresses', admin, '{}', 405, 'method_not_allowed'],
    ['DELETE', '/health', {}, undefined, 405, 'method_not_allowed'],
    ['PUT', '/health?a=1', { 'content-type': 'application/sdp' }, 'v=0', 405, 'method_not_allowed'],
    ['POST', '/nope', json, '{"room":', 404, 'not_found'],
    ['POST', '/api/v1/ingresses', json, big, 413, 'payload_too_large'],
    ['POST', '/api/v1/ingresses', { ...admin, 'content-type': 'text/plain' }, '{}', 415, 'unsupported_media_type'],
    ['POST', '/api/v1/ingresses', { ...admin, 'content-type': 'application/json garbage' }, '{}', 415, 'unsupported_media_type'],
    ['POST', '/api/v1/ingresses', { ...admin, 'content-type': 'application/xml' }, '<a/>', 415, 'unsupported_media_type'],
    ['POST', '/api/v1/ingresses', json, '{"room":', 400, 'bad_request'],
    ['POST', '/api/v1/ingresses', json, '', 400, 'bad_request'],
    ['POST', '/api/v1/ingresses', json, '{"__proto__":{"a":1}}', 400, 'bad_request'],
    ['POST', '/api/v1/ingresses', json, '['.repeat(100_000), 400, 'bad_request'],
    ['POST', '/api/v1/ingresses', admin, undefined, 400, 'bad_request']
  ] as const) {
    const answer = await it.app.inject({ method, url, headers, ...(payload === undefined ? {} : { payload }) })
    const where = `${method} ${url.slice(0, 60)}`
    assert.equal(answer.statusCode, status, where)
    assert.match(String(answer.headers['content-type']), /^application\/problem\+json/, where)
    const problem = answer.json()
    assert.deepEqual([problem.code, problem.status, problem.instance], [code, status, answer.headers['x-request-id']], where)
    for (const field of ['type', 'title', 'detail']) assert.equal(typeof problem[field], 'string', where)
    assert.doesNotMatch(answer.body, /\bat .*\.ts|node_modules|stack/, where)
  }
})

test('405 says what the path takes', async () => {
  await using it = await controlUnderTest()
  assert.equal((await it.ask('PATCH', '/api/v1/ingresses')).headers['allow'], 'GET, HEAD, POST')
  assert.equal((await it.ask('POST', '/ready')).headers['allow'], 'GET, HEAD')
})

test('a wrong field is named, with what was expected; so are all the others', async () => {
  await using it = await controlUnderTest()
  const answer = await it.ask('POST', '/api/v1/ingresses', { payload: { protocol: 'smoke', room: '../../x', nmae: 'a', identity: 7 } })
  assert.equal(answer.statusCode, 400)
  assert.deepEqual(answer.json().problems.map((p: { field: string }) => p.field).sort(), ['identity', 'nmae', 'protocol', 'room'])
  const query = await it.ask('GET', '/api/v1/sessions?limit=abc&colour=red')
  assert.deepEqual(query.json().problems.map((p: { field: string }) => p.field).sort(), ['colour', 'limit'])
})

test('a mistake of our own says nothing about itself', async () => {
  await using it = await controlUnderTest({
    parts: { recordings: { get: () => { throw new Error('canary: connect to secret-host failed') } } as never }
  })
  const answer = await it.ask('GET', '/api/v1/recordings/rec_1')
  assert.deepEqual([answer.statusCode, answer.json().code], [500, 'internal'])
  assert.doesNotMatch(answer.body, /canary/)
})

test('a part that does not answer is not waited for', async t => {
  await using it = await controlUnderTest({ parts: { recordings: { get: () => new Promise(() => {}) } as never } })
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const answer = it.ask('GET', '/api/v1/recordings/rec_1')
  for (let i = 0; i < 50; i++) await new Promise(resolve => setImmediate(resolve))
  t.mock.timers.tick(limits.handlerTimeoutMs)
  const { statusCode, headers, json } = await answer
  assert.deepEqual([statusCode, json().code, headers['retry-after']], [503, 'dependency_unavailable', '5'])
})

/** Sends raw bytes and returns all that comes back. */
async function raw (port: number, bytes: string): Promise<string> {
  const socket = net.connect(port, '127.0.0.1')
  let answer = ''
  socket.setEncoding('utf8').on('data', text => { answer += text }).on('error', () => {})
  socket.write(bytes)
  await once(socket, 'close')
  return answer
}

test('what fails below HTTP is a problem too', async () => {
  const around = controlParts({ clock: systemClock })
  using _dependencies = around.dependencies
  using _metrics = around.metrics
  await using control = await openControl(controlOptions, around.parts)
  const tooLong = await raw(control.port, `GET /health HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(limits.maxHeaderBytes + 1)}\r\n\r\n`)
  assert.match(tooLong, /^HTTP\/1\.1 431 /)
  assert.match(tooLong, /"code":"headers_too_large"/)
  const rubbish = await raw(control.port, 'NOT HTTP AT ALL\r\n\r\n')
  assert.match(rubbish, /^HTTP\/1\.1 400 .*problem\+json.*"code":"bad_request"/s)
  const smuggled = await raw(control.port, 'POST /api/v1/tokens HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n')
  assert.match(smuggled, /^HTTP\/1\.1 400 /)
  const half = `POST /api/v1/recordings HTTP/1.1\r\nHost: a\r\nX-AuraLink-API-Key: ${ADMIN_KEY}\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{`
  const [slowBody, slowHeader] = await Promise.all([raw(control.port, half), raw(control.port, 'GET /health HTTP/1.1\r\nHo')])
  for (const slow of [slowBody, slowHeader]) assert.match(slow, /^HTTP\/1\.1 408 .*"code":"request_timeout"/s)
  const { server } = control.app
  assert.deepEqual([server.headersTimeout, server.requestTimeout, server.keepAliveTimeout, server.maxConnections, server.maxRequestsPerSocket],
    [10_000, 15_000, 5_000, 1_000, 1_000])
})
