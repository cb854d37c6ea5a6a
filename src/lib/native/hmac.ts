import { createHmac } from 'node:crypto'
import { HmacSha1Key, isCallable, Memory, SHA1_BYTES } from './evp.ts'

/** One of each for the process: nothing else runs between what writes them and what reads them. */
const text = new Memory(Buffer.alloc(2048))
const digest = new Memory(Buffer.alloc(SHA1_BYTES))

/**
 * HMAC-SHA1 (RFC 2104) under a key that is not kept. What is short takes a fifth of the time that `createHmac` needs, which serves
 * where Node hides its OpenSSL: there nobody has media, but still checks a service elsewhere.
 * @returns 20 bytes, to be read before the next are made
 */
export function hmacSha1 (key: Buffer, message: Buffer): Buffer {
  if (key.length === 0 || message.length > text.bytes.length || !isCallable()) return createHmac('sha1', key).update(message).digest()
  using keyed = new HmacSha1Key(key)
  message.copy(text.bytes)
  keyed.sign(text, 0, message.length, digest)
  return digest.bytes
}
