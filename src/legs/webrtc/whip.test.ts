import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'node:test'
import { type LegUnderTest, legContract } from '../../../test/leg-contract.ts'
import { RawPeer, type RawSection } from '../../../test/support/raw-peer.ts'
import { until } from '../../../test/support/until.ts'
import { type Edge, openEdge } from '../../../test/support/webrtc-edge.ts'
import { systemClock } from '../../lib/clock.ts'
import { ntpOf } from '../../media/ntp.ts'
import { RtpPacket } from '../../media/rtp-packet.ts'
import { wallTimeOf } from '../../media/time-reference.ts'
import { printAnswer } from '../../protocols/webrtc/sdp-answer.ts'
import { parseOffer } from '../../protocols/webrtc/sdp-offer.ts'
import { TransportHub } from '../../protocols/webrtc/transport-hub.ts'
import { negotiatePublishing } from './publishing.ts'
import { defaultWebRtcSettings } from './settings.ts'
import { WhipLeg } from './whip-leg.ts'

const TRANSPORT_CC = 3
const sections: RawSection[] = [
  { mid: 'a', lines: ['m=audio 9 UDP/TLS/RTP/SAVPF 111', 'a=rtpmap:111 opus/48000/2', 'a=rtcp-fb:111 transport-cc', `a=extmap:${TRANSPORT_CC} http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01`] },
  {
    mid: 'v',
    lines: ['m=video 9 UDP/TLS/RTP/SAVPF 96 102 103', 'a=rtpmap:96 VP8/90000', 'a=rtpmap:102 H264/90000', 'a=fmtp:102 packetization-mode=1;profile-level-id=42e01f',
      'a=rtcp-fb:102 nack', 'a=rtcp-fb:102 nack pli', 'a=rtcp-fb:102 transport-cc', 'a=rtpmap:103 rtx/90000', 'a=fmtp:103 apt=102', `a=extmap:${TRANSPORT_CC} http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01`]
  }
]
const AUDIO = 1001
const VIDEO = 2002
const REPAIR = 2003

const post = (edge: Edge, path: string, body: string): Promise<Response> => fetch(edge.url + path, { method: 'POST', headers: { 'content-type': 'application/sdp' }, body })

async function publish (edge: Edge, peer: RawPeer, path = '/whip/hall?identity=ann'): Promise<{ answer: string, location: string, etag: string }> {
  const response = await post(edge, path, peer.offer)
  const answer = await response.text()
  assert.equal(response.status, 201, answer)
  await peer.accept(answer)
  return { answer, location: response.headers.get('location')!, etag: response.headers.get('etag')! }
}

const video = (sequenceNumber: number, payload = '6588'): RtpPacket => RtpPacket.build({ payloadType: 102, marker: true, sequenceNumber: sequenceNumber & 0xffff, timestamp: sequenceNumber * 3000, ssrc: VIDEO }, Buffer.from(payload, 'hex'))

/** With a transport-wide sequence number. */
function counted (packet: RtpPacket, transportSequence: number): RtpPacket {
  const extension = Buffer.from([0xbe, 0xde, 0, 1, TRANSPORT_CC << 4 | 1, transportSequence >> 8, transportSequence & 0xff, 0])
  const bytes = Buffer.concat([packet.bytes.subarray(0, 12), extension, packet.bytes.subarray(12)])
  bytes[0]! |= 0x10
  return new RtpPacket(bytes)
}

const whip = (edge: Edge) => [...edge.bridge.sessions.values()].find(session => session.leg.kind === 'whip')!
const tracksOf = (edge: Edge) => [...edge.bridge.room('hall')?.find('ann')?.tracks.values() ?? []]

