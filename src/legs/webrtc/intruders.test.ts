// Strangers on the media port, and on the endpoints in front of it.
import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'node:test'
import { LossyNetwork } from '../../../test/lossy-network.ts'
import { RawPeer } from '../../../test/support/raw-peer.ts'
import { until } from '../../../test/support/until.ts'
import { type Edge, openEdge } from '../../../test/support/webrtc-edge.ts'
import { RtpPacket } from '../../media/rtp-packet.ts'

const post = (edge: Edge, body: string): Promise<Response> => fetch(`${edge.url}/whip/hall`, { method: 'POST', headers: { 'content-type': 'application/sdp' }, body })
const packet = (sequenceNumber: number): RtpPacket => RtpPacket.build({ payloadType: 111, marker: false, sequenceNumber, timestamp: sequenceNumber * 960, ssrc: 7 }, Buffer.alloc(80))
const isMedia = (bytes: Buffer): boolean => bytes[0]! >= 128 && bytes[0]! <= 191

test('neither a replayed packet nor one from another address gets in', async () => {
  let network: LossyNetwork | undefined
  await using edge = await openEdge({ answer: sdp => network!.answer(sdp) })
  await using opened = network = await LossyNetwork.open(edge.transports.port)
  await using peer = await RawPeer.create('sendonly')
  await peer.accept(await (await post(edge, peer.offer)).text())
  const leg = [...edge.bridge.sessions.values()].find(session => session.leg.kind === 'whip')!.leg
  const captured: Buffer[] = []
  opened.onSent = bytes => { if (isMedia(bytes)) captured.push(bytes) }
  opened.toService.duplicates = 1
  for (let i = 1; i <= 50; i++) peer.send(packet(i))
  await until('the packets', () => leg.stats().packetsIn >= 50)

  const stranger = createSocket('udp4')
  stranger.bind(0, '127.0.0.1')
  await once(stranger, 'listening')
  const forged = captured.map((bytes, i) => Buffer.concat([packet(1000 + i).bytes.subarray(0, 12), bytes.subarray(12)]))
  for (const bytes of [...captured, ...forged, packet(2000).bytes]) stranger.send(bytes, edge.transports.port, '127.0.0.1')
  await sleep(300)
  stranger.close()
  assert.equal(captured.length, 50)
  assert.equal(leg.stats().packetsIn, 50)
  peer.send(packet(51))
  await until('the next one', () => leg.stats().packetsIn === 51)
})

test('offers that nobody follows up are bounded, and freed', async () => {
  await using edge = await openEdge({ settings: { connectTimeoutMs: 2000 } })
  await edge.room('hall')
  await using peer = await RawPeer.create('sendonly')
  const answers = await Promise.all(Array.from({ length: 150 }, () => post(edge, peer.offer)))
  const statuses = answers.map(({ status }) => status)
  assert.equal(statuses.filter(status => status === 201).length, 128)
  assert.equal(statuses.filter(status => status === 429).length, 22)
  const refusal = await answers.find(({ status }) => status === 429)!.json() as { code: string }
  assert.equal(refusal.code, 'rate_limited')
  await until('all are freed', () => edge.transports.transports === 0)
  assert.equal((await post(edge, peer.offer)).status, 201)
})

const transport = 'a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\na=fingerprint:sha-256 ' + Array(32).fill('AA').join(':') + '\r\na=setup:actpass\r\na=rtcp-mux\r\n'
const session = (mids: string): string => `v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE ${mids}\r\n`
const audio = (mid: string | number, codec = 'opus/48000/2'): string => `m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:${mid}\r\na=sendonly\r\n${transport}a=rtpmap:111 ${codec}\r\n`
const many = Array.from({ length: 100 }, (_, i) => i)

type Row = { name: string, offer: string, status?: number, code: string, says: RegExp, field?: string, expected?: RegExp }

