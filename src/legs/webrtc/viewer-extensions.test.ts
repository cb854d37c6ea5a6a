// Events and layer selection, the core extensions of WHEP.
import assert from 'node:assert/strict'
import test, { before } from 'node:test'
import { type Encoded, encodedClip, packetsOf } from '../../../test/support/encoded.ts'
import { EventReader } from '../../../test/support/event-reader.ts'
import { missing } from '../../../test/support/peers.ts'
import { RawPeer } from '../../../test/support/raw-peer.ts'
import { until } from '../../../test/support/until.ts'
import { type Edge, openEdge } from '../../../test/support/webrtc-edge.ts'
import { systemClock } from '../../lib/clock.ts'
import { opus } from '../../media/codec.ts'
import type { Participant } from '../../room/room.ts'
import type { Track } from '../../room/track.ts'
import { PublishedLayers } from './layers.ts'

const skip = missing('ffmpeg')
let high: Encoded
let low: Encoded

before(async () => {
  if (skip !== false) return
  high = await encodedClip(10, { size: '320x180', bitrate: 300_000 })
  low = await encodedClip(10, { size: '160x90', bitrate: 100_000 })
})

/** A participant that sends one picture in two qualities, `q` and `f`, for ten seconds. */
function publishLayers (participant: Participant): Disposable & { q: Track, f: Track } {
  const layers = new PublishedLayers(participant, high.videoCodec, ['q', 'f'])
  const [f, q] = [layers.publish('f'), layers.publish('q')]
  Object.assign(f, { bitrate: 300_000 })
  Object.assign(q, { bitrate: 100_000 })
  const made = { f: packetsOf(high.videoCodec, high.video, { ssrc: 1 }), q: packetsOf(low.videoCodec, low.video, { ssrc: 2 }) }
  let frame = 0
  const playing = systemClock.every(1000 / high.fps, () => {
    for (const packet of made.f[frame] ?? []) f.write(packet)
    for (const packet of made.q[frame] ?? []) q.write(packet)
    frame++
  })
  return { q, f, [Symbol.dispose]: () => { playing[Symbol.dispose](); layers.unpublish('q'); layers.unpublish('f') } }
}

async function watch (edge: Edge, peer: RawPeer): Promise<{ session: string, links: string, picture: number }> {
  const response = await fetch(`${edge.url}/whep/hall`, { method: 'POST', headers: { 'content-type': 'application/sdp' }, body: peer.offer })
  const answer = await response.text()
  assert.equal(response.status, 201, answer)
  await peer.accept(answer)
  const video = answer.split('\r\nm=').find(part => part.startsWith('video'))
  return { session: edge.url + response.headers.get('location')!, links: response.headers.get('link')!, picture: Number(/a=ssrc:(\d+)/.exec(video ?? '')?.[1]) }
}

const postJson = (url: string, body: unknown): Promise<Response> => fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })

