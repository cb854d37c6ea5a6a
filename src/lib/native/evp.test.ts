import assert from 'node:assert/strict'
import { createCipheriv, createHmac, randomBytes } from 'node:crypto'
import test from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { CtrKey, CTR_IV_BYTES, EcbKey, GcmKey, GCM_IV_BYTES, GCM_TAG_BYTES, HmacSha1Key, Memory, SHA1_BYTES } from './evp.ts'

const lengths = [0, 1, 15, 16, 17, 63, 64, 65, 255, 1200, 9000, 65_000]
const fresh = (length: number): Memory => new Memory(randomBytes(length))

for (const keyBytes of [16, 32]) {
  test(`AES-${keyBytes * 8}-GCM is that of node:crypto, there and back`, () => {
    const secret = randomBytes(keyBytes)
    using key = new GcmKey(secret)
    for (const length of lengths) {
      for (const aadLength of [0, 1, 12, 300]) {
        const iv = fresh(GCM_IV_BYTES)
        const memory = fresh(3 + aadLength + length + GCM_TAG_BYTES + 3)
        const before = Buffer.from(memory.bytes)
        const at = 3 + aadLength
        key.seal(iv, memory, 3, aadLength, memory, at, length)
        const cipher = createCipheriv(`aes-${keyBytes === 16 ? 128 : 256}-gcm`, secret, iv.bytes)
        cipher.setAAD(before.subarray(3, at))
        const text = Buffer.concat([cipher.update(before.subarray(at, at + length)), cipher.final()])
        const expected = Buffer.concat([before.subarray(0, at), text, cipher.getAuthTag(), before.subarray(-3)])
        assert.ok(memory.bytes.equals(expected), `${length} bytes with ${aadLength}`)
        assert.ok(key.open(iv, memory, 3, aadLength, memory, at, length))
        assert.ok(memory.bytes.subarray(0, at + length).equals(before.subarray(0, at + length)))
      }
    }
  })

  test(`AES-${keyBytes * 8}-CTR is that of node:crypto`, () => {
    const secret = randomBytes(keyBytes)
    using key = new CtrKey(secret)
    for (const length of lengths) {
      const iv = fresh(CTR_IV_BYTES)
      const memory = fresh(5 + length + 5)
      const before = Buffer.from(memory.bytes)
      key.crypt(iv, memory, 5, length)
      const text = createCipheriv(`aes-${keyBytes === 16 ? 128 : 256}-ctr`, secret, iv.bytes).update(before.subarray(5, 5 + length))
      assert.ok(memory.bytes.equals(Buffer.concat([before.subarray(0, 5), text, before.subarray(-5)])), `${length} bytes`)
    }
  })
}

test('AES in blocks is that of node:crypto', () => {
  for (const keyBytes of [16, 32]) {
    const secret = randomBytes(keyBytes)
    using key = new EcbKey(secret)
    const memory = fresh(5 + 80 + 5)
    const before = Buffer.from(memory.bytes)
    key.encrypt(memory, 5, 80)
    const text = createCipheriv(`aes-${keyBytes * 8}-ecb`, secret, null).setAutoPadding(false).update(before.subarray(5, 85))
    assert.ok(memory.bytes.equals(Buffer.concat([before.subarray(0, 5), text, before.subarray(-5)])))
    assert.throws(() => key.encrypt(memory, 0, 17), RangeError, 'not whole blocks')
    assert.throws(() => key.encrypt(memory, 80, 16), RangeError, 'outside')
  }
})

test('HMAC-SHA1 is that of node:crypto', () => {
  for (const keyBytes of [1, 20, 64, 100, 256, 300]) {
    const secret = randomBytes(keyBytes)
    using key = new HmacSha1Key(secret)
    for (const length of lengths) {
      const memory = fresh(5 + length + 5)
      const digest = fresh(SHA1_BYTES + 1)
      const after = digest.bytes[SHA1_BYTES]
      key.sign(memory, 5, length, digest)
      assert.deepEqual(digest.bytes.subarray(0, SHA1_BYTES), createHmac('sha1', secret).update(memory.bytes.subarray(5, 5 + length)).digest())
      assert.equal(digest.bytes[SHA1_BYTES], after)
    }
  }
})

test('what was changed does not open, and the key goes on', () => {
  using key = new GcmKey(randomBytes(16))
  const iv = fresh(GCM_IV_BYTES)
  const memory = fresh(12 + 40 + GCM_TAG_BYTES)
  const plain = Buffer.from(memory.bytes.subarray(0, 52))
  key.seal(iv, memory, 0, 12, memory, 12, 40)
  const sealed = Buffer.from(memory.bytes)
  for (let i = 0; i < sealed.length; i++) {
    sealed.copy(memory.bytes)
    memory.bytes[i]! ^= 1
    assert.equal(key.open(iv, memory, 0, 12, memory, 12, 40), false, `byte ${i}`)
  }
  sealed.copy(memory.bytes)
  assert.ok(key.open(iv, memory, 0, 12, memory, 12, 40))
  assert.ok(memory.bytes.subarray(0, 52).equals(plain))
})

