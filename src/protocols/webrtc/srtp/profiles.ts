/** SRTP protection profiles as DTLS negotiates them (RFC 5764 section 4.1.2, RFC 7714 section 14.2). Lengths in bytes. */
export type SrtpProfile = {
  /** In the `use_srtp` extension. */
  readonly id: number
  readonly aead: boolean
  readonly keyBytes: number
  readonly saltBytes: number
  readonly tagBytes: number
}

export const srtpProfiles = {
  AEAD_AES_128_GCM: { id: 0x0007, aead: true, keyBytes: 16, saltBytes: 12, tagBytes: 16 },
  AEAD_AES_256_GCM: { id: 0x0008, aead: true, keyBytes: 32, saltBytes: 12, tagBytes: 16 },
  AES128_CM_HMAC_SHA1_80: { id: 0x0001, aead: false, keyBytes: 16, saltBytes: 14, tagBytes: 10 }
} as const satisfies Record<string, SrtpProfile>

/** The profile that was negotiated, if it is one of ours. */
export const srtpProfileOf = (id: number): SrtpProfile | undefined => Object.values(srtpProfiles).find(profile => profile.id === id)

export type MasterKey = { readonly key: Buffer, readonly salt: Buffer }

/** How many bytes the DTLS exporter is asked for under `EXTRACTOR-dtls_srtp`, without context: a key and a salt for each side. */
export const keyMaterialBytes = ({ keyBytes, saltBytes }: SrtpProfile): number => 2 * (keyBytes + saltBytes)

/**
 * Client's key, server's key, client's salt, server's salt (RFC 5764 section 4.2), seen from our side. Copies: the material may
 * be wiped afterwards.
 * @throws RangeError if the material is not of the profile's length
 */
export function splitKeyMaterial (profile: SrtpProfile, material: Buffer, role: 'client' | 'server'): { send: MasterKey, receive: MasterKey } {
  if (material.length !== keyMaterialBytes(profile)) throw new RangeError(`key material of ${material.length} bytes`)
  const { keyBytes, saltBytes } = profile
  const of = (side: 0 | 1): MasterKey => {
    const key = side * keyBytes
    const salt = 2 * keyBytes + side * saltBytes
    return { key: Buffer.from(material.subarray(key, key + keyBytes)), salt: Buffer.from(material.subarray(salt, salt + saltBytes)) }
  }
  return role === 'client' ? { send: of(0), receive: of(1) } : { send: of(1), receive: of(0) }
}
