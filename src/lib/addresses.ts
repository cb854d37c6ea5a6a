import { BlockList, isIP, isIPv4 } from 'node:net'

/** Which addresses an outgoing connection may have. */

/**
 * `public`: anybody's server. `private`: reached only from inside (RFC 1918, loopback, CGNAT, ULA). `never`: nobody's server, or
 * a machine's own metadata service.
 */
export type AddressKind = 'public' | 'private' | 'never'

// IANA's registries of special-purpose addresses (RFC 6890 and its updates), and what clouds keep for themselves.
const PRIVATE_V4 = ['10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16']
const NEVER_V4 = [
  '0.0.0.0/8', '169.254.0.0/16', '192.0.0.0/24', '192.0.2.0/24', '192.88.99.0/24', '198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24',
  '224.0.0.0/4', '240.0.0.0/4',
  '100.100.100.200/32', // Alibaba Cloud's metadata
  '168.63.129.16/32' // Azure's
]
const PRIVATE_V6 = ['::1/128', 'fc00::/7']
const NEVER_V6 = ['fd00:ec2::254/128'] // AWS's metadata
/** Of the addresses given out (2000::/3), those that only carry another protocol or stand in examples. */
const NOT_GLOBAL_V6 = ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20']

const blocks = (ranges: readonly string[]): BlockList => {
  const list = new BlockList()
  for (const range of ranges) addRange(list, range)
  return list
}
const privateV4 = blocks(PRIVATE_V4)
const neverV4 = blocks(NEVER_V4)
const privateV6 = blocks(PRIVATE_V6)
const neverV6 = blocks(NEVER_V6)
const globalV6 = blocks(['2000::/3'])
const notGlobalV6 = blocks(NOT_GLOBAL_V6)
/** The last four bytes are an IPv4 address: mapped (RFC 4291), and translated (RFC 6052). */
const carriesV4 = blocks(['::ffff:0:0/96', '64:ff9b::/96'])

function addRange (list: BlockList, range: string): void {
  const [address = '', bits = isIPv4(address) ? '32' : '128'] = range.split('/')
  list.addSubnet(address, Number(bits), isIPv4(address) ? 'ipv4' : 'ipv6')
}

export function kindOf (address: string): AddressKind {
  const family = isIP(address)
  if (family === 4) return neverV4.check(address) ? 'never' : privateV4.check(address) ? 'private' : 'public'
  if (family !== 6 || address.includes('%')) return 'never' // An address with a zone is of one link.
  if (carriesV4.check(address, 'ipv6')) return kindOf(lastFourBytes(address))
  if (neverV6.check(address, 'ipv6')) return 'never'
  if (privateV6.check(address, 'ipv6')) return 'private'
  return globalV6.check(address, 'ipv6') && !notGlobalV6.check(address, 'ipv6') ? 'public' : 'never'
}

function lastFourBytes (address: string): string {
  const dotted = /[\d.]+$/.exec(address)?.[0] ?? ''
  if (isIPv4(dotted)) return dotted
  const normal = new URL(`http://[${address}]`).hostname.slice(1, -1) // The shortest form, in hexadecimal.
  const [high = '0', low = '0'] = normal.split(':').slice(-2).map(group => group === '' ? '0' : group)
  const bytes = [Number.parseInt(high, 16), Number.parseInt(low, 16)]
  return bytes.flatMap(pair => [pair >> 8, pair & 255]).join('.')
}

/** One entry of `security.outbound.allow_private`: a host, an address or a CIDR, each with or without a port. */
export type Allowance = { readonly host: string | undefined, readonly range: BlockList | undefined, readonly port: number | undefined }

const HOST = /^[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?\.?$/i

/** @returns undefined when the entry is none of these. */
export function parseAllowance (entry: string): Allowance | undefined {
  const isAddress = isIP(entry.split('/')[0] ?? '') === 6 // Without brackets, what follows its last colon is no port.
  const [, place = '', digits] = isAddress ? ['', entry] : /^(.+?)(?::(\d{1,5}))?$/.exec(entry) ?? []
  const port = digits === undefined ? undefined : Number(digits)
  if (port !== undefined && (port < 1 || port > 65_535)) return undefined
  const [name = '', bits, ...more] = place.replace(/^\[(.*)\]/, '$1').split('/')
  const width = isIP(name) === 4 ? 32 : 128
  if (more.length > 0 || (bits !== undefined && !(/^\d{1,3}$/.test(bits) && Number(bits) <= width))) return undefined
  if (isIP(name) !== 0) return { host: undefined, range: blocks([bits === undefined ? name : `${name}/${bits}`]), port }
  return HOST.test(name) && bits === undefined && !/^[\d.]+$/.test(name) ? { host: hostName(name), range: undefined, port } : undefined
}

/** Without the prefix under which a socket for both IP versions shows IPv4 (RFC 3493 section 3.7). */
export const plainAddress = (address: string): string => address.replace(/^::ffff:(?=\d+\.)/, '')

/** In the order of the network: 4 bytes or 16. @param address one that is valid; a zone is left out */
export function addressBytes (address: string): Buffer {
  if (isIPv4(address)) return v4Bytes(address)
  const plain = address.replace(/%.*$/, '')
  const embedded = /:(\d+\.\d+\.\d+\.\d+)$/.exec(plain)?.[1]
  const text = embedded === undefined ? plain : plain.slice(0, -embedded.length) + v4Bytes(embedded).toString('hex').replace(/^(....)/, '$1:')
  const [head = '', tail = ''] = text.split('::').map(part => part.split(':').filter(Boolean).map(word => word.padStart(4, '0')).join(''))
  return Buffer.from(head + '0'.repeat(32 - head.length - tail.length) + tail, 'hex')
}

const v4Bytes = (address: string): Buffer => Buffer.from(address.split('.').map(Number))

/** As URLs write it: `203.0.113.7:10000`, `[2001:db8::7]:10000`. */
export const endpointOf = (address: string, port: number): string => address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`

/** Names are compared in lower case, without the dot that ends a full one. */
export const hostName = (name: string): string => name.toLowerCase().replace(/\.$/, '')

/** Whether the entry is about this destination: the name that was asked for, or the address it leads to. */
export function covers ({ host, range, port }: Allowance, destination: { host: string, address: string, port: number }): boolean {
  if (port !== undefined && port !== destination.port) return false
  if (host !== undefined) return host === destination.host
  return range?.check(destination.address, isIPv4(destination.address) ? 'ipv4' : 'ipv6') ?? false
}
