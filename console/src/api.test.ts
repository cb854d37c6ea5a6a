import assert from 'node:assert/strict'
import test from 'node:test'
import { Api, ApiError, recordingFile, whepPath } from './api.ts'

type Call = { url: string, init: RequestInit }

/** An API whose service answers the same to everything. */
function against (status: number, body?: unknown) {
  const calls: Call[] = []
  let loggedOut = 0
  const api = new Api({
    fetch: async (url, init) => {
      calls.push({ url, init })
      return new Response(body === undefined ? null : JSON.stringify(body), { status })
    },
    onUnauthorized: () => { loggedOut++ }
  })
  return { api, calls, loggedOut: () => loggedOut }
}
const headersOf = (call: Call | undefined): Headers => new Headers(call?.init.headers)

test('what changes something carries the header that no foreign form can send', async () => {
  const { api, calls } = against(200, { items: [], next: null })
  await api.ingresses()
  await api.startRecording('demo', 'camera')
  await api.endSession('ses_1')
  assert.deepEqual(calls.map(call => headersOf(call).get('x-requested-with')), [null, 'auralink-console', 'auralink-console'])
  assert.equal(calls[1]?.init.body, '{"room":"demo","participant":"camera"}')
  assert.equal(headersOf(calls[2]).get('content-type'), null, 'no body, no type')
})

test('lists come without their wrapping', async () => {
  assert.deepEqual(await against(200, { items: [{ id: 'rec_1' }], next: null }).api.ingresses(), [{ id: 'rec_1' }])
})

test('a refusal says what the service says, with its code', async () => {
  const { api, loggedOut } = against(409, { code: 'conflict', title: 'The current state does not allow this', detail: 'This recording is over already.' })
  await assert.rejects(api.stopRecording('rec_1'), { name: 'ApiError', status: 409, code: 'conflict', message: 'This recording is over already.' })
  assert.equal(loggedOut(), 0)
})

test('401 anywhere leads to the login, except from the login itself', async () => {
  const somewhere = against(401, { title: 'Credentials are missing or wrong' })
  await assert.rejects(somewhere.api.conferences(), ApiError)
  assert.equal(somewhere.loggedOut(), 1)
  const login = against(401, { title: 'Credentials are missing or wrong' })
  await assert.rejects(login.api.login({ apiKey: 'wrong' }), /Credentials/)
  assert.equal(login.loggedOut(), 0)
})

test('an answer of 204 has no body, a 503 of the probes has one', async () => {
  assert.equal(await against(204).api.endSession('ses_1'), undefined)
  assert.deepEqual(await against(503, { status: 'not_ready', checks: { database: false } }).api.ready(), { status: 'not_ready', checks: { database: false } })
})

test('a service that is away is an error of its own', async () => {
  const api = new Api({ fetch: async () => { throw new TypeError('fetch failed') } })
  await assert.rejects(api.conferences(), { code: 'unreachable', status: 0 })
})

test('names become paths safely', () => {
  assert.equal(whepPath('demo'), '/whep/demo')
  assert.equal(whepPath('demo', 'cam 1&x=/'), '/whep/demo?participant=cam%201%26x%3D%2F')
  assert.equal(recordingFile('rec_1'), '/api/v1/recordings/rec_1/file?part=1')
  assert.equal(recordingFile('rec_1', 2, { download: true }), '/api/v1/recordings/rec_1/file?part=2&download=1')
})
