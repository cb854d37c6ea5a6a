import assert from 'node:assert/strict'
import test from 'node:test'
import { codec } from '../codec.ts'
import { depacketizerFor, packetizerFor } from './index.ts'

test('each codec with a payload format: what goes in comes out', () => {
  const codecs = [codec('H264'), codec('opus'), codec('PCMU'), codec('PCMA'), codec('G722'), codec('AAC', { clockRate: 44_100, channels: 2, config: Buffer.from('1210', 'hex') })]
  for (const of of codecs) {
    const frame = { units: [Buffer.from('6588840021', 'hex')], timestamp: 77, compositionOffset: 0, keyframe: true }
    const depacketizer = depacketizerFor(of)
    assert.deepEqual(packetizerFor(of, { ssrc: 1, payloadType: 96 }).packetize(frame).flatMap(p => depacketizer.push(p)), [frame], of.name)
  }
})

test('a codec without one is refused by name', () => {
  assert.throws(() => packetizerFor(codec('VP9'), { ssrc: 1, payloadType: 96 }), { code: 'unsupported_media_type' })
  assert.throws(() => depacketizerFor(codec('VP9')), { code: 'unsupported_media_type' })
})
