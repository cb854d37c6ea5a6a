import assert from 'node:assert/strict'
import test from 'node:test'
import { ManualClock } from '../../test/support/manual-clock.ts'
import { printTarget } from '../../test/support/print-target.ts'
import { CatchUp } from './catch-up.ts'
import { ExtensionBlock } from './header-extensions.ts'
import { ntpMiddle, ntpOf, wallOf } from './ntp.ts'
import { PacketCache } from './packet-cache.ts'
import { PacketHistory } from './packet-history.ts'
import { Redundancy } from './redundancy.ts'
import { Rewriter } from './rewriter.ts'
import { RtpPacket } from './rtp-packet.ts'
import { RtpSender } from './rtp-sender.ts'

const packet = (sequenceNumber: number, timestamp: number, payload = 'aa', ssrc = 1): RtpPacket =>
  RtpPacket.build({ payloadType: 96, marker: true, sequenceNumber: sequenceNumber & 0xffff, timestamp: timestamp >>> 0, ssrc }, Buffer.from(payload, 'hex'))

function rewriter (): Rewriter { return new Rewriter({ clockRate: 90_000, firstSequenceNumber: 0xfffe, firstTimestamp: 0xffffff00 }) }

/** What comes out for each packet that goes in: its number and timestamp, or nothing. */
function through (target: Rewriter, packets: RtpPacket[], now = 0): (readonly [number, number] | undefined)[] {
  return packets.map(p => target.accept(p, now) ? [target.sequenceNumber, target.timestamp] as const : undefined)
}

test('numbers go on over both wraps', () => {
  assert.deepEqual(through(rewriter(), [packet(10, 1000), packet(11, 1000), packet(12, 4000)]), [[0xfffe, 0xffffff00], [0xffff, 0xffffff00], [0, 0xffffff00 + 3000 - 2 ** 32]])
})

test('a late packet gets the number it would have had, and padding leaves no gap', () => {
  const padding = RtpPacket.parse(Buffer.from('a0600065000000000000000100000004', 'hex')) // Sequence number 101.
  const out = through(rewriter(), [packet(100, 0), padding, packet(103, 0), packet(102, 0), packet(104, 0)]).map(pair => pair?.[0])
  assert.deepEqual(out, [0xfffe, undefined, 0, 0xffff, 1])
})

test('of a stream of which most is left out, a late packet still gets its number, also when it is of what is left out', () => {
  const target = rewriter()
  const emptied = (sequenceNumber: number): RtpPacket => packet(sequenceNumber, 0, '')
  const numbers = (...packets: RtpPacket[]): (number | undefined)[] => through(target, packets).map(pair => pair?.[0])
  // Of each ten packets one is sent; 15 and 30 are late.
  const stream = Array.from({ length: 400 }, (_, i) => i % 10 === 0 ? packet(i, 0) : emptied(i)).filter((_, i) => i !== 15 && i !== 30)
  const sent = numbers(...stream).filter(number => number !== undefined)
  assert.deepEqual(sent.map(number => (number - 0xfffe) & 0xffff), Array.from({ length: 40 }, (_, i) => i < 2 ? i : i + 1).flatMap((n, i) => i === 3 ? [] : [n]), 'two gaps')
  assert.deepEqual(numbers(emptied(15), emptied(14)), [0, undefined], 'its gap is filled, and only that')
  assert.deepEqual(numbers(packet(30, 0)), [2])
})

test('a late packet from before a switch is dropped, a switch makes no jump', () => {
  const target = rewriter()
  through(target, [packet(10, 1000), packet(11, 4000)], 100)
  target.restart()
  assert.deepEqual(through(target, [packet(50_000, 77)], 140), [[0, (0xffffff00 + 3000 + 3600) % 2 ** 32]], 'later by 40 ms')
  assert.deepEqual(through(target, [packet(49_999, 77)], 140), [undefined])
})

test('a source that starts anew is followed without a gap', () => {
  const target = rewriter()
  through(target, [packet(10, 1000)], 0)
  assert.deepEqual(through(target, [packet(40_000, 1000)], 10)[0]?.[0], 0xffff, 'by sequence number')
  assert.deepEqual(through(target, [packet(40_001, 1000 + 90_000 * 60)], 20)[0]?.[0], 0, 'by timestamp')
})

