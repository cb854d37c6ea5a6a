import { createCipheriv } from 'node:crypto'
import type { MasterKey, SrtpProfile } from './profiles.ts'

/** The keys of one kind of packet. `auth` is empty where the cipher authenticates by itself. */
export type SessionKeys = { readonly key: Buffer, readonly salt: Buffer, readonly auth: Buffer }

const AUTH_KEY_BYTES = 20
/** RFC 3711 section 4.3.2: RTCP's follow RTP's. */
const Label = { key: 0, auth: 1, salt: 2, rtcp: 3 } as const
/** Where the label stands among the 14 bytes of the salt: before the 48-bit index, which is 0 as keys are derived once. */
const LABEL_AT = 7

/** RFC 3711 section 4.3; for GCM, whose salt of 12 bytes counts as one of 14 that ends with zeros, RFC 7714 section 11. */
export function deriveSessionKeys (profile: SrtpProfile, master: MasterKey): { rtp: SessionKeys, rtcp: SessionKeys } {
  if (master.key.length !== profile.keyBytes || master.salt.length !== profile.saltBytes) throw new RangeError('a master key of another profile')
  const of = (first: number): SessionKeys => ({
    key: derive(master, first + Label.key, profile.keyBytes),
    salt: derive(master, first + Label.salt, profile.saltBytes),
    auth: profile.aead ? Buffer.alloc(0) : derive(master, first + Label.auth, AUTH_KEY_BYTES)
  })
  return { rtp: of(0), rtcp: of(Label.rtcp) }
}

/** The key stream of AES in counter mode under the master key, from salt XOR label on. */
export function derive ({ key, salt }: MasterKey, label: number, length: number): Buffer {
  const counter = Buffer.alloc(16)
  salt.copy(counter)
  counter[LABEL_AT]! ^= label
  return createCipheriv(key.length === 32 ? 'aes-256-ctr' : 'aes-128-ctr', key, counter).update(Buffer.alloc(length))
}