test('a publisher’s streams become tracks: one codec each, packets as they came', async () => {
  await using edge = await openEdge()
  await using peer = await RawPeer.create('sendonly', sections)
  const { answer } = await publish(edge, peer)
  assert.match(answer, /m=video 9 UDP\/TLS\/RTP\/SAVPF 102 103\r\n/)
  assert.equal(answer.match(/a=recvonly/g)?.length, 2)
  assert.equal(tracksOf(edge).length, 0, 'nothing was sent yet')
  peer.send(video(1))
  peer.send(RtpPacket.build({ payloadType: 111, marker: false, sequenceNumber: 7, timestamp: 960, ssrc: AUDIO }, Buffer.from('f8', 'hex')))
  peer.send(RtpPacket.build({ payloadType: 96, marker: false, sequenceNumber: 7, timestamp: 960, ssrc: 5 }, Buffer.from('f8', 'hex'))) // Not agreed on.
  await until('tracks', () => tracksOf(edge).length === 2)
  assert.deepEqual(tracksOf(edge).map(track => track.codec.name).sort(), ['H264', 'opus'])
  const track = tracksOf(edge).find(({ codec }) => codec.kind === 'video')!
  const came: number[] = []
  using _listening = track.subscribe({ write: packet => { came.push(packet.sequenceNumber) }, fail: error => { throw error } })
  for (const sequenceNumber of [2, 4, 3, 5]) peer.send(video(sequenceNumber))
  await until('packets', () => came.length === 4)
  assert.deepEqual(came, [2, 4, 3, 5])
  const { stats: { detail, packetsIn } } = whip(edge).describe()
  assert.deepEqual([packetsIn, (detail as { strayPackets: number }).strayPackets], [7, 1])
})

test('what is lost is asked for, and taken from its retransmission', async () => {
  await using edge = await openEdge()
  await using peer = await RawPeer.create('sendonly', sections)
  await publish(edge, peer)
  peer.send(video(0xfffe))
  peer.send(video(0x10001))
  const nacked = (): number[] => peer.reports.flatMap(report => report.type === 'nack' ? report.lost : [])
  await until('the request', () => nacked().length > 0)
  assert.deepEqual(nacked().slice(0, 2), [0xffff, 0])
  const track = tracksOf(edge)[0]!
  const came: RtpPacket[] = []
  using _listening = track.subscribe({ write: packet => { came.push(packet) }, fail: error => { throw error } })
  const repair = (original: number, payload: string): RtpPacket => RtpPacket.build({ payloadType: 103, marker: true, sequenceNumber: 1, timestamp: 5, ssrc: REPAIR }, Buffer.from(original.toString(16).padStart(4, '0') + payload, 'hex'))
  peer.send(repair(0xffff, 'cafe'))
  peer.send(repair(0xffff, 'cafe')) // A second answer, to a second request.
  peer.send(RtpPacket.build({ payloadType: 103, marker: false, sequenceNumber: 2, timestamp: 5, ssrc: REPAIR }, Buffer.alloc(0))) // A probe.
  peer.send(video(0x10002))
  await until('the packets', () => came.length >= 2)
  assert.deepEqual(came.map(packet => [packet.sequenceNumber, packet.ssrc, packet.payload.toString('hex')]), [[0xffff, VIDEO, 'cafe'], [2, VIDEO, '6588']])
  await until('a report', () => peer.reports.some(report => report.type === 'rr' && report.reports.some(block => block.ssrc === VIDEO && block.cumulativeLost === 1)))
})

// A probe of Chromium's repeats the newest packet. Where that one is lost, nobody has missed it yet: it was taken for known, and never asked for again.
test('a retransmission of a packet that nobody has missed yet is taken, and what it skips is asked for', async () => {
  await using edge = await openEdge()
  await using peer = await RawPeer.create('sendonly', sections)
  await publish(edge, peer)
  peer.send(video(10))
  await until('the track', () => tracksOf(edge).length === 1)
  const came: number[] = []
  using _listening = tracksOf(edge)[0]!.subscribe({ write: packet => { came.push(packet.sequenceNumber) }, fail: error => { throw error } })
  const probe = (original: number): RtpPacket => RtpPacket.build({ payloadType: 103, marker: true, sequenceNumber: original, timestamp: 5, ssrc: REPAIR }, Buffer.of(0, original, 0xca, 0xfe))
  for (const packet of [probe(12), video(13), probe(13)]) peer.send(packet)
  await until('the packets', () => came.length >= 2)
  await until('the request', () => peer.reports.some(report => report.type === 'nack'))
  assert.deepEqual(came, [12, 13])
  assert.deepEqual(peer.reports.flatMap(report => report.type === 'nack' ? report.lost : []), [11])
})

