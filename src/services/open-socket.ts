import { isIP, connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { AppError, messageOf } from '../lib/errors.ts'

export type SocketTarget = {
  /** The name asked for: what a certificate must be for. */
  readonly host: string
  readonly port: number
  readonly secure: boolean
  /** Tried in this order. */
  readonly addresses: readonly string[]
}

/** Connects to the first address that answers; TLS is done when this returns. @throws AppError `connect_timeout`, `dependency_unavailable` */
export async function openSocket (target: SocketTarget, timeoutMs: number, signal?: AbortSignal): Promise<Socket> {
  const share = timeoutMs / target.addresses.length // So that one that swallows packets leaves time for the next.
  let failure: unknown
  let late = false
  for (const address of target.addresses) {
    signal?.throwIfAborted()
    const deadline = AbortSignal.timeout(share)
    try {
      return await attempt(target, address, deadline, signal)
    } catch (error) {
      if (signal?.aborted) throw error
      failure = error
      late = deadline.aborted
    }
  }
  const where = `${target.host}:${target.port}`
  if (late) throw new AppError('connect_timeout', `There was no connection to ${where} within ${timeoutMs} ms.`, { cause: failure })
  throw new AppError('dependency_unavailable', `There is no connection to ${where}: ${messageOf(failure)}`, { cause: failure })
}

function attempt ({ host, port, secure }: SocketTarget, address: string, deadline: AbortSignal, signal?: AbortSignal): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>()
  // The address is given, so nothing is looked up again; the name goes into the handshake and is what the certificate is checked for.
  const socket = secure
    ? connectTls({ host: address, port, ...(isIP(host) === 0 ? { servername: host } : {}), ALPNProtocols: ['http/1.1'] })
    : connectTcp({ host: address, port })
  const giveUp = (): void => { socket.destroy(new Error('given up')) }
  deadline.addEventListener('abort', giveUp)
  signal?.addEventListener('abort', giveUp)
  socket.once('error', reject)
  socket.once(secure ? 'secureConnect' : 'connect', () => {
    socket.off('error', reject)
    resolve(socket)
  })
  return promise.finally(() => {
    deadline.removeEventListener('abort', giveUp)
    signal?.removeEventListener('abort', giveUp)
  })
}