const offers: Row[] = [
  { name: 'a hundred sections', offer: session(many.join(' ')) + many.map(mid => audio(mid)).join(''), code: 'unprocessable_sdp', says: /100 media sections/, field: 'm=', expected: /at most 64/ },
  { name: 'a thousand sections', offer: session('0') + 'm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n'.repeat(1000), code: 'unprocessable_sdp', says: /1000 media sections/, field: 'm=', expected: /at most 64/ },
  { name: 'a megabyte', offer: session('0') + audio(0) + 'a=x-noise:1\r\n'.repeat(80_000), status: 413, code: 'payload_too_large', says: /large/ },
  { name: 'unknown codecs', offer: session('0') + audio(0, 'quux/48000'), code: 'no_common_codec', says: /opus, PCMU/, field: 'section “0”: a=rtpmap', expected: /opus, PCMU/ },
  { name: 'one mid twice', offer: session('0') + audio(0) + audio(0), code: 'unprocessable_sdp', says: /a=mid:0/, field: 'a=mid:0', expected: /another/ },
  { name: 'no mid', offer: session('0') + audio(0).replace('a=mid:0\r\n', ''), code: 'unprocessable_sdp', says: /a=mid/, field: 'section 0: a=mid', expected: /token/ },
  { name: 'a data channel only', offer: `${session('0')}m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:0\r\na=sctp-port:5000\r\n${transport}`, code: 'unprocessable_sdp', says: /neither audio nor video/, field: 'm=', expected: /m=audio/ },
  { name: 'two sounds', offer: session('0 1') + audio(0) + audio(1), code: 'unprocessable_sdp', says: /two audio sections/, field: 'section “1”: m=audio', expected: /one/ },
  { name: 'nothing to send', offer: (session('0') + audio(0)).replace('sendonly', 'recvonly'), code: 'unprocessable_sdp', says: /does not send/, field: 'section “0”: a=recvonly', expected: /sendonly/ },
  { name: 'no user name for ICE', offer: session('0') + audio(0).replace(/a=ice-ufrag.*\r\n/, ''), code: 'unprocessable_sdp', says: /ice-ufrag/, field: 'a=ice-ufrag', expected: /4 to 256/ },
  { name: 'a short password for ICE', offer: session('0') + audio(0).replace(/a=ice-pwd.*/, 'a=ice-pwd:secret'), code: 'unprocessable_sdp', says: /ice-pwd/, field: 'a=ice-pwd', expected: /22 to 256/ },
  { name: 'no fingerprint', offer: session('0') + audio(0).replace(/a=fingerprint.*\r\n/, ''), code: 'unprocessable_sdp', says: /fingerprint/, field: 'a=fingerprint', expected: /sha-256/ },
  { name: 'a hash that is none', offer: session('0') + audio(0).replace('sha-256', 'md5'), code: 'unprocessable_sdp', says: /fingerprint/, field: 'a=fingerprint', expected: /sha-256/ },
  { name: 'a fingerprint cut short', offer: session('0') + audio(0).replace(':AA\r\n', '\r\n'), code: 'unprocessable_sdp', says: /fingerprint/, field: 'a=fingerprint', expected: /sha-256/ },
  { name: 'an impossible setup', offer: session('0') + audio(0).replace('actpass', 'holdconn'), code: 'unprocessable_sdp', says: /holdconn/, field: 'a=setup', expected: /actpass/ },
  { name: 'RTCP on another port', offer: session('0') + audio(0).replace('a=rtcp-mux\r\n', ''), code: 'unprocessable_sdp', says: /rtcp-mux/, field: 'a=rtcp-mux', expected: /each section/ },
  { name: 'media outside the bundle', offer: session('0') + audio(0) + audio(1).replace('m=audio', 'm=video'), code: 'unprocessable_sdp', says: /BUNDLE/, field: 'a=group:BUNDLE', expected: /0 1/ },
  { name: 'a thousand lines of nothing', offer: `v=0\r\n${'a=x-noise:1\r\n'.repeat(1000)}`, code: 'unprocessable_sdp', says: /no media section/, field: 'm=', expected: /m=audio/ }
]

for (const { name, offer, status = 422, code, says, field, expected = /^$/ } of offers) {
  test(`an offer with ${name} is told what is wrong, and what would be right`, async () => {
    await using edge = await openEdge()
    const response = await post(edge, offer)
    const problem = await response.json() as { code: string, detail: string, problems?: { field: string, expected: string }[] }
    assert.deepEqual([response.status, problem.code, response.headers.get('content-type')?.split(';')[0]], [status, code, 'application/problem+json'])
    assert.match(problem.detail, says)
    assert.equal(problem.problems?.[0]?.field, field)
    assert.match(problem.problems?.[0]?.expected ?? '', expected)
    assert.equal(edge.transports.transports, 0)
  })
}
