import assert from 'node:assert/strict'
import test from 'node:test'
import { ManualClock } from '../../../test/support/manual-clock.ts'
import { printTarget } from '../../../test/support/print-target.ts'
import { keyPicture, picture, vp9Packet } from '../../../test/support/vp9-packets.ts'
import { codec } from '../../media/codec.ts'
import { parseVp9Descriptor } from '../../media/payload/vp9-descriptor.ts'
import { RtpPacket } from '../../media/rtp-packet.ts'
import { layerReaderFor } from '../../media/scalability.ts'
import { Room } from '../../room/room.ts'
import type { Track } from '../../room/track.ts'
import { PublishedLayers } from './layers.ts'
import { Outlet } from './outlet.ts'
import { ScalableStream } from './scalable-stream.ts'

const vp9 = codec('VP9')
const TICKS = 3000

type House = {
  readonly best: Track
  readonly stream: ScalableStream
  /** A packet comes as it is. */
  take (packet: RtpPacket): void
  /** Requests for a keyframe so far. */
  readonly asked: () => number
  /** Writes pictures of so many layers, the first a key picture if asked for. */
  send (layers: number, options?: { key?: boolean, nested?: boolean }): void
  write (packets: readonly RtpPacket[]): void
  layer (rid: string): Track
}

function open (): House {
  const layers = new PublishedLayers(new Room('hall').join({ identity: 'ann', source: 'whip' }), vp9, [])
  const best = layers.publish('')
  let asked = 0
  best.onKeyframeWanted = () => { asked++ }
  const stream = new ScalableStream(layers, 'VP9', layerReaderFor('VP9')!)
  let [sequenceNumber, timestamp] = [65_530, 0]
  const take = (packet: RtpPacket): void => {
    const place = stream.read(packet, best)
    if (stream.isDivided) stream.write(packet, place, best)
    else best.write(packet)
  }
  const write = (packets: readonly RtpPacket[]): void => {
    for (const packet of packets) take(packet.rewrite({ sequenceNumber: sequenceNumber++, timestamp }))
    timestamp += TICKS
  }
  return {
    best, stream, take, write,
    asked: () => asked,
    send: (count, { key = false, nested = true } = {}) => write(key ? keyPicture({ layers: count }) : picture({ layers: count, nested })),
    layer: rid => best.layers.find(layer => layer.rid === rid)!
  }
}

/** What one viewer is sent, a line for each packet: how far its number and time are from the first, its layer, and whether it ends a picture. */
function view (track: Track): { outlet: Outlet, take: () => string[] } {
  const sent: RtpPacket[] = []
  let taken = 0
  const outlet = new Outlet({
    codec: vp9, negotiated: { codec: { payloadType: 98, name: 'vp9', clockRate: 90_000, channels: 1, parameters: {}, feedback: ['nack'] }, rtx: undefined, red: undefined },
    ssrc: 7, rtxSsrc: undefined, clock: new ManualClock(), failed: error => { throw error },
    target: printTarget(bytes => { sent.push(RtpPacket.parse(Buffer.from(bytes))); return true })
  })
  outlet.attach(track)
  const take = (): string[] => {
    const lines = sent.map(({ sequenceNumber, timestamp, payload, marker }) => {
      const [first] = sent as [RtpPacket]
      const what = payload.length === 0 ? 'empty' : `s${parseVp9Descriptor(payload).spatialId}`
      return `${(sequenceNumber - first.sequenceNumber) & 0xffff} @${((timestamp - first.timestamp) >>> 0) / TICKS} ${what}${marker ? '.' : ''}`
    })
    const fresh = lines.slice(taken)
    taken = lines.length
    return fresh
  }
  return { outlet, take }
}

test('one stream becomes a layer for each size; the participant’s track is the best', () => {
  const { best, send } = open()
  send(1, { key: true })
  assert.deepEqual([best.layers, best.rid, best.scalable], [[], undefined, false])
  send(2, { key: true })
  assert.deepEqual(best.layers.map(({ rid }) => rid), ['s0', 's1'])
  const [lowest] = best.layers
  send(3, { key: true })
  assert.deepEqual(best.layers.map(({ rid }) => rid), ['s0', 's1', 's2'])
  assert.deepEqual([best.layers[0], best.layers[2], best.scalable], [lowest, best, true])
})

test('each viewer gets its layer, numbered without a gap, and marked where its pictures end', () => {
  const { best, send, layer } = open()
  send(3, { key: true })
  const [low, middle, high] = [view(layer('s0')), view(layer('s1')), view(best)]
  send(3, { key: true })
  send(3)
  assert.deepEqual(low.take(), ['0 @0 s0.', '1 @1 s0.'])
  assert.deepEqual(middle.take(), ['0 @0 s0', '1 @0 s1.', '2 @1 s0', '3 @1 s1.'])
  assert.deepEqual(high.take(), ['0 @0 s0', '1 @0 s1', '2 @0 s2.', '3 @1 s0', '4 @1 s1', '5 @1 s2.'])
})