test('a viewer is told whom it sees, who speaks, which layers there are, and how many watch; then each change', { skip }, async () => {
  await using edge = await openEdge()
  const room = await edge.room('hall')
  using ann = room.join({ identity: 'ann', name: 'Ann', source: 'test' })
  const picture = publishLayers(ann)
  await using peer = await RawPeer.create()
  const { session, links } = await watch(edge, peer)
  const path = new URL(session).pathname
  assert.match(links, new RegExp(`<${path}/sse>; rel="urn:ietf:params:whep:ext:core:server-sent-events"; events="active,inactive,layers,viewercount,`))
  assert.match(links, new RegExp(`<${path}/layer>; rel="urn:ietf:params:whep:ext:core:layer"`))

  await using all = await EventReader.open(`${session}/sse`)
  await until('what is true now', () => all.last('viewercount') !== undefined)
  assert.deepEqual(all.told.slice(0, 5), [
    { event: 'active', data: {} },
    { event: 'sections', data: {
      0: { mid: '0', kind: 'audio', participant: null, name: null, speaking: false }, 1: { mid: '1', kind: 'video', participant: 'ann', name: 'Ann', speaking: false }
    } },
    { event: 'dominantspeaker', data: { participant: null } },
    { event: 'layers', data: { 1: [{ rid: 'f', encodingId: 'f', bitrate: 300_000 }, { rid: 'q', encodingId: 'q', bitrate: 100_000 }] } },
    { event: 'viewercount', data: { viewercount: 1 } }
  ])

  const made = await postJson(`${session}/sse`, ['viewercount', 'inactive', 'of another server'])
  assert.equal(made.status, 201)
  const stream = edge.url + made.headers.get('location')!
  await using some = await EventReader.open(stream)
  using ben = room.join({ identity: 'ben', source: 'test' })
  const voice = ben.publish(opus)
  using _speech = systemClock.every(20, () => voice.hear(20, systemClock.now()))
  await until('ben speaks', () => JSON.stringify(all.last('sections')).includes('"participant":"ben","name":"ben","speaking":true'))
  await until('ben holds the floor', () => JSON.stringify(all.last('dominantspeaker')) === '{"participant":"ben"}')
  await using second = await RawPeer.create()
  await watch(edge, second)
  await until('two viewers', () => JSON.stringify(all.last('viewercount')) === '{"viewercount":2}')
  ben[Symbol.dispose]()
  picture[Symbol.dispose]()
  await until('nobody', () => some.of('inactive').length === 1)
  assert.deepEqual(new Set(some.told.map(({ event }) => event)), new Set(['viewercount', 'inactive']))
  assert.equal(all.of('active').length, 1)

  assert.equal((await fetch(stream, { method: 'DELETE' })).status, 200)
  await until('the end of one', () => some.ended)
  assert.equal((await fetch(stream)).status, 404)
  assert.equal((await fetch(session, { method: 'DELETE' })).status, 200)
  await until('the end of the other', () => all.ended)
})

test('a viewer chooses a layer, and gets no better one until it lets go', { skip }, async () => {
  await using edge = await openEdge()
  const room = await edge.room('hall')
  using ann = room.join({ identity: 'ann', source: 'test' })
  using picture = publishLayers(ann)
  const seen = { q: new Set<string>(), f: new Set<string>() }
  for (const rid of ['q', 'f'] as const) picture[rid].subscribe({ write: packet => { seen[rid].add(packet.payload.toString('latin1')) }, fail () {} })
  await using peer = await RawPeer.create()
  const { session, picture: ssrc } = await watch(edge, peer)
  const newest = (): string => {
    const payload = peer.packetsOf(ssrc).at(-1)?.payload.toString('latin1') ?? ''
    return seen.q.has(payload) ? 'q' : seen.f.has(payload) ? 'f' : ''
  }
  await until('the best layer', () => newest() === 'f')
  assert.equal((await postJson(`${session}/layer`, { mediaId: '1', encodingId: 'q' })).status, 200)
  await until('the layer chosen', () => newest() === 'q')
  assert.equal((await postJson(`${session}/layer`, { mediaId: '1' })).status, 200)
  await until('the best again', () => newest() === 'f')

  const problem = async (body: unknown) => ((await (await postJson(`${session}/layer`, body)).json()) as { detail: string }).detail
  assert.equal(await problem({ rid: 'x' }), 'rid: expected one of q, f')
  assert.equal(await problem({ mediaId: '0' }), 'mediaId: expected the index of a video section: “1”')
  for (const body of ['{', '[1', 'x'.repeat(5000)]) {
    const { status } = await fetch(`${session}/layer`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
    assert.ok(status === 400 || status === 413, `${status}`)
  }
  assert.equal((await postJson(`${edge.url}/whep/sessions/guess/layer`, {})).status, 404)
  assert.equal((await fetch(`${edge.url}/whep/sessions/guess/sse`)).status, 404)
})

test('readers of events have a limit', { skip }, async () => {
  await using edge = await openEdge()
  using _picture = publishLayers((await edge.room('hall')).join({ identity: 'ann', source: 'test' }))
  await using peer = await RawPeer.create()
  const { session } = await watch(edge, peer)
  await using stack = new AsyncDisposableStack()
  for (let n = 0; n < 4; n++) stack.use(await EventReader.open(`${session}/sse`))
  assert.equal((await fetch(`${session}/sse`)).status, 503)
  for (let n = 0; n < 4; n++) assert.equal((await postJson(`${session}/sse`, [])).status, 201)
  assert.equal((await postJson(`${session}/sse`, [])).status, 503)
})
