import { randomFillSync } from 'node:crypto'

const prefixes = { conference: 'conf', participant: 'par', session: 'ses', track: 'trk', ingress: 'ing', recording: 'rec', stream: 'str', destination: 'dst', event: 'evt', apiKey: 'key', webhook: 'whk', request: 'req' } as const

/** Drawn for so many ids at once: asking for random bytes takes longer than all the rest. */
const POOLED_IDS = 128
const RANDOM_BYTES = 10
const pool = Buffer.alloc(POOLED_IDS * RANDOM_BYTES)
let drawn = pool.length

/** @returns bytes that are used once */
function randomPart (): Buffer {
  if (drawn === pool.length) {
    randomFillSync(pool)
    drawn = 0
  }
  drawn += RANDOM_BYTES
  return pool.subarray(drawn - RANDOM_BYTES, drawn)
}

/** A UUID version 7 (RFC 9562 section 5.7): sorts by time of birth, so that index pages and lists stay in order. */
export function uuidV7 (wallMs: number = Date.now()): string {
  const bytes = Buffer.allocUnsafe(16)
  bytes.writeUIntBE(wallMs, 0, 6)
  randomPart().copy(bytes, 6)
  bytes[6] = 0x70 | (bytes[6]! & 0x0f)
  bytes[8] = 0x80 | (bytes[8]! & 0x3f)
  const hex = bytes.toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

/** An id that says what it names: `ses_0199…`. */
export const newId = (of: keyof typeof prefixes): string => `${prefixes[of]}_${uuidV7()}`
