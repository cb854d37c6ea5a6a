import { createRequire } from 'node:module'
import type * as Koffi from 'koffi'

/**
 * AES and HMAC of the OpenSSL inside Node, called directly: a context is keyed once and then serves every packet, where
 * node:crypto makes a new one each time and spends most of it on that. Native code checks nothing, so every call here is made
 * with pointers that `Memory` gave out for exactly as many bytes as the call touches.
 */

export const GCM_IV_BYTES = 12
export const GCM_TAG_BYTES = 16
export const CTR_IV_BYTES = 16
export const SHA1_BYTES = 20
export const AES_BLOCK_BYTES = 16

/** EVP_CTRL_AEAD_GET_TAG and EVP_CTRL_AEAD_SET_TAG of openssl/evp.h. */
const Control = { getTag: 0x10, setTag: 0x11 } as const

type Pointer = number
type Native = (...values: number[]) => number
type Fetch = (library: Pointer, name: string, properties: null) => Pointer

/** Pointers are declared as numbers: koffi converts those in a fraction of the time it needs for a Buffer or a bigint. */
function bind (library: Koffi.LibraryHandle) {
  const pointer = 'uintptr_t'
  const native = (name: string, result: string, ...types: string[]): Native => library.func(name, result, types)
  return {
    newCipher: native('EVP_CIPHER_CTX_new', pointer),
    freeCipher: native('EVP_CIPHER_CTX_free', 'void', pointer),
    fetchCipher: library.func('EVP_CIPHER_fetch', pointer, [pointer, 'str', 'str']) as Fetch,
    fetchDigest: library.func('EVP_MD_fetch', pointer, [pointer, 'str', 'str']) as Fetch,
    encryptInit: native('EVP_EncryptInit_ex', 'int', pointer, pointer, pointer, pointer, pointer),
    decryptInit: native('EVP_DecryptInit_ex', 'int', pointer, pointer, pointer, pointer, pointer),
    /** Says how many bytes it took, and -1 where it failed. Additional data without a target; without either, the end. */
    cipher: native('EVP_Cipher', 'int', pointer, pointer, pointer, 'uint'),
    control: native('EVP_CIPHER_CTX_ctrl', 'int', pointer, 'int', 'int', pointer),
    newHmac: native('HMAC_CTX_new', pointer),
    freeHmac: native('HMAC_CTX_free', 'void', pointer),
    hmacInit: native('HMAC_Init_ex', 'int', pointer, pointer, 'int', pointer, pointer),
    hmacUpdate: native('HMAC_Update', 'int', pointer, pointer, 'size_t'),
    hmacFinal: native('HMAC_Final', 'int', pointer, pointer, pointer),
    clearErrors: native('ERR_clear_error', 'void')
  }
}
type Evp = ReturnType<typeof bind>

let koffi: typeof Koffi | undefined
let bound: Evp | undefined
/** On first use: whoever has no media in a process does not load the native module. */
const library = (): typeof Koffi => koffi ??= createRequire(import.meta.url)('koffi') as typeof Koffi
const evp = (): Evp => bound ??= bind(library().load(null))

/** Whether Node lets its OpenSSL be called: not on Windows, nor where OpenSSL is linked from elsewhere. */
export function isCallable (): boolean {
  try {
    return evp() !== undefined
  } catch {
    return false
  }
}

/** By OpenSSL's names. Never freed: `EVP_aes_128_gcm` and its like need nothing of that, and look the algorithm up for each key instead. */
const algorithms = new Map<string, Pointer>()

function algorithm (name: string, fetch: (name: string) => Pointer): Pointer {
  const known = algorithms.get(name)
  if (known !== undefined) return known
  const found = fetch(name)
  if (found === 0) throw refused()
  algorithms.set(name, found)
  return found
}

/** Bytes at an address that is asked for once, and stays where it is for as long as this object lives. */
export class Memory {
  readonly bytes: Buffer
  /** 0 until it is needed: memory for all sessions is made before anybody knows whether there will be one. */
  #address: Pointer = 0

