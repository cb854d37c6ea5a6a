import assert from 'node:assert/strict'
import test, { before } from 'node:test'
import { type LegUnderTest, legContract } from '../../../test/leg-contract.ts'
import { ClipPublisher } from '../../../test/support/clip-publisher.ts'
import { type Encoded, encodedClip, encodedOpus } from '../../../test/support/encoded.ts'
import { LiveClip } from '../../../test/support/live-clip.ts'
import { noTranscode } from '../../../test/support/no-transcode.ts'
import { missing } from '../../../test/support/peers.ts'
import { RawPeer } from '../../../test/support/raw-peer.ts'
import { until } from '../../../test/support/until.ts'
import { type Edge, openEdge } from '../../../test/support/webrtc-edge.ts'
import { systemClock } from '../../lib/clock.ts'
import { FrameReader } from '../../media/frame-reader.ts'
import { wallOf } from '../../media/ntp.ts'
import { RtpPacket, timestampDistance } from '../../media/rtp-packet.ts'
import { parseOffer } from '../../protocols/webrtc/sdp-offer.ts'
import { TransportHub } from '../../protocols/webrtc/transport-hub.ts'
import { defaultWebRtcSettings } from './settings.ts'
import { negotiateViewing } from './viewing.ts'
import { WhepLeg } from './whep-leg.ts'

const skip = missing('ffmpeg')
let clip: Encoded
let sound: Awaited<ReturnType<typeof encodedOpus>>

before(async () => {
  if (skip !== false) return
  clip = await encodedClip(10, { size: '320x180', bitrate: 300_000 })
  sound = await encodedOpus(10)
})

const streams = () => ({ video: { codec: clip.videoCodec, frames: clip.video }, audio: { codec: sound.audioCodec, frames: sound.audio } })

const post = (edge: Edge, path: string, body: string, type = 'application/sdp'): Promise<Response> => fetch(edge.url + path, { method: 'POST', headers: { 'content-type': type }, body })

/** The SSRC, and that of retransmissions, of a section of an answer. */
function ssrcsOf (answer: string, kind: string): number[] {
  const section = answer.split('\r\nm=').find(part => part.startsWith(kind)) ?? ''
  return [...new Set([...section.matchAll(/a=ssrc:(\d+)/g)].map(([, ssrc]) => Number(ssrc)))]
}

async function watch (edge: Edge, peer: RawPeer, path = '/whep/hall'): Promise<{ answer: string, location: string, video: number, rtx: number, audio: number }> {
  const response = await post(edge, path, peer.offer)
  const answer = await response.text()
  assert.equal(response.status, 201, answer)
  await peer.accept(answer)
  const [video = 0, rtx = 0] = ssrcsOf(answer, 'video')
  return { answer, location: response.headers.get('location')!, video, rtx, audio: ssrcsOf(answer, 'audio')[0] ?? 0 }
}

const viewer = (edge: Edge) => [...edge.bridge.sessions.values()].find(session => session.leg.kind === 'whep')!

test('a viewer who joins between keyframes is shown the picture at once, and then every frame', { skip }, async () => {
  await using edge = await openEdge()
  const room = await edge.room('hall')
  using live = new LiveClip(room, streams())
  await until('the middle of the second GOP', () => Date.now() - live.startedAt > 3000)
  await using peer = await RawPeer.create()
  const { video, audio } = await watch(edge, peer)
  await until('frames', () => peer.packetsOf(video).length > 100 && peer.packetsOf(audio).length > 20)

  let frames = 0
  const reader = new FrameReader(clip.videoCodec, { frame: ({ keyframe }) => { assert.ok(frames > 0 || keyframe, 'begins with a keyframe'); frames++ } })
  const packets = peer.packetsOf(video)
  for (const packet of packets) reader.push(packet)
  assert.ok(frames > 30, `${frames} whole frames`)
  for (const [i, packet] of packets.entries()) assert.equal((packet.sequenceNumber - packets[0]!.sequenceNumber) & 0xffff, i, 'no gap')
  assert.deepEqual([...new Set(packets.map(packet => packet.payloadType))], [102])
  assert.ok(packets.every(packet => !packet.hasExtensions))
  const figures = viewer(edge).describe().stats.detail.video as { framesFromBacklog: number }
  assert.ok(figures.framesFromBacklog >= 20, `${figures.framesFromBacklog} frames from the backlog`)
})

