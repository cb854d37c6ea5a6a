import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import test from 'node:test'
import { PacketCache } from './packet-cache.ts'
import { RtpPacket } from './rtp-packet.ts'

const CHUNK_BYTES = 256 * 1024
let sequenceNumber = 0
const packet = (payloadBytes: number, descriptor?: Buffer): RtpPacket => {
  const built = RtpPacket.build({ payloadType: 96, marker: true, sequenceNumber: ++sequenceNumber & 0xffff, timestamp: sequenceNumber * 3000, ssrc: 1 }, randomBytes(payloadBytes))
  built.descriptor = descriptor
  return built
}
const same = (kept: RtpPacket | undefined, { bytes, descriptor }: RtpPacket): boolean =>
  kept !== undefined && kept.bytes.equals(bytes) && (descriptor === undefined ? kept.descriptor === undefined : kept.descriptor?.equals(descriptor) === true)

test('what is kept is found again, to the byte, and is kept once for all who ask', () => {
  const cache = new PacketCache()
  const packets = Array.from({ length: 2000 }, (_, i) => packet(i % 1400, i % 3 === 0 ? randomBytes(i % 60 + 1) : undefined))
  packets.push(packet(60_000), packet(0))
  const places = packets.map(each => cache.keep(each, 0))
  assert.equal(new Set(places).size, packets.length)
  assert.ok(places.every(place => place !== 0))
  assert.deepEqual(packets.map(each => cache.keep(each, 1)), places)
  for (const [i, each] of packets.entries()) assert.ok(same(cache.at(places[i]!), each), `packet ${i}`)
  packets[0]!.bytes.fill(0)
  assert.notEqual(cache.at(places[0]!)!.bytes[0], 0, 'a copy')
})

test('memory is used over again once it is old, and what was there is gone', () => {
  const cache = new PacketCache({ ms: 2000, bytes: 2 ** 30 })
  const places: number[] = []
  for (let now = 0; now < 60_000; now += 5) places.push(cache.keep(packet(1200), now)) // 250 KiB a second.
  assert.ok(cache.bytes <= 4 * CHUNK_BYTES, `${cache.bytes} bytes`)
  assert.equal(cache.at(places[0]!), undefined)
  assert.ok(places.slice(-400).every(place => cache.at(place)), 'the last 2 s')
})

test('after a flood memory goes back to what is needed', () => {
  const cache = new PacketCache({ ms: 2000, bytes: 2 ** 30 })
  for (let i = 0; i < 10_000; i++) cache.keep(packet(1200), 0)
  assert.ok(cache.bytes > 40 * CHUNK_BYTES)
  for (let i = 0; i < 300; i++) cache.keep(packet(1200), 3000)
  assert.ok(cache.bytes <= 3 * CHUNK_BYTES, `${cache.bytes} bytes`)
})

test('where all must fit into less, packets are kept for a shorter time', () => {
  const cache = new PacketCache({ ms: 2000, bytes: 2 * CHUNK_BYTES })
  const first = packet(1200)
  const place = cache.keep(first, 0)
  for (let i = 0; i < 1000; i++) cache.keep(packet(1200), 0)
  assert.equal(cache.bytes, 2 * CHUNK_BYTES)
  assert.equal(cache.at(place), undefined)
  assert.ok(same(cache.at(cache.keep(first, 0)), first), 'it is kept anew')
})

test('a place in one cache is none in another', () => {
  const [one, other] = [new PacketCache(), new PacketCache()]
  const [mine, theirs] = [packet(10), packet(20)]
  const place = one.keep(mine, 0)
  other.keep(theirs, 0)
  assert.equal(other.at(place), undefined)
  assert.ok(same(other.at(other.keep(mine, 0)), mine))
})
