import koffi from 'koffi'

/** Memory at an address that never changes, which the system may be told. */
export type NativeMemory = Disposable & { readonly address: bigint, readonly bytes: Buffer }

/** @param length in bytes; filled with zeros */
export function allocate (length: number): NativeMemory {
  const pointer = koffi.alloc('uint8_t', length)
  const bytes = Buffer.from(koffi.view(pointer, length)).fill(0)
  return { address: koffi.address(pointer), bytes, [Symbol.dispose]: () => koffi.free(pointer) }
}
