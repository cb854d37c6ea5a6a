import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import test from 'node:test'
import { parseOffer } from './sdp-offer.ts'
import { ExtensionUri, type OfferedSection } from './sdp-types.ts'

const viewer = readFileSync(path.resolve(import.meta.dirname, '../../../test/vectors/chromium-153-viewer.sdp'), 'utf8')
const videoIn = (sdp: string): OfferedSection => parseOffer(sdp).sections[1]!
const payloadTypes = ({ codecs }: OfferedSection): number[] => codecs.map(({ payloadType }) => payloadType)

test('two who offer the same share what was read of it, whatever else they say', () => {
  const one = videoIn(viewer)
  const other = videoIn(viewer.replaceAll('a=ice-ufrag:Niir', 'a=ice-ufrag:Other').replaceAll('a=mid:1', 'a=mid:7').replace('BUNDLE 0 1', 'BUNDLE 0 7'))
  assert.equal(other.codecs, one.codecs)
  assert.equal(other.extensions, one.extensions)
  assert.equal(other.mid, '7')
})

test('who offers something else is read as it is', () => {
  const [one] = videoIn(viewer).codecs
  const [other] = videoIn(viewer.replace(/a=rtcp-fb:96 nack pli\r\n/, '')).codecs
  assert.deepEqual(other!.feedback, one!.feedback.filter(kind => kind !== 'nack pli'))
  const fewer = viewer.replace('SAVPF 96 97 98', 'SAVPF 96 97')
  assert.deepEqual(payloadTypes(videoIn(fewer)), payloadTypes(videoIn(viewer)).filter(payloadType => payloadType !== 98), 'the same lines, other formats')
})

test('header extensions of the session are of every section; codecs of the session are of none', () => {
  const extension = `a=extmap:14 ${ExtensionUri.playoutDelay}\r\n`
  const sections = parseOffer(viewer.replace('a=extmap-allow-mixed\r\n', `a=extmap-allow-mixed\r\n${extension}a=rtpmap:96 H999/1\r\n`)).sections
  assert.ok(sections.every(({ extensions }) => extensions[0]?.id === 14 && extensions[0].uri === ExtensionUri.playoutDelay))
  assert.deepEqual(sections[1]!.codecs, videoIn(viewer).codecs)
})

test('after any number of others, an offer is read the same', () => {
  const before = videoIn(viewer)
  for (let i = 0; i < 100; i++) videoIn(viewer.replace('a=rtcp-fb:96 nack pli', `a=rtcp-fb:96 other-${i}`))
  const after = videoIn(viewer)
  assert.notEqual(after.codecs, before.codecs, 'forgotten')
  assert.deepEqual(after, before)
})

test('the end of a line is a line feed, with or without a carriage return, or a carriage return', () => {
  const whole = parseOffer(viewer)
  for (const end of ['\n', '\r']) assert.deepEqual(parseOffer(viewer.replaceAll('\r\n', end)), whole)
  assert.deepEqual(parseOffer(viewer.trimEnd()), whole)
})
