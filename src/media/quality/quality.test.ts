import assert from 'node:assert/strict'
import test from 'node:test'
import { RtpPacket } from '../rtp-packet.ts'
import { FreezeMeter } from './freeze-meter.ts'
import { ArrivalBursts, LossBursts } from './loss-bursts.ts'
import { WholeFrames } from './whole-frames.ts'

/** `x` is lost, a digit stands for so many received. */
function burstsOf (fates: string): LossBursts {
  const bursts = new LossBursts()
  for (const [fate] of fates.matchAll(/x|\d+/g)) {
    if (fate === 'x') bursts.add(true)
    else for (let i = 0; i < Number(fate); i++) bursts.add(false)
  }
  return bursts
}

const rows: [fates: string, count: number, meanPackets: number, longestPackets: number, why: string][] = [
  ['100', 0, 0, 0, 'nothing was lost'],
  ['50 x 50', 0, 0, 0, 'a loss on its own is no burst'],
  ['50 x 16 x 50', 0, 0, 0, '16 received in a row lie in a gap'],
  ['50 x 15 x 50', 1, 17, 17, 'fewer do not end a burst'],
  ['50 xx 20 xxxx 20', 2, 3, 4, 'two bursts'],
  ['xx 1 x', 1, 4, 4, 'one that still goes on counts'],
  ['50 xx 3 x 20 x 30 xxx 16 x', 2, 4.5, 6, 'as long as from its first loss to its last']
]
for (const [fates, count, meanPackets, longestPackets, why] of rows) {
  test(`bursts of ${fates}: ${why}`, () => {
    const { ratio: _ratio, ...figures } = burstsOf(fates).describe()
    assert.deepEqual(figures, { count, meanPackets, longestPackets })
  })
}

test('losses by chance have a burst ratio of about 1, losses in heaps of their mean length', () => {
  let state = 1
  const random = (): number => (state = Math.imul(state, 1_664_525) + 1_013_904_223 >>> 0) / 2 ** 32
  const chance = new LossBursts()
  for (let i = 0; i < 50_000; i++) chance.add(random() < 0.05)
  assert.ok(Math.abs(chance.describe().ratio - 1) < 0.05, `${chance.describe().ratio}`)
  const heaps = burstsOf('95 xxxxx '.repeat(100)).describe()
  assert.ok(Math.abs(heaps.ratio - 5 * 0.95) < 0.1, `${heaps.ratio}`)
})

test('a packet that comes late was not lost; over the wrap; a source that starts anew loses nothing', () => {
  const bursts = new ArrivalBursts()
  const sent = Array.from({ length: 400 }, (_, i) => (65_400 + i) & 0xffff)
  const late = sent.splice(50, 3)
  const gone = sent.splice(200, 4)
  sent.splice(70, 0, ...late)
  for (const sequenceNumber of sent) bursts.add(sequenceNumber)
  for (let i = 0; i < 100; i++) bursts.add(40_000 + i)
  assert.equal(gone.length, 4)
  assert.deepEqual(bursts.describe(), { count: 1, meanPackets: 4, longestPackets: 4, ratio: bursts.describe().ratio })
})

test('a freeze is what webrtc-stats calls one', () => {
  const played = (...frames: readonly [count: number, everyMs: number][]): number[] => {
    const meter = new FreezeMeter()
    let now = 0
    for (const [count, everyMs] of frames) for (let i = 0; i < count; i++) meter.frame(now += everyMs)
    return [meter.count, meter.totalMs]
  }
  assert.deepEqual(played([40, 33], [1, 183], [10, 33]), [0, 0], 'no longer than the mean and 150 ms')
  assert.deepEqual(played([40, 33], [1, 184], [10, 33]), [1, 184])
  assert.deepEqual(played([40, 200], [1, 600], [10, 200]), [0, 0], 'at five frames a second no longer than three of them')
  assert.deepEqual(played([40, 200], [1, 700], [40, 200], [1, 800]), [2, 1500])
  assert.deepEqual(played([3, 33], [1, 900]), [0, 0], 'nobody knows yet what is usual')
})

/** VP8: `k` begins a keyframe, `d` another frame, `m` is the middle of one; a capital has the marker. */
const vp8 = (what: string, sequenceNumber: number): RtpPacket => {
  const payload = what.toLowerCase() === 'k' ? Buffer.of(0x10, 0) : what.toLowerCase() === 'd' ? Buffer.of(0x10, 1) : Buffer.of(0x00, 1)
  return RtpPacket.build({ payloadType: 96, marker: what === what.toUpperCase(), sequenceNumber: sequenceNumber & 0xffff, timestamp: 0, ssrc: 1 }, payload)
}

test('a frame can be shown when all before it has come, or from a keyframe on', () => {
  const script = 'kmMdMDdmMkMD'
  const start = 65_530
  const play = (order: readonly number[]): number[] => {
    const frames = new WholeFrames('VP8')
    return order.map(index => frames.add(vp8(script[index]!, start + index)))
  }
  assert.deepEqual(play([0, 1, 2, 3, 4, 5]), [0, 0, 1, 0, 1, 1])
  assert.deepEqual(play([0, 2, 3, 4, 1]), [0, 0, 0, 0, 2], 'a packet that was missing lets two frames go')
  assert.deepEqual(play([0, 1, 2, 4, 5, 7, 8, 9, 10, 11]), [0, 0, 1, 0, 0, 0, 0, 0, 1, 1], 'until the keyframe nothing can be shown')
  assert.deepEqual(play([0, 1, 2, 3, 4, 4, 3]), [0, 0, 1, 0, 1, 0, 0], 'twice is once')
})
