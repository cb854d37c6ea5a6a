import { ByteReader, ByteWriter } from '../../lib/bytes.ts'
import { ProtocolError } from '../../lib/errors.ts'

/** Prints boxes of the ISO base media file format (ISO 14496-12 section 4.2). */
export class BoxWriter extends ByteWriter {
  /** A box around whatever `content` writes. */
  box (type: string, content: () => void): this {
    const start = this.length
    this.u32(0).ascii(type)
    content()
    return this.patchU32(start, this.length - start)
  }

  fullBox (type: string, version: number, flags: number, content: () => void): this {
    return this.box(type, () => {
      this.u8(version).u24(flags)
      content()
    })
  }
}

export const BOX_HEADER_BYTES = 8
export const LARGE_BOX_HEADER_BYTES = 16
/** Boxes in one box: more than any file of ours has, a thousand times over. */
const MAX_CHILDREN = 4096

export type BoxHeader = {
  readonly type: string
  /** Of the whole box, header included, in bytes. */
  readonly size: number
  readonly headerSize: number
}

/**
 * @param bytes the beginning of a box: 16 bytes where the file has them, at least 8
 * @throws ProtocolError for a size that cannot be, and for size 0 (to the end of the file), which a file that grows never has
 */
export function parseBoxHeader (bytes: Buffer): BoxHeader {
  const reader = new ByteReader(bytes)
  const size32 = reader.u32()
  const type = reader.view(4).toString('latin1')
  const large = size32 === 1
  const headerSize = large ? LARGE_BOX_HEADER_BYTES : BOX_HEADER_BYTES
  const size = large ? Number(reader.u64()) : size32
  if (size < headerSize || !Number.isSafeInteger(size)) throw new ProtocolError(`a box of ${size} bytes`, 0)
  return { type, size, headerSize }
}

export type Box = { readonly type: string, readonly content: Buffer, readonly whole: Buffer }

/** The boxes that lie in `bytes` one after the other; views, not copies. @throws ProtocolError */
export function parseBoxes (bytes: Buffer): Box[] {
  const boxes: Box[] = []
  for (let at = 0; at < bytes.length;) {
    if (bytes.length - at < BOX_HEADER_BYTES) throw new ProtocolError('a box ends inside its header', at)
    if (boxes.length >= MAX_CHILDREN) throw new ProtocolError(`more than ${MAX_CHILDREN} boxes in one`, at)
    const { type, size, headerSize } = parseBoxHeader(bytes.subarray(at, at + LARGE_BOX_HEADER_BYTES))
    if (size > bytes.length - at) throw new ProtocolError(`box ${printable(type)} of ${size} bytes, ${bytes.length - at} are left`, at)
    boxes.push({ type, content: bytes.subarray(at + headerSize, at + size), whole: bytes.subarray(at, at + size) })
    at += size
  }
  return boxes
}

const printable = (type: string): string => type.replaceAll(/[^ -~]/g, '?')

/** @throws ProtocolError if it is not there */
export function childOf (boxes: readonly Box[], type: string): Buffer {
  const box = boxes.find(b => b.type === type)
  if (!box) throw new ProtocolError(`no ${type} box`)
  return box.content
}

/** The content of a box inside boxes: `descend(moov, 'trak', 'mdia')`. */
export const descend = (content: Buffer, ...path: readonly string[]): Buffer =>
  path.reduce((inner, type) => childOf(parseBoxes(inner), type), content)

/** Version and flags of a full box, and a reader on what follows them. */
export function openFullBox (content: Buffer): { version: number, flags: number, reader: ByteReader } {
  const reader = new ByteReader(content)
  return { version: reader.u8(), flags: reader.u24(), reader }
}