  /** @throws RangeError if there are none: nothing has no address. */
  constructor (bytes: Buffer) {
    if (bytes.length === 0) throw new RangeError('no bytes, no address')
    this.bytes = bytes
  }

  /**
   * The address of the byte at `at`.
   * @throws RangeError unless `length` bytes from there are inside (a buffer that was transferred away has none)
   */
  pointer (at: number, length: number): Pointer {
    if (at >= 0 && length >= 0 && at + length <= this.bytes.length) return (this.#address || this.#locate()) + at
    throw new RangeError(`${length} bytes at ${at} are not inside ${this.bytes.length}`)
  }

  #locate (): Pointer {
    const address = Number(library().address(this.bytes))
    if (!Number.isSafeInteger(address) || address <= 0) throw new RangeError('an address that is not exact as a number')
    return this.#address = address
  }
}

const refused = (): Error => {
  evp().clearErrors() // Left in the thread's queue they would be taken for those of the next TLS operation.
  return new Error('OpenSSL refused an operation')
}

/** Where keys stand for as long as OpenSSL reads them. Longer ones, which few have, get memory of their own. */
const keyMemory = new Memory(Buffer.alloc(256))

/** @returns what `use` says, which sees the key where OpenSSL can read it; then that place is wiped */
function withKey (key: Uint8Array, use: (pointer: Pointer) => boolean): boolean {
  const memory = key.length <= keyMemory.bytes.length ? keyMemory : new Memory(Buffer.alloc(key.length))
  try {
    memory.bytes.set(key)
    return use(memory.pointer(0, key.length))
  } finally {
    memory.bytes.fill(0, 0, key.length)
  }
}

/** A context and the key in it; both gone with `dispose`. */
class CipherKey implements Disposable {
  protected readonly evp: Evp = evp()
  #context: Pointer = 0

  /** @param key 16 or 32 bytes. @throws RangeError for another length */
  constructor (key: Uint8Array, mode: 'GCM' | 'CTR' | 'ECB') {
    if (key.length !== 16 && key.length !== 32) throw new RangeError(`a key of ${key.length} bytes`)
    const { evp } = this
    const cipher = algorithm(`AES-${key.length * 8}-${mode}`, name => evp.fetchCipher(0, name, null))
    const context = this.#context = evp.newCipher()
    if (context !== 0 && withKey(key, pointer => evp.encryptInit(context, cipher, 0, pointer, 0) === 1)) return
    this[Symbol.dispose]()
    throw refused()
  }

