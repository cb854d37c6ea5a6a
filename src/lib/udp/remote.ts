import { isIPv4, isIPv6 } from 'node:net'
import { addressBytes } from '../addresses.ts'

/** AF_INET6, as the platform's sockets have it. */
const AF_INET = 2
const AF_INET6 = process.platform === 'darwin' ? 30 : 10
const V4_BYTES = 16
const V6_BYTES = 28
const MAPPED_PREFIX = Buffer.from('00000000000000000000ffff', 'hex')
const MAX_PORT = 65_535
const noBurst = { burst: -1, turn: -1 }

export type Family = 4 | 6

/** Who a datagram comes from or goes to, in both ways that are needed: to read, and as the system has it. */
export type Remote = {
  /** Without the prefix under which a socket for both IP versions shows IPv4. */
  readonly address: string
  readonly port: number
  /** `sockaddr_in` or `sockaddr_in6` (RFC 3493 section 3.3), by the family of the socket it belongs to. */
  readonly sockaddr: Buffer
  /** The same bytes, as a key for maps. */
  readonly key: string
  /** For the one socket it belongs to: its burst in a turn of that socket's. */
  burst: number
  turn: number
}

/**
 * @param family of the socket: one for both IP versions (6) reaches IPv4 under a prefix (RFC 3493 section 3.7)
 * @throws RangeError for what is no address, or none of that family
 */
export function remoteAt (address: string, port: number, family: Family): Remote {
  if (!Number.isInteger(port) || port < 0 || port > MAX_PORT) throw new RangeError(`${port} is no port`)
  const plain = address.replace(/%.*$/, '')
  const isV4 = isIPv4(plain)
  if (!isV4 && (family === 4 || !isIPv6(plain))) throw new RangeError(`“${address}” is no address that a socket for IPv${family} reaches`)
  const sockaddr = Buffer.alloc(family === 4 ? V4_BYTES : V6_BYTES)
  writeFamily(sockaddr, family)
  sockaddr.writeUInt16BE(port, 2)
  const bytes = addressBytes(plain)
  if (family === 4) bytes.copy(sockaddr, 4)
  else (isV4 ? Buffer.concat([MAPPED_PREFIX, bytes]) : bytes).copy(sockaddr, 8)
  return { address: plain, port, sockaddr, key: sockaddr.toString('latin1'), ...noBurst }
}

/** Of what the system gave: `key` is a `sockaddr` as text. */
export function remoteFrom (key: string): Remote {
  const sockaddr = Buffer.from(key, 'latin1')
  const bytes = sockaddr.length === V4_BYTES ? sockaddr.subarray(4, 8) : sockaddr.subarray(8, 24)
  const mapped = bytes.length === 16 && bytes.subarray(0, 12).equals(MAPPED_PREFIX)
  const address = bytes.length === 4 ? bytes.join('.') : mapped ? bytes.subarray(12).join('.') : printV6(bytes)
  return { address, port: sockaddr.readUInt16BE(2), sockaddr, key, ...noBurst }
}

/** The family is in the machine's own byte order; BSD has the length before it. */
function writeFamily (sockaddr: Buffer, family: Family): void {
  const value = family === 4 ? AF_INET : AF_INET6
  if (process.platform === 'darwin') sockaddr.set([sockaddr.length, value])
  else sockaddr.writeUInt16LE(value, 0)
}

/** As RFC 5952 wants it, which is how URLs have it. */
const printV6 = (bytes: Buffer): string => new URL(`http://[${bytes.toString('hex').match(/.{4}/g)!.join(':')}]`).hostname.slice(1, -1)
