import type { UdpOptions, UdpSocket } from './socket.ts'

/**
 * The fastest socket this platform has.
 * @throws the system's error, `EADDRINUSE` and its like, when the port cannot be had
 */
export async function openUdp (options: UdpOptions): Promise<UdpSocket> {
  if (process.platform === 'linux') return new (await import('./batched-socket.ts')).BatchedSocket(options)
  return (await import('./plain-socket.ts')).PlainSocket.open(options)
}
