import assert from 'node:assert/strict'
import test from 'node:test'
import { keyPicture, picture, type Vp9Packet, vp9Packet } from '../../test/support/vp9-packets.ts'
import { startsKeyframe } from './keyframes.ts'
import { RtpPacket } from './rtp-packet.ts'
import { isPart, type LayerReader, layerReaderFor, type OperatingPoint, operatingPoints, partOf } from './scalability.ts'

const of = (layer: Partial<Vp9Packet>): RtpPacket => vp9Packet({ sequenceNumber: 1, timestamp: 1, ...layer })
const namesOf = (reader: LayerReader): string[] => operatingPoints(reader.scalability).map(({ name }) => name)
/** Which operating points a packet belongs to. */
const pointsOf = (reader: LayerReader, packet: RtpPacket): string[] => {
  const place = reader.read(packet)
  return place ? operatingPoints(reader.scalability).filter(point => isPart(place, point)).map(({ name }) => name) : []
}

test('codecs that say of what layer a packet is', () => {
  assert.deepEqual((['VP9', 'AV1', 'VP8', 'H264'] as const).map(name => layerReaderFor(name) !== undefined), [true, true, false, false])
})

test('layers are chosen by size, or by frame rate where there is one size; layers that stop stay', () => {
  const reader = layerReaderFor('VP9')!
  assert.deepEqual(namesOf(reader), [])
  reader.read(of({ key: true, sizes: [[320, 180]] }))
  assert.deepEqual(namesOf(reader), [])
  reader.read(of({ temporalId: 2 }))
  assert.deepEqual(namesOf(reader), ['t0', 't1', 't2'])
  reader.read(of({ key: true, sizes: [[320, 180], [640, 360]] }))
  assert.deepEqual(namesOf(reader), ['s0', 's1'])
  const before = reader.scalability
  reader.read(of({ key: true, sizes: [[320, 180]] }))
  assert.equal(reader.scalability, before, 'and nothing is news that was known')
  reader.read(of({ key: true, sizes: [[160, 90]] }))
  assert.deepEqual(reader.scalability, { spatialLayers: 2, temporalLayers: 3, sizes: [{ width: 160, height: 90 }, { width: 640, height: 360 }] })
})

test('where each layer needs the lower ones, a point has them all; where not, those of key pictures', () => {
  for (const nested of [true, false]) {
    const reader = layerReaderFor('VP9')!
    const read = (packets: RtpPacket[]): string[] => packets.map(packet => pointsOf(reader, packet).join('+'))
    assert.deepEqual(read(keyPicture({ layers: 3 })), ['s0+s1+s2', 's1+s2', 's2'])
    read(picture({ layers: 3, nested })) // Only now it is known.
    assert.equal(reader.nested, nested)
    assert.deepEqual(read(picture({ layers: 3, nested, temporalId: 2 })), nested ? ['s0+s1+s2', 's1+s2', 's2'] : ['s0', 's1', 's2'])
    assert.deepEqual(read(keyPicture({ layers: 3 })), ['s0+s1+s2', 's1+s2', 's2'])
    assert.deepEqual(read(keyPicture({ layers: 1 })), ['s0+s1+s2'])
    assert.deepEqual(read(picture({ layers: 1, nested })), ['s0+s1+s2'], 'the best there is, is for all')
  }
})

test('what AV1 says in its descriptors', () => {
  const reader = layerReaderFor('AV1')!
  const described = (hex: string | undefined): RtpPacket => new RtpPacket(of({}).bytes, 0, hex === undefined ? undefined : Buffer.from(hex, 'hex'))
  assert.deepEqual(pointsOf(reader, described('c30003')), [], 'nothing, before the structure')
  assert.deepEqual(pointsOf(reader, described(undefined)), [])
  assert.deepEqual(pointsOf(reader, described('c00002800214eaa860414d1410208427013f00b3')), ['t0', 't1', 't2'])
  assert.deepEqual(['010006', '420006', 'c30003'].map(hex => pointsOf(reader, described(hex)).join()), ['t0,t1,t2', 't1,t2', 't2'])
  assert.equal(reader.nested, true)
  // L3T3_KEY of which the best layer is not sent yet; then a frame of each.
  pointsOf(reader, described('800007c0081485214eaaaaa8000600004000100002aa80a8000600004000100002a000a800060000400016d549241b5524906d54923157e001974ca864330e222396eca8655304224390eca87753013f00b3027f016704ff02cf1f80'))
  assert.equal(reader.nested, false)
  assert.deepEqual(['c20008', 'c70008', 'cc0008'].map(hex => pointsOf(reader, described(hex)).join()), ['s0', 's1,s2', 's2'], 'the best that is sent, is for all')
})

test('an operating point has its own marks, and leaves no gap where it has nothing', () => {
  const point: OperatingPoint = { name: 's0', spatialId: 0, temporalId: 7 }
  const reader = layerReaderFor('VP9')!
  const [low, high] = keyPicture({ layers: 2, sequenceNumber: 70, timestamp: 90 }) as [RtpPacket, RtpPacket]
  const [own, other] = [low, high].map(packet => partOf(packet, reader.read(packet), point)) as [RtpPacket, RtpPacket]
  assert.deepEqual([low.marker, own.marker, own.sequenceNumber, own.timestamp], [false, true, 70, 90])
  assert.deepEqual(own.payload, low.payload)
  assert.deepEqual([other.payload.length, other.marker, other.sequenceNumber, other.timestamp], [0, false, 71, 90])
  assert.equal(partOf(low, undefined, point).payload.length, 0, 'what nobody could place')
  const best: OperatingPoint = { name: 's1', spatialId: 1, temporalId: 7 }
  for (const packet of [low, high]) assert.equal(partOf(packet, reader.read(packet), best), packet, 'copied only where something changes')
  assert.deepEqual([low, high].map(packet => startsKeyframe('VP9', packet)), [true, false])
})