test('random sources: outgoing numbers have exactly the gaps of what was lost on the way in', () => {
  let seed = 99
  const random = (below: number): number => { seed = Math.imul(seed, 1103515245) + 12345 >>> 0; return (seed >>> 8) % below }
  for (let round = 0; round < 200; round++) {
    const target = rewriter()
    const start = random(65536)
    const order = Array.from({ length: 50 }, (_, i) => i).filter(i => i === 0 || random(10) > 0)
    for (let i = 2; i < order.length; i++) if (random(8) === 0) [order[i], order[i - 1]] = [order[i - 1]!, order[i]!]
    for (const i of order) assert.equal(through(target, [packet(start + i, i)])[0]?.[0], (0xfffe + i) & 0xffff)
  }
})

test('the history gives back what is young, once in a while', () => {
  const history = new PacketHistory(new PacketCache(), { packets: 8, ms: 100, resendGapMs: 20 })
  for (let i = 0; i < 10; i++) history.add({ packet: packet(i, i), sequenceNumber: i, timestamp: i, frameNumber: 0, number: i }, 0)
  assert.equal(history.take(1, 0), undefined, 'overwritten')
  assert.equal(history.take(9, 0)?.timestamp, 9)
  assert.equal(history.take(9, 19), undefined, 'sent again a moment ago')
  assert.equal(history.take(9, 20)?.sequenceNumber, 9)
  assert.equal(history.take(9, 60, 50), undefined, 'the answer before is still on its way')
  assert.equal(history.take(9, 70, 50)?.sequenceNumber, 9)
  assert.equal(history.take(8, 101), undefined, 'too old')
})

type Sent = { payloadType: number, sequenceNumber: number, timestamp: number, ssrc: number, payload: string }

function sender (rtx?: { ssrc: number, payloadType: number }): { target: RtpSender, sent: Sent[], times: number[], clock: ManualClock } {
  const clock = new ManualClock()
  const sent: Sent[] = []
  const times: number[] = []
  const send = (bytes: Buffer): boolean => {
    const { payloadType, sequenceNumber, timestamp, ssrc, payload } = RtpPacket.parse(Buffer.from(bytes))
    times.push(clock.now())
    sent.push({ payloadType, sequenceNumber, timestamp, ssrc, payload: payload.toString('hex') })
    return true
  }
  return { target: new RtpSender({ ssrc: 7, payloadType: 102, clockRate: 90_000, rtx, clock, target: printTarget(send) }), sent, times, clock }
}

test('a sender prints its own header, and nothing of the source’s extensions', () => {
  const { target, sent } = sender()
  target.write(RtpPacket.parse(Buffer.from('90e00001000000010000000abede000110aa0000cafe', 'hex')))
  assert.deepEqual({ ...sent[0], sequenceNumber: 0, timestamp: 0 }, { payloadType: 102, sequenceNumber: 0, timestamp: 0, ssrc: 7, payload: 'cafe' })
})

test('a lost packet is sent again, as it was or as RTX', () => {
  const plain = sender()
  plain.target.write(packet(1, 1, '0102'))
  plain.target.resend([plain.sent[0]!.sequenceNumber, 12])
  assert.deepEqual(plain.sent[1], plain.sent[0])
  const { target, sent } = sender({ ssrc: 8, payloadType: 103 })
  target.write(packet(1, 1, '0102'))
  target.resend([sent[0]!.sequenceNumber])
  const original = sent[0]!.sequenceNumber.toString(16).padStart(4, '0')
  assert.deepEqual({ ...sent[1], sequenceNumber: 0 }, { payloadType: 103, sequenceNumber: 0, timestamp: sent[0]!.timestamp, ssrc: 8, payload: `${original}0102` })
  assert.deepEqual([target.resent, target.nacked], [1, 1])
})

test('without a stream for retransmissions a packet is sent again to the byte as it was, whatever was sent since', () => {
  const clock = new ManualClock()
  const sent: Buffer[] = []
  let count = 0
  const open = (redundancy?: Redundancy) => new RtpSender({
    ssrc: 7, payloadType: 96, clockRate: 90_000, redundancy, clock, extensions: new ExtensionBlock([], { numberId: 3 }), numbers: { next: () => count++ },
    target: printTarget(bytes => { sent.push(Buffer.from(bytes)); return true })
  })
  const plain = open()
  for (let i = 0; i < 3; i++) plain.write(packet(i, i * 3000, `a${i}`))
  const numbers = sent.map(bytes => RtpPacket.parse(bytes).sequenceNumber)
  plain.resend([numbers[1]!, numbers[0]!])
  assert.deepEqual(sent.slice(3), [sent[1], sent[0]])
  const redundant = open(new Redundancy(63, 96))
  redundant.write(packet(1, 0))
  const [only] = sent.slice(5).map(bytes => RtpPacket.parse(bytes).sequenceNumber)
  redundant.resend([only!])
  assert.equal(sent.length, 6, 'it went out in another form')
})

