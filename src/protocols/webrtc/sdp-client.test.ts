import assert from 'node:assert/strict'
import test from 'node:test'
import { mutated } from '../../../test/support/mutate.ts'
import { AppError } from '../../lib/errors.ts'
import { parseCandidate } from './candidate.ts'
import { type AnswerSection, parseAnswer, printAnswer } from './sdp-answer.ts'
import { parseOffer, printOffer, type SectionToOffer } from './sdp-offer.ts'
import { ExtensionUri, type SdpCodec, type TransportParameters } from './sdp-types.ts'

const ours: TransportParameters = { ufrag: 'abcdefgh', pwd: 'abcdefghijklmnopqrstuvwx', fingerprint: { algorithm: 'sha-256', value: Array(32).fill('AB').join(':') }, setup: 'actpass' }
const theirs: TransportParameters = { ...ours, ufrag: 'ijklmnop', setup: 'active' }
const candidate = parseCandidate('candidate:1 1 udp 2114977791 192.0.2.2 10000 typ host')!
const opus: SdpCodec = { payloadType: 111, name: 'opus', clockRate: 48_000, channels: 2, parameters: { useinbandfec: '1' }, feedback: ['transport-cc'] }
const h264: SdpCodec = { payloadType: 96, name: 'h264', clockRate: 90_000, channels: 1, parameters: { 'packetization-mode': '1', 'profile-level-id': '640028' }, feedback: ['nack', 'nack pli'] }
const rtx: SdpCodec = { payloadType: 97, name: 'rtx', clockRate: 90_000, channels: 1, parameters: { apt: '96' }, feedback: [] }
const extensions = [{ id: 3, uri: ExtensionUri.transportCc }]
const stream = { streamId: 'room', cname: 'cname' }
const sections: SectionToOffer[] = [
  { kind: 'audio', mid: 'audio', direction: 'sendonly', codecs: [opus], extensions, stream: { ...stream, trackId: 'sound', ssrc: 1 } },
  { kind: 'video', mid: 'video', direction: 'sendonly', codecs: [h264, rtx], extensions, stream: { ...stream, trackId: 'picture', ssrc: 2, rtxSsrc: 3 } }
]
const kinds = sections.map(({ kind }) => kind)
const printed = printOffer({ sections, transport: ours, candidates: [candidate] }, 42n)

/** What a server makes of our offer; it takes only the kinds given. */
function answered (taken = kinds): string {
  const answer = parseOffer(printed).sections.map((offered): AnswerSection =>
    taken.includes(offered.kind as 'audio') ? { offered, direction: 'recvonly', codecs: offered.codecs, extensions: offered.extensions } : { offered, rejected: true })
  return printAnswer({ sections: answer, transport: theirs, candidates: [candidate], extmapAllowMixed: true })
}

test('an offer of ours, read back, is what it was', () => {
  const read = parseOffer(printed)
  assert.deepEqual(read.transport, ours)
  assert.deepEqual(read.candidates, [candidate])
  assert.deepEqual(read.sections.map(({ kind, mid, direction, codecs, extensions: ids, stream: sent }) => ({ kind, mid, direction, codecs, extensions: ids, track: sent?.track })),
    sections.map(({ kind, mid, direction, codecs, extensions: ids, stream: sent }) => ({ kind, mid, direction, codecs, extensions: ids, track: sent?.trackId })))
  assert.match(printed, /a=ssrc-group:FID 2 3\r\na=ssrc:2 cname:cname\r\n/)
  assert.match(printed, /a=rtpmap:111 opus\/48000\/2\r\n/)
})

test('an answer: what was taken, what was not, and where to', () => {
  const whole = parseAnswer(answered(), kinds)
  assert.deepEqual([whole.transport, whole.candidates], [theirs, [candidate]])
  assert.deepEqual(whole.sections.map(section => section?.codecs.map(({ payloadType }) => payloadType)), [[111], [96, 97]])
  const half = parseAnswer(answered(['audio']), kinds)
  assert.deepEqual(half.sections.map(section => section?.kind), ['audio', undefined])
  const bare = answered(['video']).replace('a=mid:audio\r\n', 'a=mid:audio\r\na=ignored:1\r\n')
  assert.deepEqual(parseAnswer(bare, kinds).sections.map(section => section?.kind), [undefined, 'video'])
})

const refused: [string, string, (sdp: string) => string, RegExp][] = [
  ['text', 'unprocessable_sdp', () => 'hello', /the answer does not begin/],
  ['nothing taken', 'no_common_codec', () => answered([]), /turns down every media section/],
  ['a section missing', 'unprocessable_sdp', sdp => sdp.slice(0, sdp.indexOf('m=video')).replace('audio video', 'audio'), /other media sections than the offer/],
  ['sections exchanged', 'unprocessable_sdp', sdp => sdp.replace('m=audio', 'm=x').replace('m=video', 'm=audio').replace('m=x', 'm=video'), /other media sections/],
  ['nobody begins DTLS', 'unprocessable_sdp', sdp => sdp.replaceAll('a=setup:active', 'a=setup:actpass'), /who begins DTLS/],
  ['no fingerprint', 'unprocessable_sdp', sdp => sdp.replaceAll(/a=fingerprint:.*\r\n/g, ''), /fingerprint/],
  ['not bundled', 'unprocessable_sdp', sdp => sdp.replace('BUNDLE audio video', 'BUNDLE audio'), /not in the BUNDLE group/]
]
for (const [name, code, change, reason] of refused) {
  test(`an answer refused: ${name}`, () => {
    assert.throws(() => parseAnswer(change(answered()), kinds), (error: unknown) => error instanceof AppError && error.code === code && reason.test(error.message))
  })
}

test('mutated answers are read or refused', () => {
  let read = 0
  for (const bytes of mutated([Buffer.from(answered()), Buffer.from(answered(['audio']))], { count: 2000 })) {
    try {
      parseAnswer(bytes.toString(), kinds)
      read++
    } catch (error) {
      assert.ok(error instanceof AppError && (error.code === 'unprocessable_sdp' || error.code === 'no_common_codec'), error instanceof Error ? error.stack : String(error))
    }
  }
  assert.ok(read > 100, `${read} of 2000 were readable`)
})
