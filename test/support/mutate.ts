import { ProtocolError } from '../../src/lib/errors.ts'

/** A small generator of pseudo-random numbers (mulberry32): the same seed gives the same run on every machine. */
export function random (seed: number): (below: number) => number {
  let state = seed >>> 0
  return below => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ state >>> 15, state | 1)
    mixed ^= mixed + Math.imul(mixed ^ mixed >>> 7, mixed | 61)
    return Math.floor(((mixed ^ mixed >>> 14) >>> 0) / 2 ** 32 * below)
  }
}

const striking = [0x00, 0x01, 0x7f, 0x80, 0xfe, 0xff]
type Pick = (below: number) => number
type Mutation = (bytes: Buffer, pick: Pick, seeds: readonly Buffer[]) => Buffer

const mutations: readonly Mutation[] = [
  function flipBit (bytes, pick) {
    bytes[pick(bytes.length)]! ^= 1 << pick(8)
    return bytes
  },
  function strikingByte (bytes, pick) {
    bytes[pick(bytes.length)] = striking[pick(striking.length)]!
    return bytes
  },
  function strikingLength (bytes, pick) {
    const width = 1 + pick(Math.min(4, bytes.length))
    bytes.writeUIntBE([0, 1, 2 ** (8 * width) - 1, 2 ** (8 * width - 1)][pick(4)]!, pick(bytes.length - width + 1), width)
    return bytes
  },
  function truncate (bytes, pick) { return bytes.subarray(0, pick(bytes.length)) },
  function remove (bytes, pick) {
    const at = pick(bytes.length)
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + pick(16))])
  },
  function insert (bytes, pick) {
    const at = pick(bytes.length + 1)
    const extra = Buffer.from(Array.from({ length: 1 + pick(16) }, () => pick(256)))
    return Buffer.concat([bytes.subarray(0, at), extra, bytes.subarray(at)])
  },
  function repeat (bytes, pick) {
    const at = pick(bytes.length)
    const end = at + 1 + pick(64)
    return Buffer.concat([bytes.subarray(0, end), bytes.subarray(at, end), bytes.subarray(end)])
  },
  function splice (bytes, pick, seeds) {
    const other = seeds[pick(seeds.length)]!
    return Buffer.concat([bytes.subarray(0, pick(bytes.length + 1)), other.subarray(pick(other.length + 1))])
  }
]

/** `count` damaged copies of the seeds, each with one to four injuries; the same ones for the same `seed`. */
export function * mutated (seeds: readonly Buffer[], { count, seed = 1 }: { count: number, seed?: number }): Generator<Buffer> {
  const pick = random(seed)
  for (let made = 0; made < count; made++) {
    let bytes = Buffer.from(seeds[pick(seeds.length)]!)
    for (let injuries = 1 + pick(4); injuries > 0 && bytes.length > 0; injuries--) {
      bytes = Buffer.from(mutations[pick(mutations.length)]!(bytes, pick, seeds))
    }
    yield bytes
  }
}

/**
 * Feeds damaged copies of the seeds to a parser: it may return, or throw ProtocolError, and nothing else.
 * @throws Error that shows the bytes, ready to become a row in the parser's table
 */
export function survives (parse: (bytes: Buffer) => unknown, seeds: readonly Buffer[], { count = 20_000, seed = 1 } = {}): void {
  for (const bytes of mutated(seeds, { count, seed })) {
    const shown = bytes.toString('hex')
    try {
      parse(bytes)
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw new Error(`broken by ${shown}`, { cause: error })
    }
  }
}
