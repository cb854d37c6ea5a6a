// Loaded into a measured Node process (--import, with --expose-gc): on SIGUSR2 it collects its garbage and prints what is left.
import { setImmediate as breathe } from 'node:timers/promises'

export type Memory = { readonly memory: number, readonly residentBytes: number, readonly heapBytes: number, readonly bufferBytes: number }

const COLLECTIONS = 3
let told = 0

process.on('SIGUSR2', async () => {
  for (let n = 0; n < COLLECTIONS; n++) {
    await breathe() // What is freed by one collection is often held by finalizers until the next.
    await globalThis.gc?.({ type: 'major', execution: 'async', flavor: 'last-resort' })
  }
  const { rss, heapUsed, arrayBuffers } = process.memoryUsage()
  console.log(JSON.stringify({ memory: ++told, residentBytes: rss, heapBytes: heapUsed, bufferBytes: arrayBuffers } satisfies Memory))
})