test('a viewer goes on with a lower layer at the next picture, and with a better one at the next key picture, within one stream', () => {
  const { best, send, layer, asked } = open()
  send(3, { key: true })
  const { outlet, take } = view(best)
  send(3, { key: true })
  send(3)
  take()
  const before = asked()
  outlet.switchTo(layer('s0'))
  send(3)
  assert.deepEqual(take(), ['6 @2 s0.'])
  assert.deepEqual([outlet.layer, asked()], [layer('s0'), before], 'without a key picture')
  outlet.switchTo(layer('s1'))
  send(3)
  assert.deepEqual(take(), ['7 @3 s0.'])
  assert.equal(asked(), before + 1)
  send(3, { key: true })
  send(3)
  assert.deepEqual(take(), ['8 @4 s0', '9 @4 s1.', '10 @5 s0', '11 @5 s1.'])
  outlet.switchTo(best)
  send(3, { key: true })
  assert.deepEqual(take(), ['12 @6 s0', '13 @6 s1', '14 @6 s2.'])
  assert.equal(outlet.layerSwitches, 3)
})

test('where layers are apart between key pictures, a lower one needs one too, and the better ones do not carry it', () => {
  const { best, send, layer, asked } = open()
  send(3, { key: true })
  send(3, { nested: false })
  const { outlet, take } = view(best)
  send(3, { key: true })
  send(3, { nested: false })
  assert.deepEqual(take(), ['0 @0 s0', '1 @0 s1', '2 @0 s2.', '3 @1 s2.'])
  const before = asked()
  outlet.switchTo(layer('s1'))
  assert.equal(asked(), before + 1)
  send(3, { nested: false })
  send(3, { key: true })
  send(3, { nested: false })
  assert.deepEqual(take(), ['4 @2 s2.', '5 @3 s0', '6 @3 s1.', '7 @4 s1.'])
})

test('before its first key picture a viewer may be given another layer', () => {
  for (const { first, next, sent } of [{ first: 's2', next: 's0', sent: ['0 @0 s0.', '1 @1 s0.'] }, { first: 's0', next: 's1', sent: ['0 @0 s0', '1 @0 s1.', '2 @1 s0', '3 @1 s1.'] }]) {
    const { best, send, layer } = open()
    send(3, { key: true })
    const { outlet, take } = view(best)
    outlet.switchTo(layer(first))
    outlet.switchTo(layer(next))
    send(3)
    assert.deepEqual(take(), [])
    send(3, { key: true })
    send(3)
    assert.deepEqual(take(), sent)
  }
})

test('what comes late takes its place in the layer, or leaves it to nobody', () => {
  const { take: come, layer, send } = open()
  send(2, { key: true })
  const { take } = view(layer('s0'))
  const at = (sequenceNumber: number, timestamp: number, spatialId: number): RtpPacket => vp9Packet({ sequenceNumber, timestamp, spatialId, interLayer: spatialId > 0, marker: spatialId === 1 })
  for (const packet of keyPicture({ layers: 2, sequenceNumber: 100, timestamp: 50_000 })) come(packet)
  for (const packet of [at(103, 53_000, 1), at(104, 56_000, 0), at(106, 59_000, 0), at(107, 59_000, 1)]) come(packet)
  assert.deepEqual(take().map(line => line.replace(/ @\S+/, '')), ['0 s0.', '2 s0.', '4 s0.'])
  for (const packet of [at(102, 53_000, 0), at(105, 56_000, 1), at(108, 62_000, 0), at(109, 62_000, 1)]) come(packet)
  assert.deepEqual(take().map(line => line.replace(/ @\S+/, '')), ['1 s0.', '3 empty', '5 s0.'])
})

test('a picture of which an upper layer was left out ends with what came, marked or not', () => {
  const { best, send, write } = open()
  send(2, { key: true })
  const { take } = view(best)
  send(2, { key: true })
  take()
  write([vp9Packet({})])
  write([vp9Packet({}), vp9Packet({ spatialId: 1, interLayer: true, marker: true })])
  assert.deepEqual(take(), ['2 @1 s0.', '3 @2 s0', '4 @2 s1.'])
})

test('a layer has the bitrate of all it consists of, and none when its own part stops', () => {
  const { best, stream, send } = open()
  send(2, { key: true })
  stream.measure(1000)
  const size = picture({ layers: 1, nested: true })[0]!.bytes.length
  for (let i = 0; i < 10; i++) send(2)
  stream.measure(500)
  assert.deepEqual(best.layers.map(({ bitrate }) => bitrate), [size * 10 * 16, size * 20 * 16])
  for (let i = 0; i < 10; i++) send(1)
  stream.measure(1000)
  assert.deepEqual(best.layers.map(({ bitrate }) => bitrate), [size * 10 * 8, 0])
})
