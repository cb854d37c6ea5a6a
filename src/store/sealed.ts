import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto'
import { AppError } from '../lib/errors.ts'

const VERSION = 'v1'
const IV_BYTES = 12
const TAG_BYTES = 16

/**
 * Keeps secrets that must be found or shown again. One master key, two derived keys (HKDF, RFC 5869): what is stored in a
 * column for look-up says nothing about what is sealed in the next.
 */
export class Vault {
  readonly #sealing: Buffer
  readonly #hashing: Buffer

  /** @param masterKey at least 32 random bytes */
  constructor (masterKey: Buffer) {
    if (masterKey.length < 32) throw new AppError('bad_request', 'the master key is shorter than 32 bytes')
    this.#sealing = Buffer.from(hkdfSync('sha256', masterKey, '', 'auralink sealing', 32))
    this.#hashing = Buffer.from(hkdfSync('sha256', masterKey, '', 'auralink look-up', 32))
  }

  /** For look-up: the same text always gives the same hash, and without the key nobody can try texts against it. */
  hash (text: string): string {
    return createHmac('sha256', this.#hashing).update(text).digest('base64url')
  }

  /** AES-256-GCM. @param purpose bound to the text: what was sealed for one row does not open in another. */
  seal (text: string, purpose: string): string {
    const iv = randomBytes(IV_BYTES)
    const cipher = createCipheriv('aes-256-gcm', this.#sealing, iv, { authTagLength: TAG_BYTES }).setAAD(Buffer.from(purpose))
    const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
    return `${VERSION}.${Buffer.concat([iv, sealed, cipher.getAuthTag()]).toString('base64url')}`
  }

  /** @throws AppError `internal` when the text was sealed with another key, for another purpose, or changed since. */
  open (sealed: string, purpose: string): string {
    const [version, text = ''] = sealed.split('.')
    const bytes = Buffer.from(text, 'base64url')
    try {
      if (version !== VERSION || bytes.length < IV_BYTES + TAG_BYTES) throw new Error('not a sealed text')
      const decipher = createDecipheriv('aes-256-gcm', this.#sealing, bytes.subarray(0, IV_BYTES), { authTagLength: TAG_BYTES })
      decipher.setAAD(Buffer.from(purpose)).setAuthTag(bytes.subarray(-TAG_BYTES))
      return decipher.update(bytes.subarray(IV_BYTES, -TAG_BYTES), undefined, 'utf8') + decipher.final('utf8')
    } catch (cause) {
      throw new AppError('internal', 'a stored secret does not open: it was sealed with another key', { cause })
    }
  }
}

/** 128 random bits, safe in a URL and in an encoder's settings. */
export const randomKey = (): string => randomBytes(16).toString('base64url')
