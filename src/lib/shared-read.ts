import { Socket, type SocketConstructorOpts } from 'node:net'

/** What one read takes at most. */
const BUFFER_BYTES = 64 << 10
const shared = Buffer.allocUnsafeSlow(BUFFER_BYTES)

/**
 * Takes over an accepted connection that nobody has read from (the server needs `pauseOnConnect`), and reads it into one buffer
 * shared by all: the view that `data` carries is valid until its listener returns. Media arrives in hundreds of small pieces a
 * second, and Node makes a buffer for each: that and its collection were a quarter of what a publisher cost.
 *
 * Node has this (`onread`) for outgoing sockets; for accepted ones the way leads over the handle, which it does not document.
 * Where there is none, the connection is returned as it is, and only costs more.
 */
export function readShared (accepted: Socket): Socket {
  const before = accepted as unknown as { _handle?: object | null }
  const handle = before._handle
  if (!handle) return accepted
  before._handle = null
  accepted.destroy() // Its server counts it as gone; the connection lives on in the other socket.
  const onread = {
    buffer: shared,
    callback: (length: number): boolean => socket.emit('data', shared.subarray(0, length))
  }
  const socket: Socket = new Socket({ handle, onread } as SocketConstructorOpts)
  return socket
}
