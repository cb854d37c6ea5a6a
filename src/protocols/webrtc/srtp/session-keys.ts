import { AES_BLOCK_BYTES, EcbKey, Memory } from '../../../lib/native/evp.ts'
import type { MasterKey, SrtpProfile } from './profiles.ts'

/** The keys of one kind of packet. `auth` is empty where the cipher authenticates by itself. */
export type SessionKeys = { readonly key: Buffer, readonly salt: Buffer, readonly auth: Buffer }

const AUTH_KEY_BYTES = 20
/** RFC 3711 section 4.3.2: RTCP's follow RTP's. */
const Label = { key: 0, auth: 1, salt: 2, rtcp: 3 } as const
/** Where the label stands among the 14 bytes of the salt: before the 48-bit index, which is 0 as keys are derived once. */
const LABEL_AT = 7

/** One for all sessions, each while its keys are derived. RTP and RTCP have up to 2 blocks of a key, 2 for authentication and 1 of salt. */
const stream = new Memory(Buffer.alloc(10 * AES_BLOCK_BYTES))

/** RFC 3711 section 4.3; for GCM, whose salt of 12 bytes counts as one of 14 that ends with zeros, RFC 7714 section 11. */
export function deriveSessionKeys (profile: SrtpProfile, master: MasterKey): { rtp: SessionKeys, rtcp: SessionKeys } {
  const { keyBytes, saltBytes, aead } = profile
  if (master.key.length !== keyBytes || master.salt.length !== saltBytes) throw new RangeError('a master key of another profile')
  const lengths = { key: keyBytes, auth: aead ? 0 : AUTH_KEY_BYTES, salt: saltBytes }
  using cipher = new EcbKey(master.key)
  let end = 0
  for (const first of [0, Label.rtcp]) {
    for (const name of ['key', 'auth', 'salt'] as const) end = writeCounters(master.salt, first + Label[name], end, lengths[name])
  }
  cipher.encrypt(stream, 0, end)
  const [rtp, rtcp] = [keysAt(0, lengths), keysAt(end / 2, lengths)]
  stream.bytes.fill(0)
  return { rtp, rtcp }
}

/**
 * The counters that AES makes a label's key stream of: salt XOR label, and the number of the block.
 * @returns where the next label's begin
 */
function writeCounters (salt: Buffer, label: number, at: number, length: number): number {
  let end = at
  for (let block = 0; block * AES_BLOCK_BYTES < length; block++, end += AES_BLOCK_BYTES) {
    stream.bytes.fill(0, end, end + AES_BLOCK_BYTES).set(salt, end)
    stream.bytes[end + LABEL_AT]! ^= label
    stream.bytes[end + AES_BLOCK_BYTES - 1] = block
  }
  return end
}

/** Copies, as the stream is wiped. Each begins with a block. */
function keysAt (at: number, lengths: { readonly key: number, readonly auth: number, readonly salt: number }): SessionKeys {
  const authAt = at + wholeBlocks(lengths.key)
  const saltAt = authAt + wholeBlocks(lengths.auth)
  return { key: copied(at, lengths.key), auth: copied(authAt, lengths.auth), salt: copied(saltAt, lengths.salt) }
}

const wholeBlocks = (length: number): number => Math.ceil(length / AES_BLOCK_BYTES) * AES_BLOCK_BYTES

const copied = (at: number, length: number): Buffer => Buffer.from(stream.bytes.subarray(at, at + length))