test('no call goes out that would leave its memory', () => {
  using gcm = new GcmKey(randomBytes(16))
  using ctr = new CtrKey(randomBytes(16))
  using hmac = new HmacSha1Key(randomBytes(20))
  const iv = fresh(16)
  const memory = fresh(100)
  const before = Buffer.from(memory.bytes)
  const outside: [at: number, length: number][] = [[0, 101], [100, 1], [-1, 5], [5, -1], [90, 11], [NaN, 1], [0, NaN], [0, Infinity], [Infinity, 0], [0, 2 ** 32 + 1], [2 ** 53, 0]]
  for (const [at, length] of outside) {
    assert.throws(() => gcm.seal(iv, memory, 0, 0, memory, at, length), RangeError)
    assert.throws(() => gcm.open(iv, memory, 0, 0, memory, at, length), RangeError)
    assert.throws(() => gcm.seal(iv, memory, at, length, memory, 0, 0), RangeError)
    assert.throws(() => gcm.open(iv, memory, at, length, memory, 0, 0), RangeError)
    assert.throws(() => ctr.crypt(iv, memory, at, length), RangeError)
    assert.throws(() => hmac.sign(memory, at, length, fresh(20)), RangeError)
  }
  assert.throws(() => gcm.seal(iv, memory, 0, 0, memory, 0, 85), RangeError, 'no room for the tag')
  assert.throws(() => gcm.open(iv, memory, 0, 0, memory, 0, 85), RangeError)
  assert.throws(() => gcm.seal(fresh(11), memory, 0, 0, memory, 0, 1), RangeError, 'a short nonce')
  assert.throws(() => ctr.crypt(fresh(15), memory, 0, 1), RangeError)
  assert.throws(() => hmac.sign(memory, 0, 1, fresh(19)), RangeError)
  assert.ok(memory.bytes.equals(before))
})

test('memory that was transferred away is not touched', () => {
  using ctr = new CtrKey(randomBytes(16))
  const memory = new Memory(Buffer.from(new ArrayBuffer(64)))
  structuredClone(memory.bytes.buffer, { transfer: [memory.bytes.buffer as ArrayBuffer] })
  assert.throws(() => ctr.crypt(fresh(16), memory, 0, 1), RangeError)
  assert.throws(() => new Memory(Buffer.alloc(0)), RangeError)
})

test('keys of no length they have, and keys that are no more', () => {
  for (const length of [0, 15, 17, 24, 33]) assert.throws(() => new GcmKey(randomBytes(length)), RangeError)
  for (const length of [0, 15, 17, 24, 33]) assert.throws(() => new CtrKey(randomBytes(length)), RangeError)
  for (const length of [0, 15, 17, 24, 33]) assert.throws(() => new EcbKey(randomBytes(length)), RangeError)
  assert.throws(() => new HmacSha1Key(Buffer.alloc(0)), RangeError)
  const memory = fresh(64)
  const gcm = new GcmKey(randomBytes(16))
  const ctr = new CtrKey(randomBytes(16))
  const hmac = new HmacSha1Key(randomBytes(20))
  for (const key of [gcm, ctr, hmac]) { key[Symbol.dispose](); key[Symbol.dispose]() }
  assert.throws(() => gcm.seal(memory, memory, 0, 0, memory, 0, 1), /no more/)
  assert.throws(() => gcm.open(memory, memory, 0, 0, memory, 0, 1), /no more/)
  assert.throws(() => ctr.crypt(memory, memory, 0, 1), /no more/)
  assert.throws(() => hmac.sign(memory, 0, 1, memory), /no more/)
})

test('a collection of garbage moves nothing', () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as (options?: { type: 'major' | 'minor' }) => void
  using key = new HmacSha1Key(Buffer.from('key'))
  // Few bytes: V8 keeps such arrays among its movable objects until somebody asks for their address.
  const memories = Array.from({ length: 100 }, () => new Memory(Buffer.alloc(24)))
  for (const type of ['minor', 'minor', 'major', 'minor'] as const) {
    collect({ type })
    for (const memory of memories) {
      memory.bytes.fill(7)
      key.sign(memory, 0, 24, memory)
      assert.equal(memory.bytes.toString('hex'), createHmac('sha1', 'key').update(Buffer.alloc(24, 7)).digest('hex') + '07070707')
    }
  }
})