test('the history has room for what is sent in its time, up to a limit; an old packet makes way for a new one', () => {
  const history = new PacketHistory(new PacketCache(), { packets: 1024, ms: 1000, resendGapMs: 20 })
  const add = (n: number, now: number): void => history.add({ packet: packet(n, n), sequenceNumber: n & 0xffff, timestamp: n * 3, frameNumber: n & 0xff, number: n & 0xffff }, now)
  for (let n = 65_000; n < 65_300; n++) add(n, n - 65_000)
  history.take(65_001, 300)
  for (let n = 65_300; n < 66_024; n++) add(n, 301)
  const kept = Array.from({ length: 1024 }, (_, n) => history.peek((65_000 + n) & 0xffff, 310))
  assert.deepEqual(kept.map(sent => sent && [sent.timestamp, sent.frameNumber, sent.number, sent.packet.timestamp]), kept.map((_, n) => [(65_000 + n) * 3, (65_000 + n) & 0xff, (65_000 + n) & 0xffff, 65_000 + n]))
  assert.equal(history.take(65_001, 310), undefined, 'what was sent again is remembered')
  add(66_024, 320)
  assert.deepEqual([history.peek(65_000, 320), history.peek(66_024 & 0xffff, 320)?.timestamp], [undefined, 66_024 * 3])
})

test('what another source sent is not sent again', () => {
  const { target, sent } = sender()
  target.write(packet(1, 1))
  target.startAnew()
  target.write(packet(500, 1))
  assert.equal(sent[1]!.sequenceNumber, (sent[0]!.sequenceNumber + 1) & 0xffff)
  target.resend(sent.map(({ sequenceNumber }) => sequenceNumber))
  assert.deepEqual(sent.slice(2), [sent[1]])
})

test('a receiver that asks for everything again and again gets a bounded part of it', () => {
  const { target, sent, clock } = sender()
  for (let i = 0; i < 1000; i++) target.write(packet(i, i))
  const all = sent.map(p => p.sequenceNumber)
  for (let round = 0; round < 50; round++) { clock.advance(25); target.resend(all) }
  assert.ok(target.resent <= 512, String(target.resent))
})

test('a sender report ties the stream to the wall clock of the publisher’s reference', () => {
  const { target, clock } = sender()
  assert.equal(target.report(undefined), undefined)
  target.write(packet(1, 5000))
  const offset = target.rewriter.timestampOf(0)
  clock.advance(1000)
  const report = target.report({ rtpTimestamp: 5000, wallMs: clock.wall() - 1040 })! // Captured 40 ms before it came.
  assert.equal(report.rtpTimestamp, (offset + 5000 + 1040 * 90) >>> 0)
  assert.ok(Math.abs(wallOf({ seconds: report.ntpSeconds, fraction: report.ntpFraction }) - clock.wall()) < 0.01)
  assert.equal(target.report(undefined)!.rtpTimestamp, (offset + 5000 + 1000 * 90) >>> 0, 'without one, by arrival')
  assert.equal(target.report({ rtpTimestamp: 5000, wallMs: 0 })!.rtpTimestamp, (offset + 5000 + 1000 * 90) >>> 0, 'an absurd one is not believed')
})

test('the round trip is what is left after the receiver’s own delay', () => {
  const { target, clock } = sender()
  target.write(packet(1, 5000))
  const lastSenderReport = ntpMiddle(ntpOf(clock.wall()))
  clock.advance(150)
  target.receive({ ssrc: 7, fractionLost: 0.5, cumulativeLost: 3, highestSequence: 0, jitter: 900, lastSenderReport, delaySinceLastReport: 6554 })
  assert.ok(Math.abs(target.quality!.roundTripMs! - 50) < 1)
  assert.deepEqual({ ...target.quality, roundTripMs: 0 }, { lossFraction: 0.5, lost: 3, jitterMs: 10, roundTripMs: 0 })
})

