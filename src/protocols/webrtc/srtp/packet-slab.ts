import { Memory } from '../../../lib/native/evp.ts'

const SLAB_BYTES = 16_384
/** Bigger packets get memory of their own: they would leave too much of a slab unused. */
const MAX_SHARED_BYTES = 4096
const ALIGNMENT = 8

/**
 * Where packets are received into: copied once, decrypted in place, and handed out as views. As with Buffer.allocUnsafe, one
 * packet that is kept keeps its slab, 16 KiB, alive; what is kept is mostly kept together, as in a jitter buffer, and so shares
 * it. Unlike there, the address of the memory has to be asked for only once per slab.
 */
export class PacketSlab {
  #memory: Memory | undefined
  #at = 0
  #next = 0

  /** Copies a packet to where it may be worked on, `memory` from `at` on, until the next one is placed. */
  place (bytes: Buffer): Memory {
    let memory = this.#memory
    this.#at = this.#next
    if (memory === undefined || bytes.length > memory.bytes.length - this.#at) {
      memory = this.#memory = new Memory(Buffer.allocUnsafeSlow(bytes.length > MAX_SHARED_BYTES ? bytes.length : SLAB_BYTES))
      this.#at = this.#next = 0
    }
    memory.bytes.set(bytes, this.#at)
    return memory
  }

  /** Where the packet stands that was placed last. */
  get at (): number { return this.#at }

  /** The first `length` bytes of that packet, from now on the caller's. */
  take (length: number): Buffer {
    const { bytes } = this.#memory!
    this.#next = Math.min(this.#at + length + ALIGNMENT - 1 & -ALIGNMENT, bytes.length)
    return bytes.subarray(this.#at, this.#at + length)
  }
}
