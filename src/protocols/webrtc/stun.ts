import { timingSafeEqual } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { addressBytes } from '../../lib/addresses.ts'
import { ByteReader, ByteWriter } from '../../lib/bytes.ts'
import { ProtocolError } from '../../lib/errors.ts'
import { hmacSha1 } from '../../lib/native/hmac.ts'

/** STUN as ICE uses it: Binding, nothing else (RFC 8489; RFC 8445 section 7). */

const HEADER_BYTES = 20
const COOKIE = 0x2112a442
export const TRANSACTION_BYTES = 12
const ATTRIBUTE_HEADER_BYTES = 4
const DIGEST_BYTES = 20
const FINGERPRINT_BYTES = 4
/** A check with all its attributes has some 120 bytes; user names may add 513. */
const MAX_STUN_BYTES = 1280
const FINGERPRINT_MASK = 0x5354554e
/** What a signature covers, for as long as it is made. */
const covered = Buffer.alloc(MAX_STUN_BYTES)

const types = { request: 0x0001, indication: 0x0011, success: 0x0101, error: 0x0111 } as const
const kinds = new Map(Object.entries(types).map(([kind, type]) => [type as number, kind as keyof typeof types]))

const Attribute = {
  username: 0x0006, integrity: 0x0008, errorCode: 0x0009, mapped: 0x0020, priority: 0x0024, useCandidate: 0x0025, fingerprint: 0x8028, controlled: 0x8029, controlling: 0x802a
} as const

const Family = { v4: 1, v6: 2 } as const

export type TransportAddress = { readonly address: string, readonly port: number }

export type StunBinding = {
  readonly kind: keyof typeof types
  /** 12 bytes; an answer repeats the request's. */
  readonly transaction: Buffer
  /** `receiver:sender`, in requests. */
  readonly username?: string
  readonly priority?: number
  /** The tie breaker of a sender in that role. */
  readonly controlling?: bigint
  readonly controlled?: bigint
  readonly useCandidate?: boolean
  /** Where a request came from, in its answer. */
  readonly mapped?: TransportAddress
  readonly errorCode?: number
}

/** Told apart from DTLS, RTP and RTCP on the same port (RFC 7983 section 7). */
export const isStun = (bytes: Buffer): boolean => bytes.length >= HEADER_BYTES && bytes[0]! <= 3 && bytes.readUInt32BE(4) === COOKIE

/** @throws ProtocolError. Attributes nobody here needs are passed over; what is said is believed only after `isSigned`. */
export function parseBinding (bytes: Buffer): StunBinding {
  if (!isStun(bytes) || bytes.length > MAX_STUN_BYTES) throw new ProtocolError('not a STUN message')
  const kind = kinds.get(bytes.readUInt16BE(0))
  if (!kind) throw new ProtocolError('not a STUN Binding')
  if (bytes.readUInt16BE(2) !== bytes.length - HEADER_BYTES) throw new ProtocolError('a length that is not the datagram’s', 2)
  const binding: Fields = { kind, transaction: bytes.subarray(8, HEADER_BYTES) }
  for (let at = HEADER_BYTES; at < bytes.length; at = endOf(bytes, at)) {
    const value = valueAt(bytes, at)
    const type = bytes.readUInt16BE(at)
    if (type === Attribute.integrity) break // What follows is not covered by it.
    read(binding, type, value, bytes)
  }
  return binding
}

type Fields = { -readonly [Field in keyof StunBinding]: StunBinding[Field] }

/** The value of the attribute at `at`: a view. @throws ProtocolError if it is not all there */
function valueAt (bytes: Buffer, at: number): Buffer {
  const from = at + ATTRIBUTE_HEADER_BYTES
  const to = from > bytes.length ? Infinity : from + bytes.readUInt16BE(at + 2)
  if (to > bytes.length) throw new ProtocolError('an attribute that is longer than its message', at)
  return bytes.subarray(from, to)
}

/** Where the attribute at `at` ends, of which the value is there: on a multiple of 4 bytes. @throws ProtocolError if that is outside */
function endOf (bytes: Buffer, at: number): number {
  const length = bytes.readUInt16BE(at + 2)
  const end = at + ATTRIBUTE_HEADER_BYTES + length + padding(length)
  if (end > bytes.length) throw new ProtocolError('an attribute without its padding', at)
  return end
}

const padding = (length: number): number => -length & 3

