import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import test from 'node:test'
import { ManualClock } from '../../../test/support/manual-clock.ts'
import { Jwks } from './jwks.ts'

const MINUTE = 60_000
const keyNamed = (kid: string) => ({ ...generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' }), kid })

/** An issuer whose keys and mood can be changed. */
function issuer (...kids: string[]) {
  const clock = new ManualClock()
  const state = { keys: kids.map(keyNamed), down: false, fetches: 0, text: undefined as string | undefined }
  const fetch = async () => {
    state.fetches++
    if (state.down) throw new Error('connection refused')
    return { status: 200, text: async () => state.text ?? JSON.stringify({ keys: state.keys }) }
  }
  return { clock, state, jwks: new Jwks({ url: 'https://issuer.example/keys', fetch, clock }) }
}

test('many tokens, one fetch', async () => {
  const { jwks, state } = issuer('a')
  await Promise.all(Array.from({ length: 50 }, () => jwks.find('a', 'EdDSA')))
  assert.equal(state.fetches, 1)
})

test('a new key is found with the first token that names it, and the old one is gone', async () => {
  const { jwks, state, clock } = issuer('old')
  assert.ok(await jwks.find('old', 'EdDSA'))
  state.keys = [keyNamed('new')]
  clock.advance(30_000)
  assert.ok(await jwks.find('new', 'EdDSA'))
  assert.equal(await jwks.find('old', 'EdDSA'), undefined)
})

test('made-up key ids cause one fetch in thirty seconds', async () => {
  const { jwks, state, clock } = issuer('a')
  await jwks.find('a', 'EdDSA')
  for (let i = 0; i < 1000; i++) assert.equal(await jwks.find(`made-up-${i}`, 'EdDSA'), undefined)
  assert.equal(state.fetches, 1, 'they were fetched just now')
  clock.advance(30_000)
  await Promise.all(Array.from({ length: 1000 }, (_, i) => jwks.find(`made-up-${i}`, 'EdDSA')))
  assert.equal(state.fetches, 2)
})

test('the last good keys last a day while their source is away, and nobody waits for it', async () => {
  const { jwks, state, clock } = issuer('a')
  await jwks.find('a', 'EdDSA')
  state.down = true
  for (let hour = 0; hour < 23; hour++) {
    clock.advance(60 * MINUTE)
    assert.ok(await jwks.find('a', 'EdDSA'), `hour ${hour}`)
  }
  clock.advance(61 * MINUTE)
  await assert.rejects(jwks.find('a', 'EdDSA'), { code: 'dependency_unavailable' })
  state.down = false
  clock.advance(30_000)
  assert.ok(await jwks.find('a', 'EdDSA'))
})

test('an answer that is too long, not JSON or no list changes nothing', async () => {
  const { jwks, state, clock } = issuer('a')
  await jwks.find('a', 'EdDSA')
  for (const text of ['x'.repeat(300_000), 'not json', '{"keys":5}', 'null']) {
    state.text = text
    clock.advance(11 * MINUTE)
    await jwks.find('a', 'EdDSA')
    await jwks.find('b', 'EdDSA')
    assert.ok(await jwks.find('a', 'EdDSA'), text.slice(0, 20))
  }
})

test('without an id there must be exactly one key that fits', async () => {
  assert.ok(await issuer('a').jwks.find(undefined, 'EdDSA'))
  assert.equal(await issuer('a', 'b').jwks.find(undefined, 'EdDSA'), undefined)
  assert.equal(await issuer('a').jwks.find('a', 'ES256'), undefined, 'of another kind')
})
