import assert from 'node:assert/strict'
import test from 'node:test'
import { NackGenerator } from './nack-generator.ts'
import { Reception } from './reception.ts'
import { parseRtcp, printRtcp } from './rtcp/compound.ts'
import { RtpPacket } from './rtp-packet.ts'
import { TransportArrivals } from './transport-arrivals.ts'

const packet = (sequenceNumber: number, timestamp = 0): RtpPacket => RtpPacket.build({ payloadType: 96, marker: false, sequenceNumber: sequenceNumber & 0xffff, timestamp: timestamp >>> 0, ssrc: 1 }, Buffer.of(1))

test('loss is counted over the wrap, per interval and in all', () => {
  const reception = new Reception(90_000)
  for (const sequenceNumber of [0xfffe, 0xffff, 1, 2, 3]) reception.add(packet(sequenceNumber), 0) // 0 is missing.
  const block = reception.report(7, 0)
  assert.deepEqual([block.cumulativeLost, block.highestSequence, block.fractionLost], [1, 0x10003, 1 / 6])
  reception.add(packet(4), 0)
  assert.equal(reception.report(7, 0).fractionLost, 0)
  reception.addRepaired()
  assert.equal(reception.report(7, 0).cumulativeLost, 0)
  assert.equal(reception.lost, 0)
})

test('a source that starts anew is believed at the second packet', () => {
  const reception = new Reception(90_000)
  for (const sequenceNumber of [10, 11, 40_000]) reception.add(packet(sequenceNumber), 0)
  assert.equal(reception.report(7, 0).highestSequence, 11)
  reception.add(packet(40_001), 0)
  assert.deepEqual([reception.report(7, 0).highestSequence, reception.lost], [40_001, 0])
})

test('the age of a timestamp is known by the newest packet, over the wrap', () => {
  const reception = new Reception(90_000)
  assert.equal(reception.ageOf(5, 1e9), 0)
  reception.add(packet(1, 0xffff_fff0), 1e9)
  assert.ok(Math.abs(reception.ageOf(0xffff_fff0, 1e9 + 40) - 40) < 0.1)
  assert.ok(Math.abs(reception.ageOf(90_000 - 16, 1e9 + 40) + 960) < 0.1, 'not yet due')
})

test('jitter grows with uneven arrival and not with even, over the wrap of timestamps', () => {
  const even = new Reception(90_000)
  const uneven = new Reception(90_000)
  for (let i = 0; i < 200; i++) {
    even.add(packet(i, 0xffff0000 + i * 3000), i * 1000 / 30)
    uneven.add(packet(i, 0xffff0000 + i * 3000), i * 1000 / 30 + (i % 2) * 10)
  }
  assert.ok(even.jitterMs < 0.1, String(even.jitterMs))
  assert.ok(Math.abs(uneven.jitterMs - 10) < 0.5, String(uneven.jitterMs))
})

test('the delay since the last sender report lets the sender measure the round trip', () => {
  const reception = new Reception(90_000)
  reception.add(packet(1), 0)
  assert.equal(reception.report(7, 100).lastSenderReport, 0)
  reception.addReport({ type: 'sr', ssrc: 1, ntpSeconds: 0x11112222, ntpFraction: 0x33334444, rtpTimestamp: 0, packets: 0, bytes: 0, reports: [] }, 100)
  const { lastSenderReport, delaySinceLastReport } = reception.report(7, 600)
  assert.deepEqual([lastSenderReport, delaySinceLastReport], [0x22223333, 32768])
})

test('what is missing is asked for after a moment, again after a while, and not for ever', () => {
  const nacks = new NackGenerator({ patienceMs: 10, retryMs: 50, tries: 2, maxMissing: 100 })
  nacks.add(0xfffe, 0)
  nacks.add(2, 0)
  assert.deepEqual(nacks.due(5), [])
  nacks.add(0xffff, 6)
  assert.deepEqual(nacks.due(10), [0, 1])
  assert.equal(nacks.add(1, 20), 'missed')
  assert.equal(nacks.add(1, 21), 'known', 'a duplicate')
  assert.equal(nacks.add(2, 21), 'known', 'a duplicate of the newest')
  assert.deepEqual([nacks.due(30), nacks.due(60), nacks.due(110)], [[], [0], []])
  assert.deepEqual([nacks.missing, nacks.abandoned], [0, 1])
})

test('a gap too large is not a loss to repair', () => {
  const nacks = new NackGenerator({ patienceMs: 0, retryMs: 1, tries: 1, maxMissing: 100 })
  nacks.add(0, 0)
  nacks.add(5000, 0)
  assert.deepEqual([nacks.due(10), nacks.missing, nacks.abandoned], [[], 0, 4999])
})

test('arrivals become feedback that reads back the same, with what did not come', () => {
  const arrivals = new TransportArrivals()
  assert.equal(arrivals.take(1, 2), undefined)
  const start = 5_000_000_000
  for (const [sequenceNumber, ms] of [[0xfffe, 0], [0xffff, 1.5], [2, 40], [1, 41]] as const) arrivals.add(sequenceNumber, start + ms)
  const first = arrivals.take(1, 2)!
  assert.deepEqual(parseRtcp(printRtcp([first])), [first])
  const [a, b, lost, late, d] = first.arrivals
  assert.deepEqual([first.base, b! - a!, lost, late! - a!, d! - a!], [0xfffe, 6, undefined, 164, 160])
  assert.equal(arrivals.take(1, 2), undefined, 'nothing new')
  arrivals.add(3, start + 60)
  const second = arrivals.take(1, 2)!
  assert.deepEqual([second.base, second.feedback, second.arrivals.length], [3, 1, 1])
})

test('a packet that comes after it was told to be lost is told anew, and nobody else seems lost by that', () => {
  const arrivals = new TransportArrivals()
  for (const [sequenceNumber, ms] of [[0xfffe, 1000], [0, 1010], [1, 1012]] as const) arrivals.add(sequenceNumber, ms)
  assert.equal(arrivals.take(1, 2)!.arrivals[1], undefined)
  arrivals.add(0xffff, 1020)
  arrivals.add(0xffff, 1030) // Twice.
  arrivals.add(2, 1040)
  const { base, arrivals: again } = arrivals.take(1, 2)!
  assert.deepEqual([base, again.map(time => time! - again[0]!)], [0xffff, [0, -40, -32, 80]])
  arrivals.add(3, 1060)
  assert.deepEqual([arrivals.take(1, 2)!.base], [3], 'each is told once')
  for (let i = 4; i < 1000; i++) arrivals.add(i, 1100 + i)
  arrivals.take(1, 2)
  arrivals.add(10, 2200)
  assert.equal(arrivals.take(1, 2), undefined, 'that was too long ago')
})
