import { randomFillSync } from 'node:crypto'

/** So many bytes are drawn at once: asking for them takes longer than most of what they are used for. */
const POOL_BYTES = 2048
const pool = Buffer.alloc(POOL_BYTES)
let drawn = POOL_BYTES

/**
 * Random bytes for names and secrets, each given out once.
 * @param length up to 256
 * @returns a view, to be read before anybody draws again
 */
export function drawRandom (length: number): Buffer {
  if (drawn + length > POOL_BYTES) {
    randomFillSync(pool)
    drawn = 0
  }
  drawn += length
  return pool.subarray(drawn - length, drawn)
}