test('arrival times are reported for congestion control; a picture is asked for at most twice a second', async () => {
  await using edge = await openEdge()
  await using peer = await RawPeer.create('sendonly', sections)
  await publish(edge, peer)
  for (const [i, transportSequence] of [65_534, 65_535, 1, 2].entries()) peer.send(counted(video(i), transportSequence))
  const told = () => peer.reports.flatMap(report => report.type === 'transport-cc' ? report.arrivals.map((time, i) => [(report.base + i) & 0xffff, time !== undefined] as const) : [])
  await until('feedback', () => told().length >= 5)
  assert.deepEqual(told(), [[65_534, true], [65_535, true], [0, false], [1, true], [2, true]])
  const track = tracksOf(edge)[0]!
  for (let i = 0; i < 100; i++) track.onKeyframeWanted()
  const asked = (): number => peer.reports.filter(report => report.type === 'pli' && report.media === VIDEO).length
  await until('the first', () => asked() >= 1)
  await sleep(1200)
  assert.equal(asked(), 2)
})

test('sender reports give all tracks one wall clock, whatever the publisher’s own says', async () => {
  await using edge = await openEdge()
  await using peer = await RawPeer.create('sendonly', sections)
  await publish(edge, peer)
  peer.send(video(1))
  peer.send(RtpPacket.build({ payloadType: 111, marker: false, sequenceNumber: 7, timestamp: 960, ssrc: AUDIO }, Buffer.from('f8', 'hex')))
  await until('tracks', () => tracksOf(edge).length === 2)
  const report = (ssrc: number, wallMs: number, rtpTimestamp: number) => {
    const { seconds, fraction } = ntpOf(wallMs)
    return { type: 'sr' as const, ssrc, ntpSeconds: seconds, ntpFraction: fraction, rtpTimestamp, packets: 1, bytes: 1, reports: [] }
  }
  const lastYear = Date.UTC(2025, 0, 1)
  peer.sendRtcp([report(VIDEO, lastYear, 90_000)])
  await until('the first reference', () => tracksOf(edge).some(track => track.timeReference))
  await sleep(100)
  peer.sendRtcp([report(AUDIO, lastYear + 40, 48_000)])
  await until('both references', () => tracksOf(edge).every(track => track.timeReference))
  const [sight, sound] = ['video', 'audio'].map(kind => tracksOf(edge).find(({ codec }) => codec.kind === kind)!.timeReference!)
  assert.ok(Math.abs(sound!.wallMs - sight!.wallMs - 40) < 0.1)
  assert.ok(Math.abs(sight!.wallMs - Date.now()) < 5000, 'on our clock')
})

test('credentials for one participant publish as that one only', async () => {
  await using edge = await openEdge({ authorize: async () => ({ identity: 'ann' }) })
  await using peer = await RawPeer.create('sendonly', sections)
  const refused = await post(edge, '/whip/hall?identity=bob', peer.offer)
  assert.deepEqual([refused.status, ((await refused.json()) as { code: string }).code], [403, 'forbidden'])
  await publish(edge, peer, '/whip/hall')
  await until('its presence', () => edge.bridge.room('hall')?.find('ann') !== undefined)
})

test('sender reports that run ahead of the packets are not believed', async () => {
  await using edge = await openEdge()
  await using peer = await RawPeer.create('sendonly', sections)
  await publish(edge, peer)
  peer.send(video(1))
  await until('the track', () => tracksOf(edge).length === 1)
  const [track] = tracksOf(edge)
  const ahead = (seconds: number): number => 3000 + seconds * 90_000
  for (const secondsAhead of [0.5, 3, 20]) { // Each says “now”, with the time since the publisher's start counted twice.
    const { seconds, fraction } = ntpOf(Date.now())
    peer.sendRtcp([{ type: 'sr', ssrc: VIDEO, ntpSeconds: seconds, ntpFraction: fraction, rtpTimestamp: ahead(secondsAhead), packets: 1, bytes: 1, reports: [] }])
  }
  await until('the last is taken', () => track!.timeReference?.rtpTimestamp === ahead(20))
  const sentAt = wallTimeOf(3000, track!.timeReference!, 90_000)
  assert.ok(Math.abs(sentAt - Date.now()) < 2500, `the packet seems to be of ${sentAt - Date.now()} ms from now`)
})

