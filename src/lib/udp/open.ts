import { endianness } from 'node:os'
import type { UdpOptions, UdpSocket } from './socket.ts'

/** The system's structures are laid out here for 64 bits, the lowest byte first. */
const layoutsAreKnown = process.platform === 'linux' && ['x64', 'arm64'].includes(process.arch) && endianness() === 'LE'

/**
 * The fastest socket this platform has.
 * @throws the system's error, `EADDRINUSE` and its like, when the port cannot be had
 */
export async function openUdp (options: UdpOptions): Promise<UdpSocket> {
  if (layoutsAreKnown) return new (await import('./batched-socket.ts')).BatchedSocket(options)
  return (await import('./plain-socket.ts')).PlainSocket.open(options)
}