test('sender reports put picture and sound on one clock, under one name', { skip }, async () => {
  await using edge = await openEdge()
  using _live = new LiveClip(await edge.room('hall'), streams())
  await using peer = await RawPeer.create()
  const { video, audio } = await watch(edge, peer)
  const reportsOf = (ssrc: number) => peer.reports.filter(report => report.type === 'sr').filter(report => report.ssrc === ssrc)
  await until('reports', () => reportsOf(video).length >= 3 && reportsOf(audio).length >= 3)
  await until('packets', () => peer.packetsOf(video).length > 0 && peer.packetsOf(audio).length > 0)
  for (const [ssrc, clockRate] of [[video, 90_000], [audio, 48_000]] as const) {
    const [first, second] = reportsOf(ssrc).slice(-2)
    const elapsedMs = wallOf({ seconds: second!.ntpSeconds, fraction: second!.ntpFraction }) - wallOf({ seconds: first!.ntpSeconds, fraction: first!.ntpFraction })
    assert.ok(Math.abs(timestampDistance(second!.rtpTimestamp, first!.rtpTimestamp) / clockRate * 1000 - elapsedMs) < 2, 'the stream’s clock runs as the wall’s')
    const newest = peer.packetsOf(ssrc).at(-1)!
    assert.ok(Math.abs(timestampDistance(newest.timestamp, reportsOf(ssrc).at(-1)!.rtpTimestamp)) < clockRate * 2)
  }
  const names = peer.reports.flatMap(report => report.type === 'sdes' ? report.chunks.map(chunk => chunk.cname) : [])
  assert.equal(new Set(names).size, 1)
})

test('lost packets are sent again as RTX; the receiver’s reports become figures', { skip }, async () => {
  await using edge = await openEdge()
  using _live = new LiveClip(await edge.room('hall'), streams())
  await using peer = await RawPeer.create()
  const { video, rtx } = await watch(edge, peer)
  await until('packets', () => peer.packetsOf(video).length > 20)
  const missed = peer.packetsOf(video).at(-3)!
  peer.sendRtcp([{ type: 'nack', sender: 1, media: video, lost: [missed.sequenceNumber] }])
  await until('the repair', () => peer.packetsOf(rtx).length > 0)
  const [repair] = peer.packetsOf(rtx)
  assert.equal(repair!.payload.readUInt16BE(0), missed.sequenceNumber)
  assert.ok(repair!.payload.subarray(2).equals(missed.payload))
  assert.equal(repair!.payloadType, 103)
  peer.sendRtcp([{ type: 'rr', ssrc: 1, reports: [{ ssrc: video, fractionLost: 0.1, cumulativeLost: 7, highestSequence: 0, jitter: 450, lastSenderReport: 0, delaySinceLastReport: 0 }] }])
  await until('figures', () => viewer(edge).describe().stats.quality?.packetsLost === 7)
  assert.equal(viewer(edge).describe().stats.quality?.jitterMs, 5)
})

test('a viewer without a picture is shown the backlog again; a publisher who can is asked for a keyframe', { skip }, async () => {
  await using edge = await openEdge()
  const room = await edge.room('hall')
  using live = new LiveClip(room, streams())
  using able = new ClipPublisher(room, { identity: 'able', video: streams().video, wallMs: Date.now(), timed: false })
  await until('media', () => live.publisher.video!.packets > 50)
  await using peer = await RawPeer.create()
  const { video } = await watch(edge, peer, '/whep/hall?participant=camera')
  await until('live packets', () => peer.packetsOf(video).length > 100)
  const keyframes = (): number => peer.packetsOf(video).filter(packet => (packet.payload[0]! & 0x1f) === 24).length
  const before_ = keyframes()
  peer.sendRtcp([{ type: 'pli', sender: 1, media: video }])
  await until('the keyframe again', () => keyframes() > before_)

  await using other = await RawPeer.create()
  const { video: second } = await watch(edge, other, '/whep/hall?participant=able')
  await until('the first request', () => able.keyframesWanted === 1)
  await new Promise(resolve => setTimeout(resolve, 600))
  for (let i = 0; i < 50; i++) other.sendRtcp([{ type: 'pli', sender: 1, media: second }])
  await until('the second request', () => able.keyframesWanted >= 2)
  assert.equal(able.keyframesWanted, 2, 'fifty requests are one')
  able.play(1000, 1900)
  able.play(2000, 2200)
  await until('packets', () => other.packetsOf(second).length > 0)
  assert.equal(other.packetsOf(second)[0]!.payload[0]! & 0x1f, 24, 'nothing before the keyframe')
})

