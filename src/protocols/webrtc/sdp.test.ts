import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import test from 'node:test'
import { parse } from 'sdp-transform'
import { AppError } from '../../lib/errors.ts'
import { codec, opus } from '../../media/codec.ts'
import { parseCandidate, printCandidate } from './candidate.ts'
import { type AnswerSection, printAnswer } from './sdp-answer.ts'
import { describeOpusDecoder, findCodec } from './sdp-codecs.ts'
import { MAX_SDP_BYTES, parseOffer } from './sdp-offer.ts'
import { ExtensionUri, type Offer } from './sdp-types.ts'

const vector = (name: string): string => readFileSync(path.join(import.meta.dirname, '../../../test/vectors', name), 'utf8')
const viewer = vector('chromium-153-viewer.sdp')
const publisher = vector('chromium-153-simulcast.sdp')

test('a browser’s offer to view', () => {
  const offer = parseOffer(viewer)
  assert.deepEqual(offer.sections.map(({ kind, mid, direction }) => ({ kind, mid, direction })), [{ kind: 'audio', mid: '0', direction: 'recvonly' }, { kind: 'video', mid: '1', direction: 'recvonly' }])
  assert.equal(offer.transport.setup, 'actpass')
  assert.equal(offer.transport.fingerprint.algorithm, 'sha-256')
  assert.equal(offer.extmapAllowMixed, true)
  assert.deepEqual(offer.sections[0]!.codecs.find(c => c.name === 'opus'), { payloadType: 111, name: 'opus', clockRate: 48_000, channels: 2, parameters: { minptime: '10', useinbandfec: '1' }, feedback: ['transport-cc'] })
  assert.equal(offer.sections[1]!.extensions.find(e => e.uri === ExtensionUri.mid)?.id, 4)
})

test('line ends of another kind, and blanks before them, change nothing', () => {
  assert.deepEqual(parseOffer(viewer.replaceAll('\r\n', ' \n').replace('v=0 ', 'v=0')), parseOffer(viewer))
})

test('a browser’s offer to publish layers', () => {
  const { sections } = parseOffer(publisher)
  assert.deepEqual(sections[1]!.sendRids, ['h', 'q'])
  assert.ok(sections[1]!.stream!.track.length > 0)
})

test('H.264 is matched by packetization mode and the nearest profile, with its retransmissions', () => {
  const video = parseOffer(viewer).sections[1]!
  const choose = (profile: string | undefined): string | undefined => {
    const found = findCodec(video, codec('H264', profile === undefined ? {} : { parameters: { 'profile-level-id': profile } }))
    assert.equal(found?.rtx?.parameters.apt, String(found?.codec.payloadType))
    assert.deepEqual(found?.codec.feedback, ['ccm fir', 'nack', 'nack pli'])
    assert.equal(found?.codec.parameters['packetization-mode'], '1')
    return found?.codec.parameters['profile-level-id']
  }
  assert.equal(choose('42e01f'), '42e01f')
  assert.equal(choose('4d0028'), '4d001f')
  assert.equal(choose('640028'), '4d001f', 'no High is offered: the most there is')
  assert.equal(choose(undefined), '42e01f')
  assert.equal(findCodec(video, opus), undefined)
  assert.equal(findCodec(video, codec('AV1'))?.codec.parameters.profile, '0')
  assert.equal(findCodec(video, codec('H265')), undefined)
})

test('Opus is matched with its redundant form, if that holds nothing else', () => {
  const redOf = (sdp: string) => findCodec(parseOffer(sdp).sections[0]!, opus)?.red?.payloadType
  assert.equal(redOf(viewer), 63)
  assert.equal(redOf(viewer.replace('a=fmtp:63 111/111', 'a=fmtp:63 111/0')), undefined)
  assert.equal(redOf(viewer.replace('a=fmtp:63 111/111\r\n', '')), undefined)
  assert.equal(redOf(viewer.replace('red/48000/2', 'red/8000')), undefined)
})

test('what is asked of an Opus publisher: what it can send, and forward error correction', () => {
  const asked = (fmtp: string) => describeOpusDecoder(findCodec(parseOffer(publisher.replace('minptime=10;useinbandfec=1', fmtp)).sections[0]!, opus)!.codec).parameters
  assert.deepEqual(asked('minptime=10'), { minptime: '10', useinbandfec: '1' })
  assert.deepEqual(asked('sprop-stereo=1;useinbandfec=0;usedtx=1;maxplaybackrate=16000'), { usedtx: '1', stereo: '1', useinbandfec: '1' })
  assert.deepEqual(asked('stereo=1;maxaveragebitrate=128000'), { maxaveragebitrate: '128000', stereo: '1', useinbandfec: '1' })
})

function answerTo (offer: Offer): string {
  const sections: AnswerSection[] = offer.sections.map(offered => {
    const found = findCodec(offered, offered.kind === 'audio' ? opus : codec('H264'))
    if (!found) return { offered, rejected: true }
    const codecs = found.rtx ? [found.codec, found.rtx] : [found.codec]
    return { offered, direction: 'sendonly', codecs, extensions: offered.extensions.slice(0, 1), stream: { streamId: 's', trackId: offered.mid, cname: 'c', ssrc: 1, rtxSsrc: found.rtx && 2 } }
  })
  const candidates = [parseCandidate('candidate:1 1 UDP 2114977791 192.0.2.2 10000 typ host')!]
  return printAnswer({ sections, transport: { ufrag: 'abcdefgh', pwd: 'abcdefghijklmnopqrstuvwx', fingerprint: { algorithm: 'sha-256', value: 'AA:BB' }, setup: 'active' }, candidates, extmapAllowMixed: true }, 42n)
}

