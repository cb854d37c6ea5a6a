import { ByteReader, ByteWriter } from '../../lib/bytes.ts'
import { ProtocolError } from '../../lib/errors.ts'

/** Objects within objects. A `connect` needs 2. */
const MAX_DEPTH = 16
/** Properties and elements in one message, at all depths together. A `connect` has about 15, an `onMetaData` about 25. */
const MAX_PROPERTIES = 1000
const MAX_STRING_BYTES = 4096

/** Type markers (AMF 0 specification, section 2.1). */
const Marker = {
  number: 0x00,
  boolean: 0x01,
  string: 0x02,
  object: 0x03,
  null: 0x05,
  undefined: 0x06,
  reference: 0x07,
  ecmaArray: 0x08,
  objectEnd: 0x09,
  strictArray: 0x0a,
  date: 0x0b,
  longString: 0x0c,
  unsupported: 0x0d,
  xmlDocument: 0x0f,
  typedObject: 0x10
} as const

export type AmfValue = number | boolean | string | null | undefined | Date | AmfValue[] | AmfObject
/** Without a prototype when it was read, so that no property name means anything. */
export type AmfObject = { [name: string]: AmfValue }

/** To print an object as the ECMA array that players expect `onMetaData` to carry; read, both are objects. */
export class EcmaArray {
  readonly properties: AmfObject
  constructor (properties: AmfObject) { this.properties = properties }
}

/** Reads values until the bytes end. @throws ProtocolError, also where a limit is passed */
export function parseAmf0 (bytes: Buffer): AmfValue[] {
  const reader = new Amf0Reader(bytes)
  const values: AmfValue[] = []
  while (reader.left > 0) values.push(reader.value())
  return values
}

export const isAmfObject = (value: AmfValue): value is AmfObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date)

class Amf0Reader {
  readonly #reader: ByteReader
  /** What a reference (section 2.9) may point to, in the order of appearance. */
  readonly #complex: AmfValue[] = []
  #depth = 0
  #properties = 0

  constructor (bytes: Buffer) { this.#reader = new ByteReader(bytes) }

  get left (): number { return this.#reader.left }

  value (): AmfValue {
    const marker = this.#reader.u8()
    switch (marker) {
      case Marker.number: return this.#reader.f64()
      case Marker.boolean: return this.#reader.u8() !== 0
      case Marker.string: return this.#string(this.#reader.u16())
      case Marker.longString:
      case Marker.xmlDocument: return this.#string(this.#reader.u32())
      case Marker.null: return null
      case Marker.undefined:
      case Marker.unsupported: return undefined
      case Marker.date: return this.#date()
      case Marker.reference: return this.#reference()
      case Marker.object: return this.#object()
      case Marker.typedObject: this.#string(this.#reader.u16()); return this.#object()
      case Marker.ecmaArray: this.#reader.u32(); return this.#object() // The count is a hint; the end marker counts.
      case Marker.strictArray: return this.#array()
      default: throw new ProtocolError(`AMF 0 type ${marker}`, this.#reader.offset - 1)
    }
  }

  #string (length: number): string {
    if (length > MAX_STRING_BYTES) throw new ProtocolError(`an AMF string of ${length} bytes`, this.#reader.offset)
    return this.#reader.view(length).toString('utf8')
  }

  #date (): Date {
    const date = new Date(this.#reader.f64())
    this.#reader.skip(2) // Time zone: to be ignored (section 2.13).
    return date
  }

  #reference (): AmfValue {
    const index = this.#reader.u16()
    if (index >= this.#complex.length) throw new ProtocolError('an AMF reference to nothing', this.#reader.offset)
    return this.#complex[index]
  }

  #object (): AmfObject {
    const object = Object.create(null) as AmfObject
    this.#enter(object)
    for (;;) {
      const name = this.#string(this.#reader.u16())
      if (name === '' && this.#reader.left > 0 && this.#reader.bytes[this.#reader.offset] === Marker.objectEnd) break
      this.#count(1)
      object[name] = this.value()
    }
    this.#reader.skip(1)
    this.#depth--
    return object
  }

  #array (): AmfValue[] {
    const length = this.#reader.u32()
    this.#count(length)
    const array: AmfValue[] = []
    this.#enter(array)
    for (let index = 0; index < length; index++) array.push(this.value())
    this.#depth--
    return array
  }

  #enter (value: AmfValue): void {
    if (++this.#depth > MAX_DEPTH) throw new ProtocolError(`AMF objects more than ${MAX_DEPTH} deep`, this.#reader.offset)
    this.#complex.push(value)
  }

  #count (properties: number): void {
    this.#properties += properties
    if (this.#properties > MAX_PROPERTIES) throw new ProtocolError(`more than ${MAX_PROPERTIES} AMF properties`, this.#reader.offset)
  }
}

export function printAmf0 (values: readonly (AmfValue | EcmaArray)[]): Buffer {
  const writer = new ByteWriter()
  for (const value of values) printValue(writer, value)
  return Buffer.from(writer.done())
}

function printValue (writer: ByteWriter, value: AmfValue | EcmaArray): void {
  if (typeof value === 'number') writer.u8(Marker.number).f64(value)
  else if (typeof value === 'boolean') writer.u8(Marker.boolean).u8(value ? 1 : 0)
  else if (typeof value === 'string') printString(writer, value)
  else if (value === null) writer.u8(Marker.null)
  else if (value === undefined) writer.u8(Marker.undefined)
  else if (value instanceof Date) writer.u8(Marker.date).f64(value.getTime()).u16(0)
  else if (Array.isArray(value)) {
    writer.u8(Marker.strictArray).u32(value.length)
    for (const element of value) printValue(writer, element)
  } else if (value instanceof EcmaArray) {
    writer.u8(Marker.ecmaArray).u32(Object.keys(value.properties).length)
    printProperties(writer, value.properties)
  } else {
    writer.u8(Marker.object)
    printProperties(writer, value)
  }
}

function printString (writer: ByteWriter, value: string): void {
  const bytes = Buffer.from(value)
  if (bytes.length < 0x10000) writer.u8(Marker.string).u16(bytes.length).bytes(bytes)
  else writer.u8(Marker.longString).u32(bytes.length).bytes(bytes)
}

function printProperties (writer: ByteWriter, properties: AmfObject): void {
  for (const [name, value] of Object.entries(properties)) {
    const bytes = Buffer.from(name)
    writer.u16(bytes.length).bytes(bytes)
    printValue(writer, value)
  }
  writer.u16(0).u8(Marker.objectEnd)
}