test('a publisher that vanishes and returns continues the same stream; one that stays away ends it', { skip }, async () => {
  await using edge = await openEdge({ settings: { rejoinGraceMs: 1500 } })
  const room = await edge.room('hall')
  const first = new LiveClip(room, streams())
  await using peer = await RawPeer.create()
  const { video } = await watch(edge, peer, '/whep/hall?participant=camera')
  await until('media', () => peer.packetsOf(video).length > 60)
  first[Symbol.dispose]()
  const before_ = peer.packetsOf(video).length
  await new Promise(resolve => setTimeout(resolve, 500))
  const again = new LiveClip(room, streams())
  await until('more', () => peer.packetsOf(video).length > before_ + 60)
  const packets = peer.packetsOf(video)
  for (const [i, packet] of packets.entries()) assert.equal((packet.sequenceNumber - packets[0]!.sequenceNumber) & 0xffff, i, 'no gap')
  const steps = packets.slice(1).map((packet, i) => timestampDistance(packet.timestamp, packets[i]!.timestamp))
  assert.ok(Math.min(...steps) >= 0 && Math.max(...steps) < 90_000 * 2, 'time goes on')
  again[Symbol.dispose]()
  const session = viewer(edge)
  await session.done
  assert.equal(session.state, 'ended')
  assert.equal(edge.transports.transports, 0)
})

test('without a transcoder the picture comes, and the status says why there is no sound', { skip }, async () => {
  await using edge = await openEdge()
  using _live = new LiveClip(await edge.room('hall'), { video: streams().video, audio: { codec: clip.audioCodec, frames: clip.audio } })
  await using peer = await RawPeer.create()
  const { video, audio } = await watch(edge, peer)
  await until('the picture', () => peer.packetsOf(video).length > 20)
  assert.equal(peer.packetsOf(audio).length, 0)
  assert.deepEqual(viewer(edge).describe().stats.advice.map(advice => advice.code), ['transcoding_unavailable'])
})

test('what WHEP answers', { skip }, async () => {
  await using edge = await openEdge({ settings: { mediaWaitMs: 100 } })
  await using peer = await RawPeer.create()
  const problem = async (response: Response) => ({ status: response.status, code: ((await response.json()) as { code: string }).code })
  const empty = await post(edge, '/whep/hall', peer.offer)
  assert.equal(empty.headers.get('retry-after'), '2')
  assert.deepEqual(await problem(empty), { status: 409, code: 'not_live' })
  using _live = new LiveClip(await edge.room('hall'), streams())
  await until('media', () => edge.bridge.room('hall')!.participants.size === 1)
  assert.deepEqual(await problem(await post(edge, '/whep/hall?participant=nobody', peer.offer)), { status: 409, code: 'not_live' })
  assert.deepEqual(await problem(await post(edge, '/whep/hall', '{}', 'application/json')), { status: 415, code: 'unsupported_media_type' })
  assert.deepEqual(await problem(await post(edge, '/whep/hall', 'v=0')), { status: 422, code: 'unprocessable_sdp' })
  assert.deepEqual(await problem(await post(edge, '/whep/hall', peer.offer.replaceAll('recvonly', 'sendonly'))), { status: 422, code: 'unprocessable_sdp' })
  assert.deepEqual(await problem(await post(edge, '/whep/hall', peer.offer.replaceAll('H264', 'VP8').replaceAll('opus', 'speex'))), { status: 422, code: 'no_common_codec' })
  assert.deepEqual(await problem(await post(edge, '/whep/hall', 'x'.repeat(200_000))), { status: 413, code: 'payload_too_large' })
  assert.deepEqual(await problem(await fetch(`${edge.url}/whep/sessions/guess`, { method: 'DELETE' })), { status: 404, code: 'not_found' })
  const head = await fetch(`${edge.url}/whep/hall`, { method: 'HEAD' })
  assert.deepEqual([head.status, head.headers.get('content-type')], [200, 'application/sdp'])
  assert.equal((await fetch(`${edge.url}/whep/hall`, { method: 'OPTIONS' })).headers.get('accept-post'), 'application/sdp')

  const { location, answer } = await watch(edge, peer)
  assert.match(location, /^\/whep\/sessions\/[\w-]{32}$/)
  assert.match(answer, /a=sendonly/)
  const session = viewer(edge)
  for (let i = 0; i < 2; i++) assert.equal((await fetch(edge.url + location, { method: 'DELETE' })).status, 200)
  assert.deepEqual([session.state, session.describe().reason], ['ended', 'the viewer left'])
})