test('the same identity again takes the place of the connection before; somebody else’s does not', async () => {
  await using edge = await openEdge()
  await using first = await RawPeer.create('sendonly', sections)
  await publish(edge, first)
  const before = whip(edge)
  await until('its presence', () => edge.bridge.room('hall')?.find('ann') !== undefined)
  await using second = await RawPeer.create('sendonly', sections)
  await publish(edge, second)
  await until('the change', () => before.state === 'ended')
  await until('the second', () => edge.bridge.room('hall')?.find('ann') !== undefined)
  edge.bridge.room('hall')!.join({ identity: 'bob', source: 'rtmp' })
  await using third = await RawPeer.create('sendonly', sections)
  assert.equal((await post(edge, '/whip/hall?identity=bob', third.offer)).status, 409)
})

test('what WHIP answers', async () => {
  await using edge = await openEdge({ settings: { iceServers: [{ urls: ['stun:stun.example.com'], username: '', credential: '', secret: '' }] } })
  await using peer = await RawPeer.create('sendonly', sections)
  const problem = async (response: Response) => [response.status, ((await response.json()) as { code: string }).code]
  assert.deepEqual(await problem(await post(edge, '/whip/hall', peer.offer.replaceAll('sendonly', 'recvonly'))), [422, 'unprocessable_sdp'])
  assert.deepEqual(await problem(await post(edge, '/whip/hall', peer.offer.replaceAll('opus', 'speex'))), [422, 'no_common_codec'])
  assert.deepEqual(await problem(await post(edge, '/whip/hall?identity=', peer.offer)), [400, 'bad_request'])
  const response = await post(edge, '/whip/hall', peer.offer)
  assert.deepEqual([response.status, response.headers.get('link')], [201, '<stun:stun.example.com>; rel="ice-server"'])
  const [location, etag] = [edge.url + response.headers.get('location'), response.headers.get('etag')!]
  const patch = (body: string, headers: Record<string, string>) => fetch(location, { method: 'PATCH', body, headers: { 'content-type': 'application/trickle-ice-sdpfrag', ...headers } })
  const ufrag = /a=ice-ufrag:(.*)/.exec(peer.offer)![1]!.trim()
  const pwd = /a=ice-pwd:(.*)/.exec(peer.offer)![1]!.trim()
  const fragment = (name: string): string => `a=ice-ufrag:${name}\r\na=ice-pwd:${pwd}\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:a\r\na=candidate:1 1 udp 1 192.0.2.1 5000 typ host\r\na=candidate:nonsense\r\n`
  assert.equal((await patch(fragment(ufrag), { 'if-match': etag })).status, 204)
  assert.deepEqual(await problem(await patch(fragment(ufrag), {})), [428, 'precondition_required'])
  assert.deepEqual(await problem(await patch(fragment(ufrag), { 'if-match': '"old"' })), [412, 'precondition_failed'])
  assert.deepEqual(await problem(await patch(fragment('other'), { 'if-match': '*' })), [422, 'unprocessable_sdp'])
  assert.deepEqual(await problem(await patch('{}', { 'if-match': etag })), [422, 'unprocessable_sdp'])
  assert.deepEqual(await problem(await patch('{}', { 'if-match': etag, 'content-type': 'application/json' })), [415, 'unsupported_media_type'])
  assert.equal((await fetch(location, { method: 'DELETE' })).status, 200)
})

legContract('whip', async (): Promise<LegUnderTest> => {
  const hub = await TransportHub.open({ port: 0, bindAddress: '127.0.0.1' })
  const peer = await RawPeer.create('sendonly', sections)
  const offer = parseOffer(peer.offer)
  const transport = hub.accept(offer.transport, '127.0.0.1')
  const publishing = negotiatePublishing(offer)
  void peer.accept(printAnswer({ sections: publishing.sections, transport: transport.local, candidates: transport.candidates, extmapAllowMixed: false })).catch(() => {})
  return {
    leg: new WhipLeg({ transport, publishing, identity: 'ann', settings: defaultWebRtcSettings, clock: systemClock }),
    [Symbol.asyncDispose]: async () => { await transport.close(); await peer[Symbol.asyncDispose](); await hub[Symbol.asyncDispose]() }
  }
})