test('a newcomer is brought up to the present in a moment, paced, each frame dated as it leaves, then follows without a jump', () => {
  const { target, sent, times, clock } = sender()
  const frames = Array.from({ length: 60 }, (_, i) => packet(i, i * 3000, 'ab'.repeat(1000)))
  using catchUp = new CatchUp(frames, target, clock, 90_000)
  assert.ok(sent.length >= 1 && sent.length <= 5, `${sent.length} at once`)
  catchUp.push(packet(60, 60 * 3000))
  clock.advance(100)
  assert.ok(catchUp.done)
  target.write(packet(61, 61 * 3000))
  assert.deepEqual(sent.map(p => (p.sequenceNumber - sent[0]!.sequenceNumber) & 0xffff), Array.from({ length: 62 }, (_, i) => i), 'no number is missing')
  const dates = sent.map(({ timestamp }) => timestamp - sent[0]!.timestamp | 0)
  assert.ok(dates.every((date, i) => i === 0 || date - dates[i - 1]! >= 9), 'frames stay apart')
  const late = dates.slice(0, 61).map((date, i) => date - (times[i]! - times[0]!) * 90)
  assert.ok(late.every(ticks => ticks >= 0 && ticks <= 64 * 9), `dated as they leave, but for ${Math.max(...late)} ticks`)
  assert.equal(dates[61], 59 * 9 + 2 * 3000, 'what is live keeps its own time')
  target.rewriter.restart()
  clock.advance(500)
  using again = new CatchUp([packet(900, 5), packet(901, 3005)], target, clock, 90_000)
  assert.ok(again.done)
  assert.equal(sent.at(-1)!.timestamp - sent[61]!.timestamp | 0, 45_000, 'another source is later by the time that passed')
})

test('padding repeats what was sent lately as retransmissions, and is nothing where there are none', () => {
  const clock = new ManualClock()
  const sent: RtpPacket[] = []
  const open = (rtx: { ssrc: number, payloadType: number } | undefined): RtpSender =>
    new RtpSender({ ssrc: 7, payloadType: 96, clockRate: 90_000, rtx, clock, target: printTarget(bytes => { sent.push(RtpPacket.parse(Buffer.from(bytes))); return true }) })
  const sender = open({ ssrc: 8, payloadType: 97 })
  assert.equal(sender.pad(), 0, 'nothing was sent yet')
  for (let i = 0; i < 3; i++) sender.write(packet(i, i * 3000, `a${i}`))
  const numbers = sent.map(({ sequenceNumber }) => sequenceNumber)
  sent.length = 0
  for (let i = 0; i < 4; i++) assert.equal(sender.pad(), 12 + 2 + 1)
  assert.deepEqual(sent.map(({ ssrc, payloadType }) => [ssrc, payloadType]), Array.from({ length: 4 }, () => [8, 97]))
  assert.deepEqual(sent.map(({ payload }) => payload.readUInt16BE(0)), [numbers[2], numbers[1], numbers[0], numbers[2]])
  assert.deepEqual(sent.map(({ payload }) => payload[2]), [0xa2, 0xa1, 0xa0, 0xa2])
  assert.deepEqual([sender.packets, sender.resent, sender.padded], [3, 0, 4])
  clock.advance(60_000)
  assert.equal(sender.pad(), 0, 'too old to be of use')
  const plain = open(undefined)
  plain.write(packet(1, 0))
  assert.deepEqual([plain.pads, plain.pad()], [false, 0])
})

test('whatever was sent before to whom, a packet has its own payload behind its own header', () => {
  const clock = new ManualClock()
  const sent: RtpPacket[] = []
  const sender = (options: Partial<ConstructorParameters<typeof RtpSender>[0]>): RtpSender => new RtpSender({
    ssrc: 7, payloadType: 96, clockRate: 90_000, clock, ...options,
    target: printTarget(bytes => { sent.push(RtpPacket.parse(Buffer.from(bytes))); return true })
  })
  const redundancy = new Redundancy(63, 96)
  redundancy.depth = 1
  const again = sender({ rtx: { ssrc: 8, payloadType: 97 } })
  const repeating = sender({ redundancy })
  const senders = [sender({}), sender({}), again, repeating, sender({ extensions: new ExtensionBlock([{ id: 3, value: Buffer.of(1, 2, 3) }]) })]
  let seed = 5
  const random = (below: number): number => { seed = Math.imul(seed, 1103515245) + 12345 >>> 0; return (seed >>> 8) % below }
  for (let n = 1; n <= 200; n++) {
    const payload = Buffer.alloc(1 + n % 50, n).toString('hex')
    const next = packet(n, n * 3000, payload)
    for (const each of senders.toSorted(() => random(3) - 1)) {
      sent.length = 0
      each.write(next)
      const came = sent[0]!.payload.toString('hex')
      assert.ok(each === repeating ? came.endsWith(payload) : came === payload, `packet ${n}: ${came}`)
      if (each !== again || random(2) === 0) continue
      again.resend([again.rewriter.sequenceNumber])
      assert.equal(sent[1]!.payload.subarray(2).toString('hex'), payload)
    }
  }
})
