import assert from 'node:assert/strict'
import { createHmac, randomBytes } from 'node:crypto'
import test from 'node:test'
import { hmacSha1 } from './hmac.ts'

/** RFC 2202 section 3. */
const samples: [key: Buffer, message: Buffer, digest: string][] = [
  [Buffer.alloc(20, 0x0b), Buffer.from('Hi There'), 'b617318655057264e28bc0b6fb378c8ef146be00'],
  [Buffer.from('Jefe'), Buffer.from('what do ya want for nothing?'), 'effcdf6ae5eb2fa2d27416d5f184df9c259a7c79'],
  [Buffer.alloc(80, 0xaa), Buffer.from('Test Using Larger Than Block-Size Key - Hash Key First'), 'aa4ae5e15272d00e95705637ce8a3b55ed402112']
]

test('HMAC-SHA1 of RFC 2202', () => {
  for (const [key, message, digest] of samples) assert.equal(hmacSha1(key, message).toString('hex'), digest)
})

test('keys and messages of any length, the empty and the long ones too', () => {
  for (const keyBytes of [0, 1, 64, 65, 300]) {
    for (const length of [0, 1, 2047, 2048, 2049, 10_000]) {
      const [key, message] = [randomBytes(keyBytes), randomBytes(length)]
      assert.deepEqual(Buffer.from(hmacSha1(key, message)), createHmac('sha1', key).update(message).digest(), `${keyBytes} and ${length}`)
    }
  }
})
