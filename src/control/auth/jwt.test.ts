import assert from 'node:assert/strict'
import { createHmac, createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import test from 'node:test'
import { ManualClock } from '../../../test/support/manual-clock.ts'
import { duplicateKey } from './duplicate-key.ts'
import { Jwks } from './jwks.ts'
import { JwtRefused, type JwtReason, JwtVerifier } from './jwt.ts'

const clock = new ManualClock()
const now = clock.wall() / 1000
const secret = 'a secret of more than thirty-two bytes'
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const ed = generateKeyPairSync('ed25519')
const rotated = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const jwk = (key: { publicKey: import('node:crypto').KeyObject }, kid: string) => ({ ...key.publicKey.export({ format: 'jwk' }), kid, use: 'sig' })
const keySet = JSON.stringify({ keys: [jwk(rsa, 'rsa-1'), jwk(ec, 'ec-1'), jwk(ed, 'ed-1')] })
const fetch = async () => ({ status: 200, text: async () => keySet })
const jwks = new Jwks({ url: 'https://issuer.example/keys', fetch, clock })
const verifier = new JwtVerifier({ issuer: 'auralink', audience: 'auralink-services', secret, jwks }, clock)

const claims = { iss: 'auralink', aud: 'auralink-services', sub: 'ann', exp: now + 300, iat: now, scopes: ['view'], room: 'hall' }
const b64 = (value: unknown): string => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
const signing = (header: unknown, payload: unknown): string => `${b64(header)}.${b64(payload)}`
const hs = (header: unknown, payload: unknown, key: string | Buffer = secret): string => {
  const input = signing(header, payload)
  return `${input}.${createHmac('sha256', key).update(input).digest('base64url')}`
}
const es = (header: object, payload: unknown = claims, key = ec.privateKey): string => {
  const input = signing({ alg: 'ES256', kid: 'ec-1', ...header }, payload)
  return `${input}.${sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
}
const good = { alg: 'HS256', typ: 'JWT' }
const with_ = (more: object) => hs(good, { ...claims, ...more })
const without = (name: keyof typeof claims) => hs(good, Object.fromEntries(Object.entries(claims).filter(([key]) => key !== name)))
const rsaPem = rsa.publicKey.export({ format: 'pem', type: 'spki' }) as string

test('good tokens: each algorithm with its own kind of key', async () => {
  for (const [name, token] of [
    ['HS256', hs(good, claims)],
    ['without typ', hs({ alg: 'HS256' }, claims)],
    ['RS256', `${signing({ alg: 'RS256', kid: 'rsa-1' }, claims)}.${sign('sha256', Buffer.from(signing({ alg: 'RS256', kid: 'rsa-1' }, claims)), rsa.privateKey).toString('base64url')}`],
    ['ES256', es({})],
    ['ES256 without kid', es({ kid: undefined })],
    ['EdDSA', `${signing({ alg: 'EdDSA', kid: 'ed-1' }, claims)}.${sign(null, Buffer.from(signing({ alg: 'EdDSA', kid: 'ed-1' }, claims)), ed.privateKey).toString('base64url')}`],
    ['one of several audiences', with_({ aud: ['other', 'auralink-services'] })],
    ['expired, within the leeway', with_({ exp: now - 20 })]
  ] as const) {
    const principal = await verifier.verify(token).catch(error => assert.fail(`${name}: ${error.reason}`))
    assert.deepEqual([principal.subject, [...principal.scopes], principal.room], ['ann', ['view'], 'hall'], name)
  }
  assert.deepEqual([...(await verifier.verify(with_({ scopes: undefined, scope: 'openid record rooms' }))).scopes], ['rooms', 'record'])
})

const zeros = Buffer.alloc(64).toString('base64url')
const bad: readonly [name: string, token: () => string, reason: JwtReason][] = [
  ['alg none', () => `${signing({ alg: 'none' }, claims)}.`, 'algorithm_none'],
  ['alg None', () => `${signing({ alg: 'None' }, claims)}.`, 'algorithm_none'],
  ['alg nOnE with a signature', () => hs({ alg: 'nOnE' }, claims), 'algorithm_none'],
  ['HS256 with the RSA public key as its secret', () => hs({ alg: 'HS256', kid: 'rsa-1' }, claims, rsaPem), 'signature'],
  ['the same, after a line feed', () => hs(good, claims, `\n${rsaPem}`), 'signature'],
  ['the same, after a space', () => hs(good, claims, ` ${rsaPem}`), 'signature'],
  ['ES256 with r = s = 0', () => `${signing({ alg: 'ES256', kid: 'ec-1' }, claims)}.${zeros}`, 'signature'],
  ['an empty signature', () => `${signing(good, claims)}.`, 'signature_missing'],
  ['no signature', () => signing(good, claims), 'malformed'],
  ['another algorithm of the same family', () => hs({ alg: 'HS512' }, claims), 'algorithm'],
  ['an unknown critical header', () => hs({ ...good, crit: ['exp2'], exp2: 1 }, claims), 'critical_header'],
  ['kid ../../dev/null', () => es({ kid: '../../dev/null' }), 'unknown_key'],
  ['kid SQL', () => es({ kid: "' OR 1=1 --" }), 'unknown_key'],
  ['kid URL', () => es({ kid: 'https://evil.example/key' }), 'unknown_key'],
  ['kid of 1,000 characters', () => es({ kid: 'k'.repeat(1000) }), 'key_id'],
  ['kid of 1 MB', () => es({ kid: 'k'.repeat(1 << 20) }), 'too_long'],
  ['jku', () => hs({ ...good, jku: 'https://evil.example/keys' }, claims), 'embedded_key'],
  ['x5u', () => hs({ ...good, x5u: 'https://evil.example/cert' }, claims), 'embedded_key'],
  ['jwk', () => es({ jwk: rotated.publicKey.export({ format: 'jwk' }) }, claims, rotated.privateKey), 'embedded_key'],
  ['a key rotated out', () => es({ kid: 'ec-0' }, claims, rotated.privateKey), 'unknown_key'],
  ['no exp', () => without('exp'), 'expiry_missing'],
  ['exp as text', () => with_({ exp: String(now + 300) }), 'expiry_type'],
  ['exp a fraction, past', () => with_({ exp: now - 60.5 }), 'expired'],
  ['exp 1e308', () => with_({ exp: 1e308 }), 'expiry_range'],
  ['exp negative', () => with_({ exp: -1 }), 'expired'],
  ['exp past by 61 s', () => with_({ exp: now - 61 }), 'expired'],
  ['nbf in the future', () => with_({ nbf: now + 61 }), 'not_yet_valid'],
  ['nbf as text', () => with_({ nbf: 'soon' }), 'time_type'],
  ['iat an hour ahead', () => with_({ iat: now + 3600 }), 'issued_in_future'],
  ['no aud', () => without('aud'), 'audience'],
  ['another aud', () => with_({ aud: 'somebody-else' }), 'audience'],
  ['several other auds', () => with_({ aud: ['a', 'b'] }), 'audience'],
  ['another iss', () => with_({ iss: 'auralink.evil.example' }), 'issuer'],
  ['no iss', () => without('iss'), 'issuer'],
  ['sub an object', () => with_({ sub: { admin: true } }), 'subject'],
  ['no sub', () => without('sub'), 'subject'],
  ['duplicate claims', () => hs(good, JSON.stringify(claims).replace('{', '{"scopes":["admin"],')), 'duplicate_field'],
  ['duplicate header fields', () => hs('{"alg":"HS256","\\u0061lg":"HS256"}', claims), 'duplicate_field'],
  ['padding', () => `${hs(good, claims)}=`, 'malformed'],
  ['white space inside', () => hs(good, claims).replace('.', ' .'), 'malformed'],
  ['100 KiB', () => with_({ filler: randomBytes(75_000).toString('base64') }), 'too_long'],
  ['an encrypted token', () => `${b64({ alg: 'dir', enc: 'A256GCM' })}..${b64('iv')}.${b64('text')}.${b64('tag')}`, 'encrypted'],
  ['a token of another type', () => hs({ alg: 'HS256', typ: 'media+jwt' }, claims), 'type'],
  ['scopes as text', () => with_({ scopes: 'admin' }), 'scopes'],
  ['a room that is no name', () => with_({ room: '../../x' }), 'room_claim'],
  ['an identity that is no text', () => with_({ identity: { name: 'ann' } }), 'identity_claim'],
  ['an identity with a line break', () => with_({ identity: 'ann\nbob' }), 'identity_claim'],
  ['a changed claim', () => hs(good, claims).replace(b64(claims), b64({ ...claims, scopes: ['admin'] })), 'signature'],
  ['a header that is not JSON', () => `${b64('not json')}.${b64(claims)}.${zeros}`, 'malformed'],
  ['a header that is a list', () => `${b64('[]')}.${b64(claims)}.${zeros}`, 'malformed'],
  ['single use without an id', () => with_({ singleUse: true }), 'replayed']
]

for (const [name, token, reason] of bad) {
  test(`refused: ${name}`, async () => {
    await assert.rejects(verifier.verify(token()), (error: unknown) => {
      assert.ok(error instanceof JwtRefused)
      assert.equal(error.reason, reason)
      assert.equal(error.httpStatus, 401)
      assert.equal(error.message, 'Credentials are missing or wrong', 'says nothing of the reason')
      return true
    })
  })
}

test('a single-use token is used up', async () => {
  const token = with_({ singleUse: true, jti: 'once' })
  await verifier.verify(token)
  await assert.rejects(verifier.verify(token), { reason: 'replayed' })
})

test('a secret too short, or that is a public key, is refused at the start', () => {
  for (const wrong of ['secret', 'x'.repeat(31), rsaPem, JSON.stringify(ec.publicKey.export({ format: 'jwk' }))]) {
    assert.throws(() => new JwtVerifier({ issuer: 'a', audience: 'b', secret: wrong }, clock), /security\.jwt\.secret/)
  }
})

test('duplicate keys are found at the top only, however they are written', () => {
  for (const [json, expected] of [
    ['{"a":1,"b":2}', undefined], ['{"a":1,"a":2}', 'a'], ['{"a":1,"\\u0061":2}', 'a'], ['{"a":{"a":1},"b":[{"b":1}]}', undefined],
    ['{"x":"a","y":"a"}', undefined], ['{"x":"\\"a\\":","a":1}', undefined], ['{"a" : 1, "a" : 2}', 'a'], ['{}', undefined], ['"text"', undefined]
  ] as const) assert.equal(duplicateKey(json), expected, json)
})

test('keys: a private key or a foreign one in the set is left alone', async () => {
  const odd = { keys: [{ ...createPrivateKey(ec.privateKey.export({ format: 'pem', type: 'pkcs8' })).export({ format: 'jwk' }), kid: 'private' }, { kty: 'oct', k: b64(secret), kid: 'oct' },
    { ...jwk(rsa, 'enc'), use: 'enc' }, { kty: 'RSA', n: 'AQAB', e: 'AQAB', kid: 'tiny' }, { kty: 'EC', crv: 'P-256', x: '!', y: '!', kid: 'broken' }, null, jwk({ publicKey: createPublicKey(ec.privateKey) }, 'ec-1')] }
  const set = new Jwks({ url: 'https://issuer.example/keys', fetch: async () => ({ status: 200, text: async () => JSON.stringify(odd) }), clock })
  assert.ok(await set.find('ec-1', 'ES256'))
  for (const kid of ['private', 'oct', 'enc', 'tiny', 'broken']) {
    for (const algorithm of ['RS256', 'ES256', 'EdDSA'] as const) assert.equal(await set.find(kid, algorithm), undefined, kid)
  }
})
