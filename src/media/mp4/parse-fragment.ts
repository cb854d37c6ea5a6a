import type { ByteReader } from '../../lib/bytes.ts'
import { ProtocolError } from '../../lib/errors.ts'
import { childOf, openFullBox, parseBoxes } from './box.ts'
import { NON_SYNC, SampleRun, TrunFlag } from './fragment.ts'

const MAX_RUNS = 16
/** A sample may last long, where a participant was away, but not for ever. */
const MAX_DURATION_TICKS = 0x7fffffff
const KNOWN_FLAGS = TrunFlag.dataOffset | TrunFlag.duration | TrunFlag.size | TrunFlag.flags | TrunFlag.compositionOffset

export type ParsedRun = {
  readonly run: SampleRun
  /** Of its first sample, in bytes from the start of the `moof`. */
  readonly dataOffset: number
}

/** The opposite of `printFragmentHead`. @param content what is inside a `moof` box of ours. @throws ProtocolError */
export function parseFragment (content: Buffer): ParsedRun[] {
  const trafs = parseBoxes(content).filter(box => box.type === 'traf')
  if (trafs.length === 0 || trafs.length > MAX_RUNS) throw new ProtocolError(`a fragment of ${trafs.length} tracks`)
  return trafs.map(traf => parseRun(traf.content))
}

function parseRun (content: Buffer): ParsedRun {
  const boxes = parseBoxes(content)
  const run = new SampleRun(openFullBox(childOf(boxes, 'tfhd')).reader.u32())
  const time = openFullBox(childOf(boxes, 'tfdt'))
  run.baseDts = time.version === 1 ? Number(time.reader.u64()) : time.reader.u32()
  if (!Number.isSafeInteger(run.baseDts)) throw new ProtocolError('a decoding time beyond all measure')
  const { flags, reader } = openFullBox(childOf(boxes, 'trun'))
  const needed = TrunFlag.dataOffset | TrunFlag.duration | TrunFlag.size
  if ((flags & needed) !== needed || (flags & ~KNOWN_FLAGS) !== 0) throw new ProtocolError(`a run of samples with flags ${flags.toString(16)}`)
  const count = reader.u32()
  const dataOffset = reader.u32()
  readSamples(reader, flags, count, run)
  return { run, dataOffset }
}

function readSamples (reader: ByteReader, flags: number, count: number, run: SampleRun): void {
  const hasFlags = (flags & TrunFlag.flags) !== 0
  const hasOffsets = (flags & TrunFlag.compositionOffset) !== 0
  const sampleBytes = 8 + (hasFlags ? 4 : 0) + (hasOffsets ? 4 : 0)
  if (count === 0 || count * sampleBytes > reader.left) throw new ProtocolError(`a run of ${count} samples in ${reader.left} bytes`, reader.offset)
  for (let left = count; left > 0; left--) {
    const duration = reader.u32()
    if (duration > MAX_DURATION_TICKS) throw new ProtocolError(`a sample of ${duration} ticks`, reader.offset - 4)
    const size = reader.u32()
    const keyframe = !hasFlags || (reader.u32() & NON_SYNC) === 0
    run.add(duration, size, hasOffsets ? reader.u32() | 0 : 0, keyframe)
  }
}