test('an answer, read back', () => {
  const text = answerTo(parseOffer(viewer))
  const answer = parse(text)
  assert.deepEqual(answer.groups, [{ type: 'BUNDLE', mids: '0 1' }])
  assert.deepEqual(answer.media.map(m => [m.type, m.port, m.direction, m.setup, m.rtcpMux, String(m.payloads)]), [['audio', 9, 'sendonly', 'active', 'rtcp-mux', '111'], ['video', 9, 'sendonly', 'active', 'rtcp-mux', '108 109']])
  assert.equal(answer.media[0]!.candidates?.length, 1)
  assert.equal(answer.media[0]!.endOfCandidates, 'end-of-candidates')
  assert.equal(answer.media[1]!.candidates, undefined, 'candidates stand in the first section alone')
  assert.deepEqual(answer.media[1]!.ssrcGroups, [{ semantics: 'FID', ssrcs: '1 2' }])
  assert.match(text, /a=rtpmap:108 H264\/90000\r\n/)
  assert.match(text, /a=rtpmap:111 opus\/48000\/2\r\n/)
})

test('a section without a common codec is turned down with port 0, outside the bundle', () => {
  const answer = parse(answerTo(parseOffer(viewer.replaceAll('H264/90000', 'H999/90000'))))
  assert.deepEqual(answer.media.map(m => m.port), [9, 0])
  assert.deepEqual(answer.groups, [{ type: 'BUNDLE', mids: 0 }])
})

const refused: [string, (sdp: string) => string, RegExp][] = [
  ['empty', () => '', /begin with/],
  ['not SDP', () => '{"type":"offer"}', /begin with/],
  ['no media', sdp => sdp.slice(0, sdp.indexOf('m=')), /no media section/],
  ['too large', sdp => sdp + 'a=x\r\n'.repeat(MAX_SDP_BYTES / 5), /larger than/],
  ['too many sections', sdp => sdp + 'm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n'.repeat(70), /72 media sections/],
  ['the same mid twice', sdp => sdp.replace('a=mid:1', 'a=mid:0'), /same “a=mid:0”/],
  ['no mid', sdp => sdp.replace('a=mid:1\r\n', ''), /no usable “a=mid”/],
  ['not bundled', sdp => sdp.replace('BUNDLE 0 1', 'BUNDLE 0'), /“1” is not in the BUNDLE group/],
  ['RTCP on its own port', sdp => sdp.replace('a=rtcp-mux\r\n', ''), /rtcp-mux/],
  ['no fingerprint', sdp => sdp.replaceAll(/a=fingerprint:.*\r\n/g, ''), /fingerprint/],
  ['no ICE', sdp => sdp.replaceAll(/a=ice-pwd:.*\r\n/g, ''), /ice-pwd/],
  ['ICE credentials with a line break inside', sdp => sdp.replaceAll(/a=ice-ufrag:.*\r\n/g, 'a=ice-ufrag:ab cd\r\n'), /ice-ufrag/],
  ['an impossible setup', sdp => sdp.replaceAll('actpass', 'holdconn'), /setup:holdconn/],
  ['payload types that are none', sdp => sdp.replace('SAVPF 111 63', 'SAVPF 111 999'), /payload type/]
]
for (const [name, change, reason] of refused) {
  test(`an offer refused: ${name}`, () => {
    assert.throws(() => parseOffer(change(viewer)), (error: unknown) => error instanceof AppError && error.code === 'unprocessable_sdp' && reason.test(error.message))
  })
}

test('candidates: read, printed, or passed over', () => {
  const line = 'candidate:842163049 1 udp 1677729535 203.0.113.1 46154 typ srflx'
  assert.equal(printCandidate(parseCandidate(`${line} raddr 0.0.0.0 rport 0 generation 0`)!), line)
  assert.equal(parseCandidate('a=candidate:1 1 tcp 1518280447 192.0.2.1 9 typ host tcptype active')?.tcpType, 'active')
  for (const useless of ['', 'candidate:', 'candidate:1 1 udp 1 a1b2.local 5000 typ host', 'candidate:1 1 udp x 192.0.2.1 5000 typ host', 'candidate:1 1 udp 1 192.0.2.1 70000 typ host', 'x'.repeat(1000)]) {
    assert.equal(parseCandidate(useless), undefined, useless)
  }
})

test('mutated offers are read or refused, and what is read can be answered', () => {
  let seed = 0xca11
  const random = (below: number): number => { seed = Math.imul(seed, 1103515245) + 12345 >>> 0; return (seed >>> 8) % below }
  const sources = [viewer, publisher]
  let read = 0
  for (let round = 0; round < 3000; round++) {
    let text = sources[random(2)]!
    for (let changes = 1 + random(4); changes > 0; changes--) {
      const at = random(text.length)
      const kind = random(4)
      if (kind === 0) text = text.slice(0, at) + String.fromCharCode(random(256)) + text.slice(at + 1)
      else if (kind === 1) text = text.slice(0, at) + text.slice(at + random(40))
      else if (kind === 2) text = text.slice(0, at) + text.slice(random(text.length)).slice(0, 60) + text.slice(at)
      else { const lines = text.split('\r\n'); const line = random(lines.length); lines.splice(line, 1 + random(2)); text = lines.join('\r\n') }
    }
    try {
      parse(answerTo(parseOffer(text)))
      read++
    } catch (error) {
      assert.ok(error instanceof AppError && error.code === 'unprocessable_sdp', error instanceof Error ? error.stack : String(error))
    }
  }
  assert.ok(read > 300, `${read} of 3000 were readable`)
})
