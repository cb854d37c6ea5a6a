import type { ByteReader, ByteWriter } from '../../lib/bytes.ts'
import { ProtocolError } from '../../lib/errors.ts'
import type { TransportFeedback } from './packet.ts'

/** The reference time counts in units of 64 ms, an arrival delta in units of 250 µs. */
const TICKS_PER_REFERENCE = 256
/** More packets than a transport sends between two feedbacks, by far. */
const MAX_PACKETS = 8192
/** A run length has 13 bits. */
const MAX_RUN = 0x1fff
const TWO_BIT_SYMBOLS = 7

const Symbol2 = { lost: 0, smallDelta: 1, largeDelta: 2 } as const

export function readTransportFeedback (body: ByteReader, sender: number, media: number): TransportFeedback {
  const base = body.u16()
  const count = body.u16()
  if (count > MAX_PACKETS) throw new ProtocolError(`transport feedback on ${count} packets`)
  let time = body.i24() * TICKS_PER_REFERENCE
  const feedback = body.u8()
  const symbols = readSymbols(body, count)
  const arrivals: (number | undefined)[] = []
  for (const symbol of symbols) {
    if (symbol === Symbol2.lost) { arrivals.push(undefined); continue }
    time += symbol === Symbol2.smallDelta ? body.u8() : body.u16() << 16 >> 16
    arrivals.push(time)
  }
  return { type: 'transport-cc', sender, media, feedback, base, arrivals }
}

function readSymbols (body: ByteReader, count: number): number[] {
  const symbols: number[] = []
  while (symbols.length < count) {
    const chunk = body.u16()
    if ((chunk & 0x8000) === 0) readRun(symbols, chunk, count)
    else if ((chunk & 0x4000) === 0) for (let bit = 13; bit >= 0 && symbols.length < count; bit--) symbols.push(chunk >> bit & 1)
    else for (let shift = 12; shift >= 0 && symbols.length < count; shift -= 2) symbols.push(checked(chunk >> shift & 3))
  }
  return symbols
}

function readRun (symbols: number[], chunk: number, count: number): void {
  const symbol = checked(chunk >> 13 & 3)
  for (let left = chunk & MAX_RUN; left > 0 && symbols.length < count; left--) symbols.push(symbol)
  if ((chunk & MAX_RUN) === 0) throw new ProtocolError('transport feedback with an empty run')
}

function checked (symbol: number): number {
  if (symbol === 3) throw new ProtocolError('transport feedback with a reserved symbol')
  return symbol
}

/**
 * Prints what `readTransportFeedback` reads. An arrival too far from the one before it for 16 bits of 250 µs (8 s) must start
 * a feedback packet of its own: the caller splits there.
 */
export function writeTransportFeedback (out: ByteWriter, { base, feedback, arrivals }: TransportFeedback): void {
  const first = arrivals.find(time => time !== undefined) ?? 0
  const reference = Math.floor(first / TICKS_PER_REFERENCE)
  out.u16(base).u16(arrivals.length).i24(wrap24(reference)).u8(feedback)
  const symbols: number[] = []
  const deltas: number[] = []
  let time = reference * TICKS_PER_REFERENCE
  for (const arrival of arrivals) {
    if (arrival === undefined) { symbols.push(Symbol2.lost); continue }
    const delta = arrival - time
    if (delta < -0x8000 || delta > 0x7fff) throw new RangeError('arrivals of one feedback must be within 8 s of each other')
    symbols.push(delta >= 0 && delta <= 0xff ? Symbol2.smallDelta : Symbol2.largeDelta)
    deltas.push(delta)
    time = arrival
  }
  const start = out.length
  writeSymbols(out, symbols)
  let at = 0
  for (const symbol of symbols) {
    if (symbol === Symbol2.smallDelta) out.u8(deltas[at++]!)
    else if (symbol === Symbol2.largeDelta) out.u16(deltas[at++]! & 0xffff)
  }
  out.zeros(-(out.length - start) & 3)
}

function writeSymbols (out: ByteWriter, symbols: readonly number[]): void {
  for (let at = 0; at < symbols.length;) {
    const run = runLength(symbols, at)
    if (run > TWO_BIT_SYMBOLS || at + run === symbols.length) {
      out.u16(symbols[at]! << 13 | run)
      at += run
      continue
    }
    let chunk = 0xc000
    for (let i = 0; i < TWO_BIT_SYMBOLS; i++) chunk |= (symbols[at + i] ?? Symbol2.lost) << (12 - 2 * i)
    out.u16(chunk)
    at += TWO_BIT_SYMBOLS
  }
}

function runLength (symbols: readonly number[], from: number): number {
  let end = from + 1
  while (end < symbols.length && symbols[end] === symbols[from] && end - from < MAX_RUN) end++
  return end - from
}

const wrap24 = (value: number): number => value << 8 >> 8