test('of one participant there is one picture and one sound: sections too many are turned down', { skip }, async () => {
  await using edge = await openEdge()
  using _live = new LiveClip(await edge.room('hall'), { video: streams().video })
  const audio = ['m=audio 9 UDP/TLS/RTP/SAVPF 111', 'a=rtpmap:111 opus/48000/2']
  const h264 = ['m=video 9 UDP/TLS/RTP/SAVPF 102', 'a=rtpmap:102 H264/90000', 'a=fmtp:102 packetization-mode=1']
  await using peer = await RawPeer.create('recvonly', [{ mid: 'v0', lines: h264 }, { mid: 'v1', lines: h264 }, { mid: 'a0', lines: audio }, { mid: 'd', lines: ['m=application 9 UDP/DTLS/SCTP webrtc-datachannel'] }])
  const { answer } = await watch(edge, peer, '/whep/hall?participant=camera')
  assert.deepEqual([...answer.matchAll(/^m=\w+ (\d+)/gm)].map(([, port]) => port), ['9', '0', '9', '0'])
  assert.match(answer, /a=group:BUNDLE v0 a0\r\n/)
})

test('a viewer who never connects is forgotten, and so is all that was kept for it', { skip }, async () => {
  await using edge = await openEdge({ settings: { connectTimeoutMs: 300 } })
  using live = new LiveClip(await edge.room('hall'), streams())
  await until('media', () => live.publisher.video!.packets > 0)
  await using peer = await RawPeer.create()
  assert.equal((await post(edge, '/whep/hall', peer.offer)).status, 201)
  const session = viewer(edge)
  await session.done
  assert.deepEqual([session.state, session.describe().errorCode, edge.transports.transports], ['failed', 'connect_timeout', 0])
})

test('RTCP garbage from a viewer does no harm', { skip }, async () => {
  await using edge = await openEdge()
  using _live = new LiveClip(await edge.room('hall'), streams())
  await using peer = await RawPeer.create()
  const { video } = await watch(edge, peer)
  await until('media', () => peer.packetsOf(video).length > 10)
  for (const hex of ['80c80001deadbeef', '81cd0004deadbeef', '8fcd000f00000001000000020000ffff00000000', 'a1ce0002000000000000000000']) {
    peer.send(new RtpPacket(Buffer.from(hex, 'hex')))
  }
  const count = peer.packetsOf(video).length
  await until('media still', () => peer.packetsOf(video).length > count + 20)
  assert.equal(viewer(edge).state, 'active')
})

legContract('whep', async (): Promise<LegUnderTest> => {
  const hub = await TransportHub.open({ port: 0, bindAddress: '127.0.0.1' })
  const peer = await RawPeer.create()
  const offer = parseOffer(peer.offer)
  const transport = hub.accept(offer.transport, '127.0.0.1')
  const viewing = negotiateViewing(offer, { audio: [undefined], video: [undefined] }, 'cname')
  const leg = new WhepLeg({ transport, viewing, wanted: undefined, cname: 'cname', transcode: noTranscode, settings: defaultWebRtcSettings, clock: systemClock })
  const { ufrag, pwd, fingerprint, setup } = transport.local
  const answer = [`a=ice-ufrag:${ufrag}`, `a=ice-pwd:${pwd}`, `a=fingerprint:${fingerprint.algorithm} ${fingerprint.value}`, `a=setup:${setup}`, ...transport.candidates.map(c => `a=candidate:1 1 udp 1 ${c.address} ${c.port} typ host`)].join('\n')
  void peer.accept(answer).catch(() => {})
  return {
    leg,
    prepare: room => { room.join({ identity: 'camera', source: 'test' }).publish({ name: 'H264', kind: 'video', clockRate: 90_000 }) },
    [Symbol.asyncDispose]: async () => { await transport.close(); await peer[Symbol.asyncDispose](); await hub[Symbol.asyncDispose]() }
  }
})
