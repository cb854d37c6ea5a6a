import type { PrintTarget } from '../../src/media/rtp-sender.ts'

const MEMORY_BYTES = 4096
/** Packets do not begin where the memory does: whoever prints somewhere else than where it was told is found out. */
const RESERVED_AT = 100

/** Hands over what is printed. @param send may not keep the bytes */
export function printTarget (send: (bytes: Buffer) => boolean): PrintTarget {
  const memory = Buffer.alloc(MEMORY_BYTES)
  return { memory, reserve: () => RESERVED_AT, commit: (at, length) => send(memory.subarray(at, at + length)) }
}
