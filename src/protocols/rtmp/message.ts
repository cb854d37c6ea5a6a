import { ByteReader } from '../../lib/bytes.ts'
import { ProtocolError } from '../../lib/errors.ts'
import { type AmfObject, type AmfValue, isAmfObject, parseAmf0, printAmf0 } from './amf0.ts'

/** Message type ids (specification sections 5.4, 7.1). */
export const MessageType = {
  setChunkSize: 1,
  abort: 2,
  acknowledgement: 3,
  userControl: 4,
  windowAcknowledgementSize: 5,
  setPeerBandwidth: 6,
  audio: 8,
  video: 9,
  dataAmf3: 15,
  sharedObjectAmf3: 16,
  commandAmf3: 17,
  data: 18,
  sharedObject: 19,
  command: 20,
  aggregate: 22
} as const

/** User control events (section 7.1.7). */
export const UserControl = { streamBegin: 0, streamEof: 1, setBufferLength: 3, pingRequest: 6, pingResponse: 7 } as const

/** The chunk streams we send on; which carries what is every sender's own choice, but for 2 (section 5.4). */
export const ChunkStream = { control: 2, command: 3, audio: 4, video: 6, data: 5 } as const

export type RtmpMessage = {
  readonly type: number
  /** Message stream id: 0 for the connection, else what createStream gave. */
  readonly streamId: number
  /** Milliseconds, 32 bits, wrapping. */
  readonly timestamp: number
  readonly payload: Buffer
}

export type Command = {
  readonly name: string
  readonly transactionId: number
  /** The command object; most commands have none. */
  readonly object: AmfObject | undefined
  readonly args: readonly AmfValue[]
}

/** @throws ProtocolError for what is no command in AMF 0. */
export function parseCommand ({ type, payload }: RtmpMessage): Command {
  const [name, transactionId, object, ...args] = parseAmf0(amf0Part(type === MessageType.commandAmf3, payload))
  if (typeof name !== 'string') throw new ProtocolError('a command without a name')
  return {
    name,
    transactionId: typeof transactionId === 'number' ? transactionId : 0,
    object: object !== undefined && isAmfObject(object) ? object : undefined,
    args
  }
}

export const printCommand = (name: string, transactionId: number, object: AmfValue, ...args: AmfValue[]): Buffer =>
  printAmf0([name, transactionId, object, ...args])

/** The values of a data message such as `@setDataFrame`, `onMetaData`, …. @throws ProtocolError */
export const parseData = ({ type, payload }: RtmpMessage): AmfValue[] => parseAmf0(amf0Part(type === MessageType.dataAmf3, payload))

/** Messages of the AMF 3 types begin with a zero and go on in AMF 0, as every encoder that uses them does. */
function amf0Part (amf3: boolean, payload: Buffer): Buffer {
  return amf3 && payload.length > 0 && payload[0] === 0 ? payload.subarray(1) : payload
}

/** Control messages of one 32-bit number: Set Chunk Size, Abort, Acknowledgement, Window Acknowledgement Size. */
export function parseControl ({ payload }: RtmpMessage): number { return new ByteReader(payload).u32() }

export function printControl (value: number): Buffer {
  const payload = Buffer.allocUnsafe(4)
  payload.writeUInt32BE(value >>> 0)
  return payload
}

/** Set Peer Bandwidth (section 5.4.5). Limit types: 0 hard, 1 soft, 2 dynamic. */
export function printPeerBandwidth (bytes: number, limitType: 0 | 1 | 2): Buffer {
  return Buffer.concat([printControl(bytes), Buffer.from([limitType])])
}

export function parseUserControl ({ payload }: RtmpMessage): { event: number, value: number } {
  const reader = new ByteReader(payload)
  const event = reader.u16()
  return { event, value: reader.left >= 4 ? reader.u32() : 0 }
}

export function printUserControl (event: number, value: number): Buffer {
  const payload = Buffer.allocUnsafe(6)
  payload.writeUInt16BE(event)
  payload.writeUInt32BE(value >>> 0, 2)
  return payload
}

/**
 * The messages inside an aggregate (section 7.1.6): FLV tags, each followed by its length. Their times count from that of the
 * first, which is the aggregate's own. @throws ProtocolError
 */
export function splitAggregate ({ payload, streamId, timestamp }: RtmpMessage): RtmpMessage[] {
  const messages: RtmpMessage[] = []
  const reader = new ByteReader(payload)
  let first: number | undefined
  while (reader.left > 0) {
    const type = reader.u8()
    const length = reader.u24()
    const time = reader.u24() + reader.u8() * 2 ** 24
    reader.skip(3) // Stream id: the aggregate's counts.
    first ??= time
    messages.push({ type, streamId, timestamp: (timestamp + time - first) >>> 0, payload: reader.view(length) })
    reader.skip(4)
  }
  return messages
}