  /** @throws Error after `dispose`. */
  protected get context (): Pointer {
    if (this.#context !== 0) return this.#context
    throw new Error('a key that is no more')
  }

  [Symbol.dispose] (): void {
    if (this.#context !== 0) this.evp.freeCipher(this.#context)
    this.#context = 0
  }
}

/** AES-GCM (NIST SP 800-38D) with nonces of 12 and tags of 16 bytes. */
export class GcmKey extends CipherKey {
  /** @param key 16 or 32 bytes. */
  constructor (key: Uint8Array) { super(key, 'GCM') }

  /** Encrypts `length` bytes where they are, and writes the tag behind them. `iv`: 12 bytes that this key never saw before. */
  seal (iv: Memory, aad: Memory, aadAt: number, aadLength: number, text: Memory, at: number, length: number): void {
    const { evp, context } = this
    const nonce = iv.pointer(0, GCM_IV_BYTES)
    const head = aad.pointer(aadAt, aadLength)
    const body = text.pointer(at, length)
    const tag = text.pointer(at + length, GCM_TAG_BYTES)
    const sealed = evp.encryptInit(context, 0, 0, 0, nonce) === 1 && evp.cipher(context, 0, head, aadLength) === aadLength &&
      evp.cipher(context, body, body, length) === length && evp.cipher(context, 0, 0, 0) === 0 &&
      evp.control(context, Control.getTag, GCM_TAG_BYTES, tag) === 1
    if (!sealed) throw refused()
  }

  /** Decrypts `length` bytes where they are if the tag behind them is theirs. False if it is not: then they are nothing. */
  open (iv: Memory, aad: Memory, aadAt: number, aadLength: number, text: Memory, at: number, length: number): boolean {
    const { evp, context } = this
    const nonce = iv.pointer(0, GCM_IV_BYTES)
    const head = aad.pointer(aadAt, aadLength)
    const body = text.pointer(at, length)
    const tag = text.pointer(at + length, GCM_TAG_BYTES)
    const ready = evp.decryptInit(context, 0, 0, 0, nonce) === 1 && evp.control(context, Control.setTag, GCM_TAG_BYTES, tag) === 1 &&
      evp.cipher(context, 0, head, aadLength) === aadLength && evp.cipher(context, body, body, length) === length
    if (!ready) throw refused()
    if (evp.cipher(context, 0, 0, 0) === 0) return true
    evp.clearErrors()
    return false
  }
}

/** AES in counter mode (NIST SP 800-38A section 6.5). */
export class CtrKey extends CipherKey {
  /** @param key 16 or 32 bytes. */
  constructor (key: Uint8Array) { super(key, 'CTR') }

  /** Encrypts, or decrypts, `length` bytes where they are. `iv`: the first of the 16-byte counters. */
  crypt (iv: Memory, text: Memory, at: number, length: number): void {
    const { evp, context } = this
    const counter = iv.pointer(0, CTR_IV_BYTES)
    const body = text.pointer(at, length)
    if (evp.encryptInit(context, 0, 0, 0, counter) !== 1 || evp.cipher(context, body, body, length) !== length) throw refused()
  }
}

/** AES block by block (NIST SP 800-38A section 6.1): only for blocks that are all different, as the counters are of which keys are derived. */
export class EcbKey extends CipherKey {
  /** @param key 16 or 32 bytes. */
  constructor (key: Uint8Array) { super(key, 'ECB') }

  /** Encrypts `length` bytes, whole blocks of 16, where they are. */
  encrypt (text: Memory, at: number, length: number): void {
    if (length % AES_BLOCK_BYTES !== 0) throw new RangeError(`${length} bytes are not whole blocks`)
    const body = text.pointer(at, length)
    if (this.evp.cipher(this.context, body, body, length) < 0) throw refused()
  }
}

/** HMAC-SHA1 (RFC 2104). OpenSSL's older HMAC functions: EVP_MAC does the same in the same time, with more to declare. */
export class HmacSha1Key implements Disposable {
  readonly #evp: Evp = evp()
  #context: Pointer = 0

  /** @throws RangeError for a key without bytes, which OpenSSL would take for the one before. */
  constructor (key: Uint8Array) {
    if (key.length === 0) throw new RangeError('a key of 0 bytes')
    const evp = this.#evp
    const sha1 = algorithm('SHA1', name => evp.fetchDigest(0, name, null))
    const context = this.#context = evp.newHmac()
    if (context !== 0 && withKey(key, pointer => evp.hmacInit(context, pointer, key.length, sha1, 0) === 1)) return
    this[Symbol.dispose]()
    throw refused()
  }

  /** Writes the 20 bytes of the digest of `length` bytes to the start of `digest`. */
  sign (text: Memory, at: number, length: number, digest: Memory): void {
    const context = this.#context
    if (context === 0) throw new Error('a key that is no more')
    const body = text.pointer(at, length)
    const target = digest.pointer(0, SHA1_BYTES)
    const signed = this.#evp.hmacInit(context, 0, 0, 0, 0) === 1 && this.#evp.hmacUpdate(context, body, length) === 1 &&
      this.#evp.hmacFinal(context, target, 0) === 1
    if (!signed) throw refused()
  }

  [Symbol.dispose] (): void {
    if (this.#context !== 0) this.#evp.freeHmac(this.#context)
    this.#context = 0
  }
}
