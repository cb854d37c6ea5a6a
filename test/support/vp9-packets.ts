import { RtpPacket } from '../../src/media/rtp-packet.ts'

export type Vp9Packet = {
  readonly sequenceNumber: number
  readonly timestamp: number
  readonly marker: boolean
  readonly key: boolean
  readonly spatialId: number
  readonly temporalId: number
  /** Predicted from the next lower layer. */
  readonly interLayer: boolean
  /** Of the layers there are, in pixels. */
  readonly sizes: readonly (readonly [number, number])[]
  /** Bytes of VP9 data. */
  readonly bytes: number
}

/** A packet that is a whole frame: a payload descriptor (RFC 9628), and nothing that could be decoded. */
export function vp9Packet ({ sequenceNumber = 0, timestamp = 0, marker = false, key = false, spatialId = 0, temporalId = 0, interLayer = false, sizes = [], bytes = 10 }: Partial<Vp9Packet>): RtpPacket {
  const flags = 0x3c | (key ? 0 : 0x40) | (sizes.length > 0 ? 2 : 0) // L, F, B and E; P, V.
  const structure = sizes.length === 0 ? [] : [(sizes.length - 1) << 5 | 0x10, ...sizes.flatMap(size => size.flatMap(pixels => [pixels >> 8, pixels & 0xff]))]
  const descriptor = [flags, temporalId << 5 | spatialId << 1 | Number(interLayer), ...key ? [] : [2], ...structure]
  return RtpPacket.build({ payloadType: 98, marker, sequenceNumber, timestamp, ssrc: 5 }, Buffer.from([...descriptor, ...Array.from({ length: bytes }, () => spatialId)]))
}

export type Vp9Picture = Partial<Pick<Vp9Packet, 'sequenceNumber' | 'timestamp' | 'temporalId' | 'bytes'>> & { readonly layers: number }

/** A packet for each layer. */
export const keyPicture = ({ layers, sequenceNumber = 0, ...rest }: Vp9Picture): RtpPacket[] => Array.from({ length: layers }, (_, spatialId) => vp9Packet({
  ...rest, sequenceNumber: sequenceNumber + spatialId, key: true, spatialId, interLayer: spatialId > 0, marker: spatialId === layers - 1,
  sizes: spatialId === 0 ? Array.from({ length: layers }, (__, layer) => [240 << layer, 135 << layer]) : []
}))

/** @param nested whether layers are predicted from the lower ones, or from themselves alone */
export const picture = ({ layers, sequenceNumber = 0, nested, ...rest }: Vp9Picture & { nested: boolean }): RtpPacket[] => Array.from({ length: layers }, (_, spatialId) =>
  vp9Packet({ ...rest, sequenceNumber: sequenceNumber + spatialId, spatialId, interLayer: nested && spatialId > 0, marker: spatialId === layers - 1 }))
