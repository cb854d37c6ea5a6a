import { kernel } from './kernel.ts'
import { allocate } from './native-memory.ts'
import { SLOT_BYTES } from './socket.ts'

/** Datagrams read at once, and how often in one turn of the event loop, so that others get theirs. */
const BATCH = 32
const MAX_BATCHES = 8
/** Layouts of `struct mmsghdr` and `struct iovec` on 64 bits (bytes). */
const MESSAGE_BYTES = 64
const IOV_BYTES = 16
const NAME_BYTES = 28

/**
 * Reads datagrams many at a time (`recvmmsg`). All sockets share it: what was read is dealt with before anybody reads again.
 */
class Inbox {
  readonly #messages = allocate(BATCH * MESSAGE_BYTES).bytes
  readonly #names = allocate(BATCH * NAME_BYTES)
  readonly #slots = allocate(BATCH * SLOT_BYTES)
  readonly #vectors = allocate(BATCH * IOV_BYTES)

  constructor () {
    for (let i = 0; i < BATCH; i++) {
      const at = i * MESSAGE_BYTES
      this.#messages.writeBigUInt64LE(this.#names.address + BigInt(i * NAME_BYTES), at)
      this.#messages.writeBigUInt64LE(this.#vectors.address + BigInt(i * IOV_BYTES), at + 16)
      this.#messages.writeBigUInt64LE(1n, at + 24)
      this.#vectors.bytes.writeBigUInt64LE(this.#slots.address + BigInt(i * SLOT_BYTES), i * IOV_BYTES)
      this.#vectors.bytes.writeBigUInt64LE(BigInt(SLOT_BYTES), i * IOV_BYTES + 8)
    }
  }

  /** Hands over what has come. */
  read (fd: number, take: (bytes: Buffer, key: string) => void): void {
    for (let batches = 0; batches < MAX_BATCHES; batches++) {
      const count = this.#receive(fd)
      for (let i = 0; i < count; i++) this.#hand(i, take)
      if (count < BATCH) return
    }
  }

  #receive (fd: number): number {
    for (let i = 0; i < BATCH; i++) this.#messages.writeUInt32LE(NAME_BYTES, i * MESSAGE_BYTES + 8)
    // An error is that nothing is there, or the news of a datagram that could not be delivered: the next read goes on behind it.
    return Math.max(0, kernel.calls.recvmmsg(fd, this.#messages, BATCH, kernel.MSG_DONTWAIT, null))
  }

  #hand (i: number, take: (bytes: Buffer, key: string) => void): void {
    const at = i * MESSAGE_BYTES
    const nameLength = this.#messages.readUInt32LE(at + 8)
    const length = this.#messages.readUInt32LE(at + 56)
    const name = i * NAME_BYTES
    take(this.#slots.bytes.subarray(i * SLOT_BYTES, i * SLOT_BYTES + length), this.#names.bytes.toString('latin1', name, name + nameLength))
  }
}

let shared: Inbox | undefined

/** The one inbox of this process, made with the first use. */
export const inbox = (): Inbox => shared ??= new Inbox()
