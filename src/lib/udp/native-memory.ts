import koffi from 'koffi'

/** Memory at an address that never changes, which the system may be told as long as somebody holds this. */
export type NativeMemory = { readonly address: bigint, readonly bytes: Buffer }

/** @param length in bytes; filled with zeros. An ArrayBuffer of its own lies outside of the heap, where nothing is moved. */
export function allocate (length: number): NativeMemory {
  const bytes = Buffer.from(new ArrayBuffer(length))
  return { address: koffi.address(bytes), bytes }
}
