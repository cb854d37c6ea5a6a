// AV1 in layers: what the publisher says of each packet in a header extension is read here, and passed on to viewers who read it too.
import assert from 'node:assert/strict'
import test from 'node:test'
import { RawPeer, type RawSection } from '../../../test/support/raw-peer.ts'
import { until } from '../../../test/support/until.ts'
import { type Edge, openEdge } from '../../../test/support/webrtc-edge.ts'
import { parseDependencyDescriptor } from '../../media/dependency-descriptor.ts'
import { RtpPacket } from '../../media/rtp-packet.ts'
import { ExtensionUri } from '../../protocols/webrtc/sdp-types.ts'

const [AV1, RTX, SSRC, RTX_SSRC] = [45, 46, 1001, 1002]
const [PUBLISHED_ID, VIEWED_ID] = [12, 7]
/** L3T3, as Chromium 153 describes it; templates 6 and 11 are of its upper layers. */
const STRUCTURE = 'c0081485214eafffaaaa863cf0430c10c302afc0aaa0063c00430010c002a000a80006000040001d954926e082b04a0941b820ac1282503157f974000ca864330e222222eca8655304224230eca87753013f00b3027f016704ff02cf1f80'
const templates = [1, 6, 11]

const section = (...more: string[]): RawSection[] => [{ mid: 'v', lines: [
  `m=video 9 UDP/TLS/RTP/SAVPF ${AV1} ${RTX}`, `a=rtpmap:${AV1} AV1/90000`, `a=rtcp-fb:${AV1} nack`, `a=rtpmap:${RTX} rtx/90000`, `a=fmtp:${RTX} apt=${AV1}`, ...more
] }]
const extension = (id: number): string => `a=extmap:${id} ${ExtensionUri.dependencyDescriptor}`

async function join (edge: Edge, peer: RawPeer, path: string): Promise<string> {
  const response = await fetch(edge.url + path, { method: 'POST', headers: { 'content-type': 'application/sdp' }, body: peer.offer })
  const answer = await response.text()
  assert.equal(response.status, 201, answer)
  await peer.accept(answer)
  return answer
}

type Fields = { sequenceNumber: number, timestamp: number, marker: boolean, payloadType?: number, ssrc?: number }

function packet ({ payloadType = AV1, ssrc = SSRC, ...fields }: Fields, descriptor: Buffer, payload: Buffer): RtpPacket {
  const words = Math.ceil((descriptor.length + 2) / 4)
  const block = Buffer.alloc(4 + words * 4)
  block.writeUInt32BE(0x1000_0000 | words)
  block.set([PUBLISHED_ID, descriptor.length, ...descriptor], 4)
  const { bytes } = RtpPacket.build({ ...fields, payloadType, ssrc }, Buffer.concat([block, payload]))
  bytes[0]! |= 0x10
  return RtpPacket.parse(bytes)
}

/** A key picture of three frames, each a packet. */
function picture (number: number): { fields: Fields, descriptor: Buffer, payload: Buffer }[] {
  return templates.map((template, spatialId) => ({
    fields: { sequenceNumber: number * 3 + spatialId, timestamp: number * 3000, marker: spatialId === 2 },
    descriptor: Buffer.from(`${(0xc0 | template).toString(16)}${(number * 3 + spatialId).toString(16).padStart(4, '0')}${spatialId === 0 ? STRUCTURE : ''}`, 'hex'),
    payload: Buffer.of(spatialId === 0 ? 0x18 : 0x10, number, spatialId)
  }))
}