function read (binding: Fields, type: number, value: Buffer, message: Buffer): void {
  switch (type) {
    case Attribute.username: binding.username = value.toString('utf8'); break
    case Attribute.priority: binding.priority = new ByteReader(value).u32(); break
    case Attribute.controlling: binding.controlling = new ByteReader(value).u64(); break
    case Attribute.controlled: binding.controlled = new ByteReader(value).u64(); break
    case Attribute.useCandidate: binding.useCandidate = true; break
    case Attribute.errorCode: binding.errorCode = readErrorCode(new ByteReader(value)); break
    case Attribute.mapped: binding.mapped = readMapped(value, message.subarray(4, HEADER_BYTES)); break
  }
}

const readErrorCode = (reader: ByteReader): number => (reader.u24() & 7) * 100 + reader.u8()

/** XOR-MAPPED-ADDRESS (RFC 8489 section 14.2): masked by the cookie and, where it is longer, the transaction. */
function readMapped (value: Buffer, mask: Buffer): TransportAddress {
  const reader = new ByteReader(value)
  const family = reader.u16()
  const port = reader.u16() ^ mask.readUInt16BE(0)
  const bytes = masked(reader.view(family === Family.v6 ? 16 : 4), mask)
  return { address: bytes.length === 4 ? bytes.join('.') : bytes.toString('hex').match(/.{4}/g)!.join(':'), port }
}

function writeMapped (writer: ByteWriter, { address, port }: TransportAddress, mask: Buffer): void {
  const bytes = masked(addressBytes(address), mask)
  const family = bytes.length === 4 ? Family.v4 : Family.v6
  writer.u16(Attribute.mapped).u16(4 + bytes.length).u16(family).u16(port ^ mask.readUInt16BE(0)).bytes(bytes)
}

const masked = (bytes: Buffer, mask: Buffer): Buffer => Buffer.from(bytes.map((byte, i) => byte ^ mask[i]!))

/** Whether the sender knows the password (MESSAGE-INTEGRITY, RFC 8489 section 14.5). */
export function isSigned (bytes: Buffer, password: string): boolean {
  if (bytes.length > MAX_STUN_BYTES) return false
  for (let at = HEADER_BYTES; at < bytes.length; at = endOf(bytes, at)) {
    const value = valueAt(bytes, at)
    if (bytes.readUInt16BE(at) === Attribute.integrity) return value.length === DIGEST_BYTES && timingSafeEqual(value, digest(bytes, at, password))
  }
  return false
}

/** Covers the message up to the attribute, with a length that counts the attribute. @returns as `hmacSha1` */
function digest (bytes: Buffer, upTo: number, password: string): Buffer {
  bytes.copy(covered, 0, 0, upTo)
  covered.writeUInt16BE(upTo - HEADER_BYTES + ATTRIBUTE_HEADER_BYTES + DIGEST_BYTES, 2)
  return hmacSha1(Buffer.from(password), covered.subarray(0, upTo))
}

/** Signed with the password, and with a fingerprint (RFC 8445 section 7.1). */
export function printBinding (message: StunBinding, password: string): Buffer {
  const writer = new ByteWriter(160).u16(types[message.kind]).u16(0).u32(COOKIE).bytes(message.transaction)
  writeFields(writer, message)
  const signature = digest(writer.done(), writer.length, password)
  const bytes = writer.u16(Attribute.integrity).u16(DIGEST_BYTES).bytes(signature).u16(Attribute.fingerprint).u16(FINGERPRINT_BYTES).u32(0).done()
  bytes.writeUInt16BE(bytes.length - HEADER_BYTES, 2)
  const fingerprintAt = bytes.length - FINGERPRINT_BYTES
  bytes.writeUInt32BE((crc32(bytes.subarray(0, fingerprintAt - ATTRIBUTE_HEADER_BYTES)) ^ FINGERPRINT_MASK) >>> 0, fingerprintAt)
  return bytes
}

function writeFields (writer: ByteWriter, { username, priority, controlling, controlled, useCandidate, mapped, errorCode }: StunBinding): void {
  if (username !== undefined) {
    const name = Buffer.from(username)
    writer.u16(Attribute.username).u16(name.length).bytes(name).zeros(padding(name.length))
  }
  if (errorCode !== undefined) writer.u16(Attribute.errorCode).u16(4).u24(Math.floor(errorCode / 100)).u8(errorCode % 100)
  if (mapped) writeMapped(writer, mapped, writer.done().subarray(4, HEADER_BYTES))
  if (priority !== undefined) writer.u16(Attribute.priority).u16(4).u32(priority)
  if (useCandidate) writer.u16(Attribute.useCandidate).u16(0)
  if (controlled !== undefined) writer.u16(Attribute.controlled).u16(8).u64(controlled)
  if (controlling !== undefined) writer.u16(Attribute.controlling).u16(8).u64(controlling)
}
