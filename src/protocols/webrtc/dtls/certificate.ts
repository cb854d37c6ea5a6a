import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto'

/** A self-signed certificate, as WebRTC wants it: peers know it by its fingerprint (RFC 8827 section 6.5). */
export type Certificate = {
  /** X.509, DER. */
  readonly der: Buffer
  /** PKCS #8, DER. */
  readonly key: Buffer
  readonly fingerprint: { readonly algorithm: 'sha-256', readonly value: string }
}

/** Clocks are set wrongly: valid from yesterday; and nobody restarts a service for it: for years. */
const DAY_MS = 86_400_000
const LIFE_MS = 3650 * DAY_MS
const SERIAL_BYTES = 16

/** Tags of DER (X.690 section 8). */
const Tag = { integer: 0x02, bitString: 0x03, oid: 0x06, utf8: 0x0c, utcTime: 0x17, generalizedTime: 0x18, sequence: 0x30, set: 0x31, version: 0xa0 } as const
const FIRST_GENERALIZED_YEAR = 2050

const ecdsaWithSha256 = '2a8648ce3d040302'
const commonName = '550403'

/** @param now milliseconds since 1970 */
export function createCertificate (name: string, now: number): Certificate {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const algorithm = der(Tag.sequence, der(Tag.oid, Buffer.from(ecdsaWithSha256, 'hex')))
  const named = der(Tag.sequence, der(Tag.set, der(Tag.sequence, der(Tag.oid, Buffer.from(commonName, 'hex')), der(Tag.utf8, Buffer.from(name)))))
  const serial = randomBytes(SERIAL_BYTES)
  serial[0] = serial[0]! & 0x7f | 0x40 // Positive, and never with zeros before it.
  const body = der(Tag.sequence,
    der(Tag.version, der(Tag.integer, Buffer.of(2))),
    der(Tag.integer, serial),
    algorithm,
    named,
    der(Tag.sequence, time(now - DAY_MS), time(now + LIFE_MS)),
    named,
    publicKey.export({ format: 'der', type: 'spki' }))
  const signature = sign('sha256', body, privateKey)
  const whole = der(Tag.sequence, body, algorithm, der(Tag.bitString, Buffer.of(0), signature))
  return { der: whole, key: privateKey.export({ format: 'der', type: 'pkcs8' }), fingerprint: { algorithm: 'sha-256', value: fingerprintOf(whole, 'sha256') } }
}

/** As SDP has it (RFC 8122 section 5). @param hash as Node names it */
export const fingerprintOf = (certificate: Buffer, hash: string): string => createHash(hash).update(certificate).digest('hex').toUpperCase().match(/../g)!.join(':')

function der (tag: number, ...contents: Buffer[]): Buffer {
  const content = Buffer.concat(contents)
  const { length } = content
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.of(tag, ...size), content])
}

/** RFC 5280 section 4.1.2.5. */
function time (at: number): Buffer {
  const digits = new Date(at).toISOString().replaceAll(/\D/g, '').slice(0, 14)
  return new Date(at).getUTCFullYear() < FIRST_GENERALIZED_YEAR ? der(Tag.utcTime, Buffer.from(`${digits.slice(2)}Z`)) : der(Tag.generalizedTime, Buffer.from(`${digits}Z`))
}