test('descriptors reach the viewers who agreed to them, also with what was lost; the others get the layer that needs none', async () => {
  await using edge = await openEdge()
  await using publisher = await RawPeer.create('sendonly', section(extension(PUBLISHED_ID)))
  assert.ok((await join(edge, publisher, '/whip/hall?identity=ann')).includes(extension(PUBLISHED_ID)))
  const send = (number: number, lost: readonly number[] = []): void => {
    for (const [spatialId, { fields, descriptor, payload }] of picture(number).entries()) if (!lost.includes(spatialId)) publisher.send(packet(fields, descriptor, payload))
  }
  send(0)
  const track = () => edge.bridge.room('hall')?.find('ann')?.tracks.values().next().value
  await until('three layers', () => track()?.layers.length === 3)
  await using reads = await RawPeer.create('recvonly', section(extension(VIEWED_ID)))
  await using knowsNothing = await RawPeer.create('recvonly', section())
  assert.ok((await join(edge, reads, '/whep/hall')).includes(extension(VIEWED_ID)))
  assert.doesNotMatch(await join(edge, knowsNothing, '/whep/hall'), /dependency/)
  await until('both listen', () => track()!.subscribers === 1 && track()!.layers[0]!.subscribers === 1)

  send(1)
  send(2, [1])
  await until('what came', () => reads.packets.length >= 5 && knowsNothing.packets.length >= 2)
  const { fields, descriptor, payload } = picture(2)[1]!
  publisher.send(packet({ ...fields, payloadType: RTX, ssrc: RTX_SSRC }, descriptor, Buffer.concat([Buffer.of(0, fields.sequenceNumber), payload])))
  await until('what was repaired', () => reads.packets.length >= 6 && knowsNothing.packets.length >= 3)

  const first = reads.packets[0]!.sequenceNumber
  const inOrder = reads.packets.toSorted((a, b) => ((a.sequenceNumber - first) & 0xffff) - ((b.sequenceNumber - first) & 0xffff))
  assert.deepEqual(inOrder.map(({ payload: [, number, spatialId] }) => [number, spatialId]), [1, 2].flatMap(number => [0, 1, 2].map(spatialId => [number, spatialId])))
  const descriptors = inOrder.map(each => each.extension(VIEWED_ID)!)
  const { attached } = parseDependencyDescriptor(descriptors[0]!, undefined)
  assert.deepEqual(descriptors.map(bytes => { const { frameNumber, spatialId } = parseDependencyDescriptor(bytes, attached); return [frameNumber, spatialId] }), [[0, 0], [1, 1], [2, 2], [3, 0], [4, 1], [5, 2]])
  assert.equal(descriptors[0]!.subarray(3).toString('hex'), STRUCTURE, 'all else is as it was')

  reads.sendRtcp([{ type: 'nack', sender: 1, media: reads.packets[0]!.ssrc, lost: [inOrder[0]!.sequenceNumber] }])
  await until('the answer', () => reads.packets.some(({ payloadType }) => payloadType === RTX))
  const again = reads.packets.find(({ payloadType }) => payloadType === RTX)!
  assert.deepEqual(again.extension(VIEWED_ID), descriptors[0])
  assert.deepEqual(again.payload.subarray(2), inOrder[0]!.payload)

  assert.deepEqual([...edge.bridge.sessions.values()].filter(({ leg }) => leg.kind === 'whep').map(({ leg }) => leg.stats().advice.map(({ code }) => code)), [[], ['dependency_descriptor']])
  const low = knowsNothing.packets.map(({ payload: [, number, spatialId], marker, hasExtensions }) => [number, spatialId, marker, hasExtensions])
  assert.deepEqual(low, [[1, 0, true, false], [2, 0, true, false], [undefined, undefined, false, false]], 'and what it might wait for is filled')
})

test('of a codec that says in its payload what layer a packet is of, no descriptors are asked for', async () => {
  await using edge = await openEdge()
  await using publisher = await RawPeer.create('sendonly', [{ mid: 'v', lines: ['m=video 9 UDP/TLS/RTP/SAVPF 98', 'a=rtpmap:98 VP9/90000', extension(PUBLISHED_ID)] }])
  assert.doesNotMatch(await join(edge, publisher, '/whip/hall?identity=ann'), /dependency/)
})
