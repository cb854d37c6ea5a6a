import assert from 'node:assert/strict'
import test from 'node:test'
import { ManualClock } from '../../../test/support/manual-clock.ts'
import { printTarget } from '../../../test/support/print-target.ts'
import { codec } from '../../media/codec.ts'
import { RtpPacket } from '../../media/rtp-packet.ts'
import { Track } from '../../room/track.ts'
import { Outlet } from './outlet.ts'

const vp8 = codec('VP8')
const negotiated = { codec: { payloadType: 96, name: 'VP8', clockRate: 90_000, channels: 1, parameters: {}, feedback: [] }, rtx: undefined, red: undefined }
const [KEY, DELTA] = ['1000', '1001'] // RFC 7741 section 4.3: the lowest bit of the frame's first byte.

/** A viewer of a picture in two layers, and what it was sent. */
function twoLayers () {
  const [low, high] = [new Track(vp8), new Track(vp8)]
  Object.assign(high, { layers: [low, high] })
  low.bitrate = 100_000
  high.bitrate = 1_000_000
  const sent: string[] = []
  const asked: string[] = []
  low.onKeyframeWanted = () => { asked.push('low') }
  high.onKeyframeWanted = () => { asked.push('high') }
  const send = (bytes: Buffer): boolean => { sent.push(RtpPacket.parse(bytes).payload.toString('hex', 2)); return true }
  const outlet = new Outlet({ codec: vp8, negotiated, ssrc: 1, rtxSsrc: undefined, clock: new ManualClock(), target: printTarget(send), failed: error => { throw error } })
  let sequenceNumber = 0
  const write = (track: Track, start: string, name: string): void =>
    track.write(RtpPacket.build({ payloadType: 96, marker: true, sequenceNumber: sequenceNumber++, timestamp: sequenceNumber * 3000, ssrc: 5 }, Buffer.from(start + name, 'hex')))
  outlet.attach(high)
  write(high, KEY, 'a0')
  return { outlet, low, high, write, sent, asked }
}

test('another layer begins with its keyframe; until then the one before is sent', () => {
  const { outlet, low, high, write, sent, asked } = twoLayers()
  outlet.switchTo(low)
  write(low, DELTA, '01')
  write(high, DELTA, 'a1')
  write(low, KEY, '02')
  write(high, DELTA, 'a2')
  write(low, DELTA, '03')
  assert.deepEqual(sent, ['a0', 'a1', '02', '03'])
  assert.deepEqual([asked, outlet.layer === low, high.subscribers], [['high', 'low'], true, 0])
})

test('held, the layer before is sent no more; what is sent next begins with a keyframe, whichever layer it is of', () => {
  const { outlet, low, high, write, sent, asked } = twoLayers()
  outlet.switchTo(low, true)
  write(high, DELTA, 'a1')
  assert.deepEqual(sent, ['a0'])
  outlet.switchTo(high) // There is room again, before the low layer came.
  assert.deepEqual(asked, ['high', 'low', 'high'])
  write(high, DELTA, 'a2')
  write(low, KEY, '01')
  write(high, KEY, 'a3')
  outlet.switchTo(low, true)
  write(low, KEY, '02')
  write(low, DELTA, '03')
  assert.deepEqual(sent, ['a0', 'a3', '02', '03'])
})
