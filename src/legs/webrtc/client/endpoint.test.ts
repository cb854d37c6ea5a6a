import assert from 'node:assert/strict'
import test from 'node:test'
import { AppError, type ErrorCode } from '../../../lib/errors.ts'
import { ConnectionError } from '../../../lib/persevere.ts'
import { type Dialer, Endpoint, type HttpAnswer } from './endpoint.ts'

const URL_OF = 'https://media.example/whip/stage?key=secret'
const TOKEN = 'canary-token'
const { signal } = new AbortController()

type Asked = { readonly method: string, readonly url: string, readonly authorization: string | undefined, readonly body: string | undefined }

/** A dialer that answers from a script, and keeps what it was asked. */
class Scripted implements Dialer {
  readonly asked: Asked[] = []
  readonly #answers: (Partial<HttpAnswer> | Error)[]

  constructor (...answers: (Partial<HttpAnswer> | Error)[]) { this.#answers = answers }

  async send (url: string, { method, headers, body }: Parameters<Dialer['send']>[1]): Promise<HttpAnswer> {
    this.asked.push({ method, url, authorization: headers.authorization, body })
    const answer = this.#answers.shift() ?? new Error('asked too often')
    if (answer instanceof Error) throw answer
    return { status: 201, headers: {}, text: '', ...answer }
  }

  async reachable (): Promise<readonly never[]> { return [] }
}

const post = (dialer: Dialer) => new Endpoint(dialer, { url: URL_OF, token: TOKEN }).post('v=0', signal)
const redirect = (location: string, status = 307): Partial<HttpAnswer> => ({ status, headers: { location } })

test('an offer goes out with the token, the answer comes back with the session’s URL, which is deleted', async () => {
  for (const [location, session] of [['/sessions/1', 'https://media.example/sessions/1'], ['https://other.example/s/1', 'https://other.example/s/1'], ['2', 'https://media.example/whip/2']] as const) {
    const dialer = new Scripted({ headers: { location }, text: 'answer' }, { status: 200 })
    const opened = await post(dialer)
    assert.deepEqual(opened, { sdp: 'answer', candidatesFrom: URL_OF, session })
    await new Endpoint(dialer, { url: URL_OF, token: TOKEN }).delete(session)
    assert.deepEqual(dialer.asked, [
      { method: 'POST', url: URL_OF, authorization: `Bearer ${TOKEN}`, body: 'v=0' }, { method: 'DELETE', url: session, authorization: `Bearer ${TOKEN}`, body: undefined }
    ])
  }
  assert.equal((await post(new Scripted({ text: 'answer' }))).session, undefined, 'a server without sessions')
})

test('redirects are followed with the offer, a few of them, and never from https to http', async () => {
  const dialer = new Scripted(redirect('https://b.example/x', 308), redirect('/y'), { text: 'answer', headers: { location: 's' } })
  const opened = await post(dialer)
  assert.deepEqual(dialer.asked.map(({ url, body }) => [url, body]), [[URL_OF, 'v=0'], ['https://b.example/x', 'v=0'], ['https://b.example/y', 'v=0']])
  assert.deepEqual([opened.candidatesFrom, opened.session], ['https://b.example/y', 'https://b.example/s'])
  const circle = new Scripted(...Array.from({ length: 9 }, () => redirect('/again')))
  await assert.rejects(post(circle), { code: 'protocol_error', message: /in circles/ })
  assert.equal(circle.asked.length, 4)
  const down = new Scripted(redirect('http://media.example/whip/stage'))
  await assert.rejects(post(down), { code: 'destination_not_allowed' })
  assert.equal(down.asked.length, 1)
  await assert.rejects(post(new Scripted({ status: 302, headers: { location: '/x' } })), { code: 'dependency_unavailable' })
})

test('the token does not travel in the clear to a session that is not on https', async () => {
  const dialer = new Scripted({ status: 200 })
  await new Endpoint(dialer, { url: URL_OF, token: TOKEN }).delete('http://media.example/s')
  assert.equal(dialer.asked[0]!.authorization, undefined)
})

const refusals: [number, ErrorCode, boolean][] = [
  [400, 'unprocessable_sdp', false], [401, 'unauthorized', true], [403, 'forbidden', true], [404, 'not_found', false], [405, 'method_not_allowed', true], [406, 'no_common_codec', false],
  [409, 'not_live', false], [415, 'unsupported_media_type', true], [422, 'unprocessable_sdp', false], [429, 'rate_limited', false], [500, 'dependency_unavailable', false], [503, 'dependency_unavailable', false]
]
for (const [status, code, final] of refusals) {
  test(`status ${status} is ${code}${final ? ', for good' : ''}`, async () => {
    await assert.rejects(post(new Scripted({ status, headers: { 'retry-after': '7' } })), (error: unknown) => {
      assert.ok(error instanceof ConnectionError)
      assert.deepEqual([error.code, error.final, error.retryAfterMs], [code, final, 7000])
      return true
    })
  })
}

test('a refusal is quoted, short, without what looks like a secret; a date to retry at is a wait', async () => {
  const at = new Date(Date.now() + 60_000).toUTCString()
  const text = JSON.stringify({ detail: `room is full\u0007 ${'x'.repeat(500)} `, other: 1 })
  await assert.rejects(post(new Scripted({ status: 503, text, headers: { 'content-type': 'application/problem+json', 'retry-after': at } })), (error: unknown) => {
    assert.ok(error instanceof ConnectionError)
    assert.match(error.message, /status 503: “room is full  x{20}/)
    assert.ok(error.message.length < 300)
    assert.ok(error.retryAfterMs > 50_000 && error.retryAfterMs <= 60_000)
    return true
  })
  await assert.rejects(post(new Scripted({ status: 500, text: 'no: Bearer canary-token', headers: { 'content-type': 'text/plain' } })), error => !String(error).includes('canary'))
  await assert.rejects(post(new Scripted({ status: 500, text: '<html>', headers: { 'content-type': 'text/html', 'retry-after': 'soon' } })), { message: /\(status 500\)/, retryAfterMs: 0 })
})

test('a server that is away is said without its URL; a good-bye never fails', async () => {
  const away = Object.assign(new Error('connect ECONNREFUSED 10.1.1.1:443'), { code: 'ECONNREFUSED' })
  await assert.rejects(post(new Scripted(away)), error => error instanceof AppError && error.code === 'dependency_unavailable')
  await new Endpoint(new Scripted(away), { url: URL_OF }).delete('https://media.example/s')
})
