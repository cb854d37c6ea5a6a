import { drawRandom } from './random.ts'

const prefixes = { conference: 'conf', participant: 'par', session: 'ses', track: 'trk', ingress: 'ing', recording: 'rec', stream: 'str', destination: 'dst', event: 'evt', apiKey: 'key', webhook: 'whk', request: 'req' } as const

const RANDOM_BYTES = 10

/** A UUID version 7 (RFC 9562 section 5.7): sorts by time of birth, so that index pages and lists stay in order. */
export function uuidV7 (wallMs: number = Date.now()): string {
  const bytes = Buffer.allocUnsafe(16)
  bytes.writeUIntBE(wallMs, 0, 6)
  drawRandom(RANDOM_BYTES).copy(bytes, 6)
  bytes[6] = 0x70 | (bytes[6]! & 0x0f)
  bytes[8] = 0x80 | (bytes[8]! & 0x3f)
  const hex = bytes.toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

/** An id that says what it names: `ses_0199…`. */
export const newId = (of: keyof typeof prefixes): string => `${prefixes[of]}_${uuidV7()}`
