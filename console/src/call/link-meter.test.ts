import assert from 'node:assert/strict'
import test from 'node:test'
import { levelOf, LinkMeter, type StatsEntry } from './link-meter.ts'

const inbound = (seconds: number): StatsEntry[] => [
  { type: 'inbound-rtp', kind: 'video', bytesReceived: seconds * 125_000, packetsReceived: seconds * 99, packetsLost: seconds, jitterBufferDelay: seconds * 1.2, jitterBufferEmittedCount: seconds * 30, framesDropped: seconds * 2, frameWidth: 1280, frameHeight: 720, framesPerSecond: 30 },
  { type: 'inbound-rtp', kind: 'audio', audioLevel: 0.25 },
  { type: 'candidate-pair', nominated: true, currentRoundTripTime: 0.02 },
  { type: 'candidate-pair', nominated: false, currentRoundTripTime: 9 }
]

test('what comes: rates since the reading before, not since the beginning', () => {
  const meter = new LinkMeter()
  meter.push(0, inbound(100))
  assert.equal(meter.reading, undefined)
  meter.push(1_000, inbound(101))
  const { bitrate, lossPercent, roundTripMs, jitterBufferMs, framesDropped, sends, picture } = meter.reading!
  assert.deepEqual([bitrate, lossPercent, roundTripMs, framesDropped, sends], [1_000_000, 1, 20, 2, false])
  assert.ok(Math.abs(jitterBufferMs! - 40) < 1e-6)
  assert.deepEqual(picture, { width: 1280, height: 720, fps: 30, layer: undefined })
  assert.deepEqual(meter.history('bitrate'), [1_000_000])
})

test('what goes: the largest layer that is on, and what the other side reports', () => {
  const outbound = (bytes: number): StatsEntry[] => [
    { type: 'outbound-rtp', kind: 'video', rid: 'q', active: true, bytesSent: bytes, frameWidth: 320, frameHeight: 180, qualityLimitationReason: 'none' },
    { type: 'outbound-rtp', kind: 'video', rid: 'h', active: true, bytesSent: bytes, frameWidth: 640, frameHeight: 360, framesPerSecond: 24, qualityLimitationReason: 'cpu' },
    { type: 'outbound-rtp', kind: 'video', rid: 'f', active: false, bytesSent: 0, frameWidth: 1280, frameHeight: 720 },
    { type: 'remote-inbound-rtp', kind: 'video', fractionLost: 0.05, roundTripTime: 0.03 }
  ]
  const meter = new LinkMeter()
  meter.push(0, outbound(0))
  meter.push(2_000, outbound(50_000))
  const { bitrate, lossPercent, roundTripMs, framesDropped, limitedBy, picture } = meter.reading!
  assert.deepEqual([bitrate, lossPercent, roundTripMs, framesDropped, limitedBy], [400_000, 5, 30, undefined, 'cpu'])
  assert.deepEqual(picture, { width: 640, height: 360, fps: 24, layer: 'h' })
})

test('a history has an end; what is not measured is not zero', () => {
  const meter = new LinkMeter()
  for (let i = 0; i < 200; i++) meter.push(i * 1000, [])
  assert.equal(meter.history('bitrate').length, 60)
  assert.deepEqual(meter.history('roundTripMs'), [])
  assert.equal(meter.reading?.lossPercent, undefined)
})

test('the level is what is heard, or what is said', () => {
  assert.equal(levelOf(inbound(1)), 0.25)
  assert.equal(levelOf([{ type: 'media-source', kind: 'audio', audioLevel: 0.5 }]), 0.5)
  assert.equal(levelOf([{ type: 'media-playout', kind: 'audio', audioLevel: 1 }]), 0)
})
